# SPDX-License-Identifier: MIT
"""Debian packages, by purpose. install() adds only what is missing, and starts no service."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.harness.trouble import Trouble

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / ".cache/apt.log"
PYTHON = "/usr/bin/python3"      # Debian's, which is where the modules of its packages are

PACKAGES = {
    "build": ("gcc libc6-dev meson ninja-build pkg-config libevent-dev libssl-dev libconfuse-dev "
              "libjansson-dev libzstd-dev libxxhash-dev libnghttp2-dev libmaxminddb-dev "
              "libsqlite3-dev libknot-dev libexpat1-dev libmemcached-dev libcmocka-dev"),
    "test": ("clang-14 libclang-rt-14-dev clang-format-14 python3-pytest python3-pytest-xdist "
             "python3-h2 openssl curl zstd aria2 python3-libtorrent nghttp2-client "
             "libmaxmind-db-writer-perl "
             "bind9-dnsutils knot-dnsutils unbound "
             "python3-jsonschema chromium chromium-driver python3-selenium "
             "swift-proxy swift-account swift-container swift-object memcached"),
    "up": "curl openssl libmaxmind-db-writer-perl",
    "peers": "wrk nginx nghttp2-client openssl",
    "plot": "gnuplot-nox",
    "uml": "user-mode-linux iproute2",
    "dns": "dnsperf gdnsd libmaxmind-db-writer-perl",
}

# Run as root. A policy-rc.d that answers 101 keeps dpkg from starting what it installs; whatever
# stood there before stands there again afterwards.
INSTALL = """
policy=/usr/sbin/policy-rc.d
restore() {
    rm -f "$policy"
    if [ -e "$policy.kept" ]; then mv "$policy.kept" "$policy"; fi
}
if [ -e "$policy" ]; then mv "$policy" "$policy.kept"; fi
trap restore EXIT
trap 'exit 130' INT TERM
printf '#!/bin/sh\\nexit 101\\n' >"$policy" && chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 update ||
    echo "update failed; going on with the lists that are here"
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
"""


def missing(names):
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *names],
        capture_output=True, text=True)
    present = {line.split()[1] for line in done.stdout.splitlines()
               if line.startswith("installed ")}
    return [n for n in names if n not in present]


def install(*purposes):
    install_names(list(dict.fromkeys(" ".join(PACKAGES[p] for p in purposes).split())))


def install_names(names):
    if not names:
        return
    if shutil.which("dpkg-query") is None:
        print("not a Debian: taking it that these are here: " + " ".join(names))
        return
    absent = missing(names)
    if not absent:
        return
    if os.geteuid() != 0 and shutil.which("sudo") is None:
        raise Trouble("packages are missing and there is no sudo",
                      "as root: apt-get install " + " ".join(absent))
    print(f"installing {len(absent)} packages: {' '.join(absent)}", flush=True)
    LOG.parent.mkdir(exist_ok=True)
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    with open(LOG, "w") as log:
        done = subprocess.run([*as_root, "sh", "-c", INSTALL, "install", *absent], stdout=log,
                              stderr=subprocess.STDOUT)
    still = missing(absent)
    if still:
        words = [line for line in LOG.read_text().splitlines() if line.startswith("E:")]
        why = words[-1] if words else f"apt-get ended with {done.returncode}"
        raise Trouble(f"cannot install {' '.join(still)}",
                      f"{why} (see {LOG.relative_to(ROOT)}), then run this again")
