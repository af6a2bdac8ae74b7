# SPDX-License-Identifier: MIT
"""What a person can mend: said in one line, with the remedy."""


class Trouble(Exception):
    def __init__(self, what, remedy):
        super().__init__(f"{what}: {remedy}")
