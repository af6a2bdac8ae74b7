# SPDX-License-Identifier: MIT
"""Bytes without end that can be made at any offset and checked anywhere. They repeat only after a
prime number of bytes, so that a block at a wrong place never looks right."""

import hashlib
import random

PERIOD = 1048573
STEP = 1 << 20


class Content:
    def __init__(self, size, seed=1):
        self.size = size
        self._pool = random.Random(seed).randbytes(PERIOD) * 3

    def read(self, start, count):
        """At most count bytes from start; fewer at the end."""
        count = max(0, min(count, self.size - start))
        parts = []
        while count > 0:
            at = start % PERIOD
            part = self._pool[at:at + min(count, PERIOD * 2)]
            parts.append(part)
            start, count = start + len(part), count - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def pieces(self, start=0, count=None):
        end = self.size if count is None else min(self.size, start + count)
        while start < end:
            piece = self.read(start, min(STEP, end - start))
            yield piece
            start += len(piece)

    def sha256(self):
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()

    def write_to(self, path):
        with open(path, "wb") as f:
            f.writelines(self.pieces())


class Fixed(Content):
    """The same face over bytes that are already there."""

    def __init__(self, body):
        self.size, self._body = len(body), body

    def read(self, start, count):
        return self._body[start:start + count]
