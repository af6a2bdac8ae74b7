# SPDX-License-Identifier: MIT
"""Bytes a second of disk hits through the edge, beside what the same disk gives to dd; processor
time beside nginx that serves the same object from its proxy cache.

The object lies on one disk; the edge is started anew before each round, so that nothing of it is
in memory. Segment files are read past the page cache by the edge and by dd alike, nginx's file is
dropped from it before each round. dd and the edge read in turn; figures are medians."""

import mmap
import os
import random
import shutil
import socket
import statistics
import subprocess
import threading
import time

from bench.store.common import GIB, HOST, MIB, STORED, cpu_s, disk_edge, verdict, wait_written
from tests.harness.content import Content
from tests.harness.ports import free_port
from tests.harness.programs import OriginGateway, accepts, wait_until
from tests.harness.trouble import Trouble

ROUNDS, READERS, RANDOM_S = 5, 8, 4

NGINX = """
user root; daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off; sendfile on; tcp_nopush on;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    proxy_max_temp_file_size 0;
    proxy_cache_path {folder}/cache levels=1:2 keys_zone=zone:16m max_size=64g inactive=1d
                     use_temp_path=off;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass {origin}; proxy_http_version 1.1;
                      proxy_set_header Connection ""; proxy_cache zone; }}
    }}
}}
"""


def drain(port, target, size, fields=b""):
    """Reads one answer of `size` bytes and keeps nothing; seconds."""
    room = bytearray(MIB)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MIB)
        s.sendall(b"GET %s HTTP/1.1\r\nHost: %s\r\n%sConnection: close\r\n\r\n"
                  % (target, HOST.encode(), fields))
        got = 0
        while n := s.recv_into(room):
            got += n
    if got < size:
        raise Trouble(f"an answer ended after {got} of {size} bytes", "read the server's log")
    return time.monotonic() - began


