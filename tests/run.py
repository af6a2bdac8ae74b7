# SPDX-License-Identifier: MIT
"""./byeori test: installs, builds, and runs every suite; the last line is `N passed, N failed`.

A suite is a row of SUITES: a name, the build it needs, and a function that returns results. Output
of what passed is kept back; of what failed it is printed."""

import argparse
import json
import os
import subprocess
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests import attempts
from tests.harness import builds, packages
from tests.harness.programs import SANITIZERS
from tests.harness.trouble import Trouble

# Many tests wait for what takes its time: more of them than there are cores keeps these busy.
TESTERS = str(int(builds.JOBS) + 2)
UNIT_TESTERS = str(int(builds.JOBS) * 2)


@dataclass
class Result:
    name: str
    ok: bool
    output: str = ""
    where: str = ""      # how the runner of its suite finds it again
    first: str = ""      # what the first attempt said, where there were two


def meson_log(folder, suite, names=()):
    """One run of `meson test`, read back from its JSON log."""
    log = folder / "meson-logs" / f"{suite}.json"
    done = subprocess.run(
        ["meson", "test", "-C", str(folder), "--no-rebuild", "--suite", suite, "--logbase", suite,
         "--num-processes", UNIT_TESTERS, *names], capture_output=True, text=True)
    if not log.exists():
        return [Result(f"{folder.name} {suite}", False, done.stdout + done.stderr)]
    results = []
    for line in log.read_text().splitlines():
        t = json.loads(line)
        ok = t["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
        output = (t.get("stdout") or "") + (t.get("stderr") or "")
        name = t["name"].split(" / ")[-1]
        ended = f" (ended with {t['returncode']})" if t.get("returncode") else ""
        results.append(Result(name, ok, f"{t['result']}{ended}\n{output}", where=name))
    log.unlink()
    return results


def meson(folder, suite, options):
    results = [r for r in meson_log(folder, suite) if options.pattern in r.name]
    if options.once:
        return results
    return attempts.second(results, lambda r: meson_log(folder, suite, [r.where]))


def pytest_run(folder, what, options, testers):
    """One run of pytest with the programs of one build, read back from its XML report."""
    report = builds.ROOT / ".cache" / f"e2e-{folder.name}.xml"
    report.unlink(missing_ok=True)
    command = [packages.PYTHON, "-m", "pytest", "-q", "--tb=short", "-n", testers, "--dist", "load",
               "-p", "no:cacheprovider", f"--junitxml={report}", *what]
    env = dict(os.environ, **SANITIZERS, BYEORI_BUILD=str(folder), PYTHONDONTWRITEBYTECODE="1")
    env |= {"BYEORI_LONG": "1"} if options.long else {}
    done = subprocess.run(command, cwd=builds.ROOT, env=env, capture_output=True, text=True)
    if done.returncode == 5:     # nothing collected: no test bears the mark
        return []
    if not report.exists():
        return [Result("pytest", False, done.stdout + done.stderr)]
    results = []
    for case in ET.parse(report).iter("testcase"):
        wrong = [e for e in case if e.tag in ("failure", "error")]
        if case.find("skipped") is None:
            name = f"{case.get('classname', '').split('.')[-1]}::{case.get('name')}"
            said = [e.text or "" for e in case if e in wrong or e.tag == "system-err"]
            where = f"tests/{case.get('file')}::{case.get('name')}" if case.get("file") else ""
            results.append(Result(name, not wrong, "\n".join(said), where=where))
    return results


def end_to_end(folder, mark, options):
    what = ["tests/e2e", "tests/fault"]
    what += ["-m", mark] if mark else []
    what += ["-k", options.pattern] if options.pattern else []
    results = pytest_run(folder, what, options, TESTERS)
    if options.once:
        return results
    return attempts.second(results, lambda r: pytest_run(folder, [r.where], options, "0"))


def fuzz_one(program, seconds):
    corpus = builds.ROOT / "tests/fuzz/corpus" / program.name.removesuffix("_fuzz")
    found = program.parent / "found" / program.name
    found.mkdir(parents=True, exist_ok=True)
    command = [program, f"-max_total_time={seconds}", f"-artifact_prefix={found}/", "-timeout=10",
               "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1", str(found)]
    command += [str(corpus)] if corpus.is_dir() else []
    done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                          env=dict(os.environ, **SANITIZERS))
    return Result(f"fuzz {program.name} {seconds} s", done.returncode == 0, done.stderr)


def fuzzers(folder, _, options):
    programs = [p for p in sorted((folder / "tests").glob("*_fuzz"))
                if os.access(p, os.X_OK) and p.is_file() and options.pattern in p.name]
    seconds = 600 if options.long else 5
    with ThreadPoolExecutor(max_workers=int(builds.JOBS)) as pool:
        return list(pool.map(lambda p: fuzz_one(p, seconds), programs))


# name, build folder, how, with what
SUITES = [
    ("lint", "build", meson, "lint"),
    ("unit", "build", meson, "unit"),
    ("e2e", "build", end_to_end, ""),
    ("asan-unit", "build-asan", meson, "unit"),
    ("asan-corpus", "build-asan", meson, "fuzz"),
    ("asan-e2e", "build-asan", end_to_end, "not speed"),
    ("tsan-unit", "build-tsan", meson, "threads"),
    ("tsan-e2e", "build-tsan", end_to_end, "threads"),
    ("fuzz", "build-clang", fuzzers, None),
]


def arguments_of(arguments):
    parser = argparse.ArgumentParser(prog="./byeori test", description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="SUITE", action="append", default=[],
                        choices=[s[0] for s in SUITES],
                        help="may be repeated: " + " ".join(s[0] for s in SUITES))
    parser.add_argument("--long", action="store_true",
                        help="fuzz 600 s each instead of 5 s; ten times the random requests")
    parser.add_argument("--once", action="store_true",
                        help="what fails in company is not tried again alone")
    parser.add_argument("pattern", nargs="?", default="", help="only tests whose name has this")
    return parser.parse_args(arguments)


def show(suite, results, seconds):
    wrong = [r for r in results if not r.ok]
    late = [r for r in results if r.ok and r.first]
    told = f" {len(late)} of them alone, at the second attempt" if late else ""
    print(f"{suite:12} {len(results) - len(wrong):4} passed {len(wrong):4} failed "
          f"{seconds:6.1f} s{told}", flush=True)
    for r in late:
        print(f"--- {suite}: {r.name} (passed alone) had said\n{attempts.excerpt(r.first)}")
    for r in wrong:
        print(f"--- {suite}: {r.name}\n{attempts.excerpt(r.output)}", flush=True)


def suites_of(options):
    return [s for s in SUITES if not options.only or s[0] in options.only]


def run(arguments):
    options = arguments_of(arguments)
    packages.install("build", "test")
    passed = failed = 0
    built = {}
    for name, folder, how, what in suites_of(options):
        started = time.monotonic()
        if folder not in built:
            try:
                built[folder] = builds.build(folder)
                print(f"{'built':12} {folder}/ {time.monotonic() - started:26.1f} s", flush=True)
            except Trouble as trouble:
                built[folder] = None
                print(f"byeori: {trouble}")
                failed += 1
        if built[folder] is None:
            continue
        started = time.monotonic()
        results = how(built[folder], what, options)
        show(name, results, time.monotonic() - started)
        passed += sum(r.ok for r in results)
        failed += sum(not r.ok for r in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
