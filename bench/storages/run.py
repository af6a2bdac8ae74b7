# SPDX-License-Identifier: MIT
"""Real storages: OpenStack Swift (Keystone and its own API; S3's) and Ceph's RADOS gateway (both
too): 1 GiB published, read through origin, shield and edge, servers killed meanwhile."""

import argparse
import hashlib
import http.client
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.harness import keystone, packages, radosgw, swift
from tests.harness.conf import conf_text
from tests.harness.content import Content
from tests.harness.programs import Edge, OriginGateway, build_folder, run_tool, wait_until

NAME, FILE, PIECE = "game/1.4.0", "large.pak", 1 << 20
# Of Keystone's: a read is held up for longer. Swift's own middleware takes one that ends within
# 30 s for ended, so with less it would log in anew for each request.
TOKEN_LIFE_S = 60


class Storage:
    """A row: the servers behind it, which of them stands at its door, and our options for it."""

    def __init__(self, at, title, servers, door, kind, values, secrets):
        self.at, self.title, self.servers, self.door, self.kind = at, title, servers, door, kind
        file = at / "secrets"
        file.write_text("".join(f"{k} = {v}\n" for k, v in secrets.items()))
        self.values = {**values, "bucket": "games", "credentials_file": str(file), "tries": 30,
                       "part": "16MiB"}
        self.conf = at / "store.conf"
        self.conf.write_text(conf_text({("storage", kind): self.values}) + "\n")

    def restart_door(self):
        self.servers.kill(self.door)
        self.servers.start_one(self.door)


def swift_by_keystone(at):
    who = keystone.Keystone(at, token_life_s=TOKEN_LIFE_S).start()
    try:
        server = swift.Swift(at, keystone=who).start()
    except BaseException:
        who.stop()
        raise
    server.put("games", "other", b"")
    return [server, who], Storage(
        at, "Swift, own API, Keystone v3", server, "proxy", "swift", {
            "auth": "v3", "auth_url": who.url, "user": keystone.USER, "project": keystone.PROJECT},
        {"password": keystone.PASSWORD})


def swift_by_s3(at):
    server = swift.Swift(at).start()
    server.put("games", "other", b"")
    return [server], Storage(
        at, "Swift, S3 API", server, "proxy", "s3", {"url": server.url},
        {"aws_access_key_id": swift.USER, "aws_secret_access_key": swift.PASSWORD})


def ceph(at):
    server = radosgw.RadosGateway(at).start()
    subprocess.run(["curl", "-sSf", "-o", at / "made", "-X", "PUT", "--aws-sigv4",
                    "aws:amz:default:s3", "--user", f"{radosgw.ACCESS}:{radosgw.SECRET}", "-H",
                    "x-amz-content-sha256: UNSIGNED-PAYLOAD", f"{server.url}/games"], check=True)
    return server


def ceph_by_s3(at):
    server = ceph(at)
    return [server], Storage(
        at, "RADOS gateway, S3 API", server, "gateway", "s3",
        {"url": server.url, "region": "default"},
        {"aws_access_key_id": radosgw.ACCESS, "aws_secret_access_key": radosgw.SECRET})


def ceph_by_swift(at):
    server = ceph(at)
    return [server], Storage(
        at, "RADOS gateway, Swift API", server, "gateway", "swift",
        {"auth_url": f"{server.url}/auth/v1.0", "user": radosgw.USER},
        {"password": radosgw.PASSWORD})


STORAGES = {"swift": swift_by_keystone, "swift-s3": swift_by_s3, "rgw-s3": ceph_by_s3,
            "rgw-swift": ceph_by_swift}


def written_bytes(process):
    """By all its system calls; 0 when it is gone."""
    try:
        rows = Path(f"/proc/{process.pid}/io").read_text().split("\n")
    except (OSError, ProcessLookupError):
        return 0
    return next((int(r.split()[1]) for r in rows if r.startswith("wchar:")), 0)


def publish(storage, release, size):
    """Seconds, and how many runs it took with the server killed after a third of the first one."""
    command = [str(build_folder() / "origin/byeori-origin"), "publish", str(release), "--to",
               str(storage.conf), "--as", NAME, "--quiet"]
    began, killed = time.monotonic(), False
    for run in range(1, 6):
        with open(storage.at / "publish.log", "a") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        while process.poll() is None:
            if not killed and written_bytes(process) > size / 3:
                storage.restart_door()
                killed = True
            time.sleep(0.01)
        if process.returncode == 0:
            return time.monotonic() - began, run, killed
    sys.exit(f"{storage.title}: not published after 5 runs")