def segment_files(disk, size):
    files = sorted(disk.glob("*.segment"))
    each = files[0].stat().st_size
    return files[:max(1, min(len(files), size // each))], each


def dd(disk, size):
    """Bytes a second of dd, past the page cache."""
    files, each = segment_files(disk, size)
    began = time.monotonic()
    for file in files:
        subprocess.run(["dd", f"if={file}", "of=/dev/null", "bs=1M", "iflag=direct"], check=True,
                       capture_output=True)
    return len(files) * each / (time.monotonic() - began)


def at_random(reader_of):
    """MiB a second of READERS threads that each read 1 MiB after the other, for RANDOM_S."""
    end, done = time.monotonic() + RANDOM_S, []

    def run(seed):
        count, read = 0, reader_of(random.Random(seed))
        while time.monotonic() < end:
            read()
            count += 1
        done.append(count)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(READERS)]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sum(done) * MIB / (time.monotonic() - began)


def random_from_disk(disk, size):
    files, each = segment_files(disk, size)
    fds = [os.open(f, os.O_RDONLY | os.O_DIRECT) for f in files]

    def reader(source):
        room = mmap.mmap(-1, MIB)
        return lambda: os.preadv(source.choice(fds), [room], source.randrange(each // MIB) * MIB)
    out = at_random(reader)
    for fd in fds:
        os.close(fd)
    return out


def random_from_edge(edge, size):
    def reader(source):
        room = bytearray(MIB)
        s = socket.create_connection(("127.0.0.1", edge.port), timeout=60)

        def read():
            at = source.randrange(size // MIB) * MIB
            s.sendall(b"GET /big HTTP/1.1\r\nHost: %s\r\nRange: bytes=%d-%d\r\n\r\n"
                      % (HOST.encode(), at, at + MIB - 1))
            head = b""
            while b"\r\n\r\n" not in head:
                head += s.recv(1 << 14)
            left = MIB - (len(head) - head.index(b"\r\n\r\n") - 4)
            while left > 0:
                left -= s.recv_into(room, left)
        return read
    return at_random(reader)


class Nginx:
    def __init__(self, folder, origin):
        self.folder, self.port = folder, free_port()
        folder.mkdir()
        conf = folder / "nginx.conf"
        conf.write_text(NGINX.format(folder=folder, port=self.port, origin=origin))
        self.process = subprocess.Popen(["nginx", "-c", str(conf), "-p", str(folder)])
        wait_until(lambda: accepts(self.port), "nginx is up")

    def worker(self):
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return int(open(children).read().split()[0])

    def drop(self):
        """Its cached files leave the page cache."""
        for file in (f for f in (self.folder / "cache").rglob("*") if f.is_file()):
            fd = os.open(file, os.O_RDONLY)
            os.fdatasync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def cold(edge, size):
    """Seconds for the whole object with nothing of it in memory."""
    edge.stop()
    edge.start()
    return drain(edge.port, b"/big", size)


def bring(edge, size):
    """Until all of it lies on the disk; what of it did the first time."""
    blocks, first = size // MIB, None
    for _ in range(20):
        drain(edge.port, b"/big", size)
        wait_written(edge)
        kept = edge.metric(STORED + "disk_blocks")
        first = kept / blocks if first is None else first
        if kept >= blocks:
            return first
    raise Trouble(f"{kept} of {blocks} blocks came to the disk", "read the edge's log")


def cpu_per_gb(pid, read, size):
    before = cpu_s(pid)
    seconds = read()
    return (cpu_s(pid) - before) / (size / 1e9), size / seconds


def beside_nginx(folder, origin, edge, size):
    if shutil.which("nginx") is None:
        print("  nginx is not installed: ./byeori bench peers installs it")
        return True
    nginx = Nginx(folder / "nginx", origin.url)
    try:
        drain(nginx.port, b"/big", size)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            edge.stop()
            edge.start()
            ours.append(cpu_per_gb(edge.process.pid,
                                   lambda: drain(edge.port, b"/big", size), size))
            nginx.drop()
            theirs.append(cpu_per_gb(nginx.worker(),
                                     lambda: drain(nginx.port, b"/big", size), size))
    finally:
        nginx.stop()
    a, b = (statistics.median(x[0] for x in rows) for rows in (ours, theirs))
    x, y = (statistics.median(r[1] for r in rows) / 1e6 for rows in (ours, theirs))
    print(f"  processor time per GB: byeori {a:.2f} s ({x:.0f} MB/s), nginx {b:.2f} s ({y:.0f} "
          f"MB/s): {a / b:.2f} of it (byeori verifies each byte; nginx does not)", flush=True)
    return True


def run(folder, full):
    size = 10 * GIB if full else GIB
    root, disk = folder / "root", folder / "disk"
    root.mkdir()
    Content(size, 3).write_to(root / "big")
    origin = OriginGateway(folder, lambda port: {
        "workers": 1, "folder": str(root), ("listen", "http"): {"address": f"127.0.0.1:{port}"},
        ("rule", "*"): {"cache_control": "max-age=86400"}}).start()
    room = {"size": f"{size * 3 // 2 >> 20}MiB"}
    edge = disk_edge(folder, origin.url, {disk: room}, block="1MiB", memory="512MiB").start()
    try:
        first = bring(edge, size)
        print(f"speed: an object of {size >> 30} GiB, memory of 512 MiB, blocks of 1 MiB; "
              f"{100 * first:.0f} % of it were on the disk after one cold download", flush=True)
        rows = [(dd(disk, size), size / cold(edge, size)) for _ in range(ROUNDS)]
        raw, ours = (statistics.median(column) for column in zip(*rows))
        good = verdict(f"sequential: edge {ours / 1e6:.0f} MB/s, dd {raw / 1e6:.0f} MB/s",
                       f"{ours / raw:.2f}", ">= 0.80", ours >= 0.8 * raw)
        rows = [(random_from_disk(disk, size), random_from_edge(edge, size)) for _ in range(3)]
        raw, ours = (statistics.median(column) for column in zip(*rows))
        good &= verdict(f"random MiB, {READERS} at once: edge {ours / 1e6:.0f} MB/s, "
                        f"pread {raw / 1e6:.0f} MB/s", f"{ours / raw:.2f}", ">= 0.80",
                        ours >= 0.8 * raw)
        return beside_nginx(folder, origin, edge, size) and good
    finally:
        edge.stop()
        origin.stop()
