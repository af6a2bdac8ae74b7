# SPDX-License-Identifier: MIT
"""What a player with the old release loads to have the new one, two real versions of a package of
Debian: bytes as they are, by zstd at the edge, by dcz, and by zstd --patch-from; the edge's CPU."""

import argparse
import base64
import ctypes
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from tests.harness import packages
from tests.harness.programs import Edge, OriginGateway, build_folder
from tests.harness.trouble import Trouble

CACHE = Path(__file__).resolve().parents[2] / ".cache/patch"
OLD, NEW = "app/1", "app/2"
LEVEL = 12    # of deltas, as `publish` has it


def said(*arguments, **options):
    done = subprocess.run(arguments, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Trouble(f"{arguments[0]} ended with {done.returncode}", done.stderr.strip()[-300:])
    return done.stdout


def versions_of(package):
    """The two newest that apt knows, the older one first."""
    rows = [row.split("|") for row in said("apt-cache", "madison", package).splitlines()]
    found = list(dict.fromkeys(r[1].strip() for r in rows if "Packages" in r[2]))
    if len(found) < 2:
        raise Trouble(f"apt knows {len(found)} versions of {package}", "another --package has two")
    return found[1], found[0]


def unpack(package, version, to):
    """Its files, from the cache where they were fetched before."""
    folder = CACHE / f"{package}_{version.replace(':', '%3a')}"
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("*.deb")):
        said("apt-get", "download", f"{package}={version}", cwd=folder)
    said("dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(to))


def drop_links(root):
    """A release is files."""
    for path in root.rglob("*"):
        if path.is_symlink():
            path.unlink()


def files_of(root):
    return {str(p.relative_to(root)): p for p in root.rglob("*") if p.is_file()}


def publish(folder, store, name, *more):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = said(str(build_folder() / "origin/byeori-origin"), "publish", str(folder), "--to",
               str(store), "--as", name, "--quiet", *more)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return out, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_of(program):
    """Seconds of all threads, user and kernel."""
    tasks = Path(f"/proc/{program.process.pid}/task").glob("*/schedstat")
    return sum(int(t.read_text().split()[0]) for t in tasks) / 1e9


def load(edge, paths, fields_of):
    """Every path once: (bytes on the wire, CPU seconds of the edge, {path: (coding, body)})."""
    before, got = cpu_of(edge), {}
    with edge.client() as c:
        for path in paths:
            r = c.request("GET", f"/{NEW}/{quote(path)}", **fields_of(path))
            assert r.status == 200, (path, r.status)
            got[path] = r.header("Content-Encoding"), r.body
    return sum(len(b) for _, b in got.values()), cpu_of(edge) - before, got


class Buffer(ctypes.Structure):
    _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t)]


def undone(body, old, size):
    """A delta undone as a player does it, by libzstd with a window of 128 MiB at most: the header
    of dcz is a frame that is skipped, and the old file is the dictionary of each frame after it."""
    lib = ctypes.CDLL("libzstd.so.1")
    for name in ("ZSTD_createDCtx", "ZSTD_decompressStream", "ZSTD_DCtx_setParameter",
                 "ZSTD_DCtx_loadDictionary"):
        getattr(lib, name).restype = ctypes.c_void_p if "create" in name else ctypes.c_size_t
    context = ctypes.c_void_p(lib.ZSTD_createDCtx())
    plain = ctypes.create_string_buffer(size + 1)
    come = Buffer(ctypes.cast(body, ctypes.c_void_p), len(body), 0)
    gone = Buffer(ctypes.cast(plain, ctypes.c_void_p), size + 1, 0)
    lib.ZSTD_DCtx_setParameter(context, 100, 27)
    lib.ZSTD_DCtx_loadDictionary(context, old, ctypes.c_size_t(len(old)))
    while come.pos < come.size:
        left = lib.ZSTD_decompressStream(context, ctypes.byref(gone), ctypes.byref(come))
        assert not lib.ZSTD_isError(ctypes.c_size_t(left))
    lib.ZSTD_freeDCtx(context)
    return plain.raw[:gone.pos]


