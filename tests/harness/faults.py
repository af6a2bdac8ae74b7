# SPDX-License-Identifier: MIT
"""Disks that fail: a layer between a program and its disks (tests/fault/disk_faults.c), file
systems of any size, and bytes flipped in an edge's records.

    disks = Disks(tmp_path / "faults", a, b)            folders
    edge.environment = disks.environment()              before it starts
    disks.set(b, read_ms=2000)                          from here on; disks.set(b): well again"""

import contextlib
import mmap
import os
import re
import struct
import subprocess

from tests.harness.programs import build_folder

RULE, RULES = struct.Struct("<240s8i"), 4
FIELDS = ("open_errno", "read_errno", "write_errno", "allocate_errno", "sync_errno", "read_ms",
          "write_ms", "sync_ms")
PULLED = {f"{call}_errno": 5 for call in ("open", "read", "write", "allocate", "sync")}


class Disks:
    def __init__(self, file, *folders):
        self.file, self.folders = file, [os.path.realpath(f) for f in folders]
        file.write_bytes(b"\0" * RULE.size * RULES)
        with open(file, "r+b") as f:
            self._map = mmap.mmap(f.fileno(), 0)
        for folder in folders:
            self.set(folder)

    def set(self, folder, **how):
        at = self.folders.index(os.path.realpath(folder))
        values = [how.get(name, 0) for name in FIELDS]
        self._map[at * RULE.size:(at + 1) * RULE.size] = RULE.pack(
            self.folders[at].encode(), *values)

    def environment(self):
        """A sanitizer's runtime comes first: what it catches may not be called before it began."""
        layer = build_folder() / "tests/libdisk_faults.so"
        listed = subprocess.run(["ldd", str(build_folder() / "edge/byeori-edge")],
                                capture_output=True, text=True).stdout
        runtime = re.findall(r"=> (\S*/libasan\.so\S*)", listed)
        return {"LD_PRELOAD": ":".join([*runtime, str(layer)]), "BYEORI_FAULTS": str(self.file)}


@contextlib.contextmanager
def file_system(folder, megabytes, inodes=64):
    """An ext4 of that size at folder, on a loop device; None where the machine does not let us."""
    image = folder.with_suffix(".image")
    folder.mkdir()
    with open(image, "wb") as f:
        f.truncate(megabytes << 20)
    steps = (["mkfs.ext4", "-q", "-m", "0", "-N", str(inodes), str(image)],
             ["mount", "-o", "loop", str(image), str(folder)])
    try:
        is_there = all(subprocess.run(s, capture_output=True).returncode == 0 for s in steps)
    except FileNotFoundError:
        is_there = False
    try:
        yield folder if is_there else None
    finally:
        if is_there:
            subprocess.run(["umount", str(folder)], check=True)
        image.unlink()


# What edge/store/disk_format.h says.
PAGE, ALIGN, LARGE, BLOCK_KIND = 4096, 64, 32768, 0x314b4c42
HEAD, RECORD = struct.Struct("<QIIQQQ"), struct.Struct("<IIQQQQQQII")


def _up(n, unit):
    return -(-n // unit) * unit


def records(folder):
    """(file, offset of the record, its RECORD fields) of every block that was ever written there
    and not written over."""
    for file in sorted(folder.glob("*.segment")):
        data = file.read_bytes()
        sequence, at = HEAD.unpack_from(data)[3], PAGE
        while at + RECORD.size <= len(data):
            r = RECORD.unpack_from(data, at)
            kind, length, payload = r[0], r[1], r[8]
            after = at + RECORD.size
            right = _up(after, PAGE) if length >= LARGE else after
            if r[2] != sequence or payload != right:
                at = _up(at + 1, PAGE)
                continue
            if kind == BLOCK_KIND:
                yield file, at, r
            at = _up(payload + length, ALIGN)


def flip(folder, count):
    """One byte in each of the first `count` blocks' payloads; how many that were."""
    done = 0
    for file, _, r in records(folder):
        if done == count:
            break
        with open(file, "r+b") as f:
            f.seek(r[8] + r[1] // 2)
            byte = f.read(1)[0]
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte ^ 0x10]))
        done += 1
    return done
