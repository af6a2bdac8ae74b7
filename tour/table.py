# SPDX-License-Identifier: MIT
"""The tour's results as a table: what was claimed, what was measured, and whether it holds."""

import sys

GOOD, BAD, PLAIN = ("\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


class Results:
    def __init__(self):
        self.rows = []

    def add(self, claim, measured, holds):
        self.rows.append((claim, measured, holds))
        mark = f"{GOOD}holds{PLAIN}" if holds else f"{BAD}FAILS{PLAIN}"
        print(f"   {mark}  {claim}: {measured}", flush=True)

    def hold(self):
        return all(holds for _, _, holds in self.rows)

    def print(self):
        wide = max(len(claim) for claim, _, _ in self.rows)
        measured = max(len(m) for _, m, _ in self.rows)
        print(f"\n{'claim':{wide}}  {'measured':{measured}}  holds")
        print(f"{'-' * wide}  {'-' * measured}  -----")
        for claim, m, holds in self.rows:
            print(f"{claim:{wide}}  {m:{measured}}  {'yes' if holds else 'NO'}")
        count = sum(holds for _, _, holds in self.rows)
        print(f"\n{count} of {len(self.rows)} claims hold")
