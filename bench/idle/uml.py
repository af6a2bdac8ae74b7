# SPDX-License-Identifier: MIT
"""The same bench in user-mode Linux: a kernel of its own, as a process, whose root may raise the
bound of descriptors where the machine's may not. It sees this machine's files. Memory that programs
take in it is what they take anywhere; times in it say nothing."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.harness import packages
from tests.harness.trouble import Trouble

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "BYEORI_IN_UML"
MIB_FOR_SYSTEM, CONNECTIONS_IN_MIB = 1024, 16  # both ends of a connection, and what clients hold
LONGEST_S = 1800

INIT = """#!/bin/sh
mount -t proc proc /proc
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm
ip link set lo up
ulimit -n {descriptors}
cd {root}
PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root {name}=1 BYEORI_BUILD={build} \\
    /usr/bin/python3 -m bench.idle.run {arguments} >{out} 2>&1
echo $? >{status}
echo o >/proc/sysrq-trigger
sleep 60
"""


def is_inside():
    return INSIDE in os.environ


def run(descriptors, connections):
    """This program with the same arguments in there; its exit code."""
    packages.install("uml")
    print(f"more descriptors than a process may have here: in user-mode Linux, up to "
          f"{LONGEST_S // 60} minutes", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        init, out, status = (Path(folder) / name for name in ("init", "out", "status"))
        build = os.environ.get("BYEORI_BUILD") or ROOT / "build"
        init.write_text(INIT.format(
            descriptors=descriptors, root=ROOT, name=INSIDE, build=Path(build).resolve(),
            arguments=" ".join(sys.argv[1:]), out=out, status=status))
        init.chmod(0o755)
        mib = MIB_FOR_SYSTEM + connections // CONNECTIONS_IN_MIB
        console = subprocess.run(
            ["linux.uml", f"mem={mib}M", "rootfstype=hostfs", "rw", f"init={init}", "quiet",
             "con=null", "con0=fd:0,fd:1"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=LONGEST_S)
        if out.exists():
            print(out.read_text(), end="")
        if not status.exists():
            raise Trouble("user-mode Linux stopped", "\n".join(console.stdout.splitlines()[-5:]))
        return int(status.read_text())
