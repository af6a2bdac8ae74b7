# SPDX-License-Identifier: MIT
"""A second attempt for tests that failed in company, and what of an output is worth showing.

The suites run side by side, more of them than there are cores, on machines that stand still for
seconds at times. What failed there by its clock alone passes alone; what is broken fails again.
So few failures are tried once more, one at a time, and what passes then is still named, with what
it had said. A crash, a failed check or a sanitizer's report is never tried again: these find races,
which hide when asked twice. `./byeori test --once` gives nothing a second attempt."""

import re

SECOND_MAX = 4           # a suite with more failures than that is broken
SHOWN_LINES = 60
TELLING_LINES = 20

GRAVE = re.compile(r"(?:ERROR: |WARNING: )(?:Address|Thread|UndefinedBehavior|Leak)Sanitizer"
                   r"|: runtime error: |check failed|CHECK\(|ended with -|failed with exception")
# What a test leaves behind that was given up in its middle.
LEFT_BEHIND = re.compile(r"(?:ERROR: LeakSanitizer|WARNING: ThreadSanitizer: thread leak)")
GIVEN_UP = "[  FAILED  ]"
TELLING = re.compile(r"\[  (?:ERROR|FAILED) |error: |Error\b|assert|^E  |Sanitizer|TIMEOUT")


def is_grave(output):
    if GIVEN_UP in output:
        output = LEFT_BEHIND.sub("", output)
    return GRAVE.search(output) is not None


def second(results, again):
    """again(result) -> the results of that test alone. The results, with what these gave."""
    failed = [r for r in results if not r.ok]
    if len(failed) > SECOND_MAX:
        return results
    for r in failed:
        if r.where and not is_grave(r.output):
            then = again(r)
            r.ok = bool(then) and all(t.ok for t in then)
            r.first, r.output = r.output, "\n".join(t.output for t in then) or r.output
    return results


def excerpt(output):
    """The last lines, and before them what tells the reason where that was said earlier."""
    lines = output.rstrip().splitlines()
    if len(lines) <= SHOWN_LINES:
        return "\n".join(lines)
    early = [line for line in lines[:-SHOWN_LINES] if TELLING.search(line)]
    return "\n".join([*early[:TELLING_LINES], "...", *lines[-SHOWN_LINES:]])