def decoded(at, coding, body, old, size):
    if coding is None:
        return body
    if coding == "dcz":
        return undone(body, old.read_bytes(), size)
    (at / "coded").write_bytes(body)
    said("zstd", "-q", "-f", "-d", str(at / "coded"), "-o", str(at / "plain"))
    return (at / "plain").read_bytes()


def patch_from(at, old, new):
    """Bytes and CPU of the command line tool alone, file by file."""
    total, before = 0, resource.getrusage(resource.RUSAGE_CHILDREN)
    for path, file in new.items():
        more = [f"--patch-from={old[path]}", "--long=31"] if path in old else []
        said("zstd", "-q", "-f", f"-{LEVEL}", *more, str(file), "-o", str(at / "patch"))
        total += (at / "patch").stat().st_size
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return total, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(at, package):
    old_version, new_version = versions_of(package)
    old_root, new_root, store = at / "old", at / "new", at / "store"
    store.mkdir()
    for version, root in ((old_version, old_root), (new_version, new_root)):
        unpack(package, version, root)
        drop_links(root)
    old, new = files_of(old_root), files_of(new_root)
    changed = {p: f for p, f in new.items() if p not in old or f.read_bytes() !=
               old[p].read_bytes()}
    whole = sum(f.stat().st_size for f in new.values())
    print(f"\n{package} {old_version} -> {new_version}: {len(new)} files, {whole / 1e6:.1f} MB; "
          f"{len(changed)} of them changed")
    publish(old_root, store, OLD)
    out, cpu = publish(new_root, store, NEW, "--delta-from", OLD, "--delta-level", str(LEVEL))
    print(out.splitlines()[0] + f"; the publisher took {cpu:.1f} s of CPU for all")
    gateway = OriginGateway(at, lambda port: {
        "workers": 1, "folder": str(store), ("listen", "http"): {"address": f"127.0.0.1:{port}"},
        ("rule", "/*"): {"cache_control": "public, max-age=86400", "companions": ["dcz"],
                         "dictionary": "/app/*"}}).start()
    edge = Edge(at, [gateway.url], over={"memory": "2GiB"}, site={
        "encode": "zstd", "encode_types": ["*"], "encode_max": "1GiB"}).start()
    digests = {p: base64.b64encode(hashlib.sha256(f.read_bytes()).digest()).decode()
               for p, f in old.items()}
    ways = {
        "as it is": lambda path: {},
        "zstd at the edge": lambda path: {"Accept-Encoding": "zstd"},
        "dcz": lambda path: {"Accept-Encoding": "zstd, dcz", **(
            {"Available-Dictionary": f":{digests[path]}:"} if path in digests else {})}}
    try:
        print("| way | MB to the player | of as it is | edge's CPU first, s | again, s |")
        print("|---|---|---|---|---|")
        full = None
        for way, fields_of in ways.items():
            size, first, got = load(edge, changed, fields_of)
            for path, (coding, body) in got.items():
                file = changed[path]
                assert decoded(at, coding, body, old.get(path), file.stat().st_size) == \
                    file.read_bytes(), path
            deltas = sum(c == "dcz" for c, _ in got.values())
            again = load(edge, changed, fields_of)[1]
            full = full or size
            note = f" ({deltas} files as deltas)" if way == "dcz" else ""
            print(f"| {way}{note} | {size / 1e6:.2f} | {size / full:.4f} | {first:.2f} | "
                  f"{again:.2f} |")
        size, cpu = patch_from(at, old, changed)
        print(f"| `zstd -{LEVEL} --patch-from` by hand | {size / 1e6:.2f} | {size / full:.4f} | "
              f"{cpu:.1f} (the tool's) | - |")
    finally:
        edge.stop()
        gateway.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", action="append", help="(libreoffice-core)")
    options = parser.parse_args()
    packages.install_names(["zstd"])
    for package in options.package or ["libreoffice-core"]:
        with tempfile.TemporaryDirectory(prefix="byeori-patch-") as folder:
            os.chmod(folder, 0o755)
            measure(Path(folder), package)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench patch: {trouble}")
