# SPDX-License-Identifier: MIT
"""Free TCP and UDP ports on loopback that no other test process will choose at the same time: a
choice is held by a name in the abstract socket space, which the kernel frees with the process."""

import random
import socket

FIRST, LAST = 10000, 30000       # below the range from which the kernel takes outgoing ports
_held = []


def _is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True


def free_port():
    while True:
        port = random.randrange(FIRST, LAST)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0byeori-port-{port}")
        except OSError:
            claim.close()
            continue
        if _is_free(port):
            _held.append(claim)
            return port
        claim.close()