class Download:
    """A GET that is read piece by piece."""

    def __init__(self, program, **fields):
        self.c = http.client.HTTPConnection("127.0.0.1", program.port, timeout=120)
        self.c.request("GET", f"/{NAME}/{FILE}", headers={
            "Host": getattr(program, "host", "127.0.0.1"), **fields})
        self.r, self.sha256, self.bytes = self.c.getresponse(), hashlib.sha256(), 0

    def read(self, most):
        while self.bytes < most:
            try:
                piece = self.r.read(min(PIECE, most - self.bytes))
            except (OSError, http.client.IncompleteRead):
                break       # less than the whole is told by its digest
            if not piece:
                break
            self.sha256.update(piece)
            self.bytes += len(piece)

    def end(self, size):
        self.read(size)
        self.c.close()
        return self.bytes, self.sha256.hexdigest()


def is_whole(program, content, expected, meanwhile=None):
    """The whole; meanwhile() after a third of it."""
    d = Download(program)
    if meanwhile is not None:
        d.read(content.size // 3)
        meanwhile()
    return d.r.status == 200 and d.end(content.size) == (content.size, expected)


def ranges_right(program, content, count=8):
    chance, right = random.Random(7), 0
    for _ in range(count):
        first = chance.randrange(content.size - PIECE)
        d = Download(program, Range=f"bytes={first}-{first + PIECE - 1}")
        body = hashlib.sha256(content.read(first, PIECE)).hexdigest()
        right += d.r.status == 206 and d.end(PIECE) == (PIECE, body)
    return right == count


def by_hand(storage, at, content):
    """put (one piece, and several), head and range through a gateway, list, remove."""
    def store(*words):
        return run_tool("origin/byeori-origin", "store", storage.conf, *words, bound_s=300)

    (at / "small").write_bytes(b"small")
    part = Content(40 << 20, seed=9)
    part.write_to(at / "parts")
    done = [store("put", at / "small", "/hand/a b").returncode == 0,
            store("put", at / "parts", "/hand/parts").returncode == 0]
    listed = store("list", "/hand/").stdout     # sizes: Ceph tells that of a list of segments
    done.append([row.partition(" ")[2] for row in listed.splitlines()] ==
                ["/hand/a b", "/hand/parts"])
    done.append(store("remove", "/hand/a b", "/hand/parts").returncode == 0)
    done.append(store("list", "/hand/").stdout == "")
    return all(done)


def measure(at, storage, release, content):
    expected = hashlib.sha256((release / FILE).read_bytes()).hexdigest()
    took, runs, killed = publish(storage, release, content.size)
    gateway = OriginGateway(at, lambda port: {
        "workers": 2, ("listen", "http"): {"address": f"127.0.0.1:{port}"},
        ("rule", "/*"): {"cache_control": "public, max-age=86400"},
        ("storage", storage.kind): storage.values}).start()
    shield = Edge(at, [gateway.url], name="shield", over={"memory": "2GiB"}).start()
    edge = Edge(at, [f"http://127.0.0.1:{shield.port}"], name="edge",
                over={"memory": "2GiB"}).start()

    def outlive_token_and_server():
        time.sleep(TOKEN_LIFE_S + 1)
        storage.restart_door()

    try:
        found = {
            "ranges, cold, edge": ranges_right(edge, content),
            "whole by origin, token over and server killed in the middle": is_whole(
                gateway, content, expected, outlive_token_and_server),
            "whole by edge and shield, server killed in the middle": is_whole(
                edge, content, expected, storage.restart_door),
            "whole by shield": is_whole(shield, content, expected),
            "ranges by origin, shield": ranges_right(gateway, content) and ranges_right(
                shield, content)}
    finally:
        for program in (edge, shield, gateway):
            program.stop()
    wait_until(lambda: storage.servers.listens(storage.door), "the server is back", 60)
    found["put, list, remove by hand"] = by_hand(storage, at, content)
    print(f"| {storage.title} | {took:.1f}, {runs} run{'s' * (runs > 1)}"
          f"{'' if killed else ', NOT KILLED'} | " +
          " | ".join("right" if good else "WRONG" for good in found.values()) + " |", flush=True)
    return killed and all(found.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("storages", nargs="*", metavar="STORAGE", help=" ".join(STORAGES))
    options = parser.parse_args()
    packages.install("test")
    packages.install_names("python3-keystone python3-keystonemiddleware ceph-mon "
                           "ceph-osd ceph-common radosgw curl".split())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))     # servers are stopped all the same
    good = True
    with tempfile.TemporaryDirectory(prefix="byeori-storages-") as folder:
        os.chmod(folder, 0o755)
        at = Path(folder)
        (at / "release").mkdir()
        content = Content(options.mib << 20, seed=8)
        content.write_to(at / "release" / FILE)
        (at / "release/small.txt").write_bytes(b"small")
        print("| storage | published, server killed: s | ranges, cold, by edge | whole by origin, "
              "token over and server killed | whole by edge and shield, server killed | whole by "
              "shield | ranges by origin and shield | put, list, remove |")
        print("|" + "---|" * 8, flush=True)
        for name in options.storages or STORAGES:
            own = at / name
            own.mkdir()
            servers, storage = STORAGES[name](own)
            try:
                good = measure(own, storage, at / "release", content) and good
            finally:
                for server in servers:
                    server.stop()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
