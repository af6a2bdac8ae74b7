# SPDX-License-Identifier: MIT
"""Memory for each idle connection, beside peers too; hits beside idle connections and in floods.

One worker on core 0, clients on core 1. Idle connections have had one answer each and then rest.
One client asks for a cached 1 KB file all the time, in the clear: alone, beside the idle ones,
while handshakes come in at rates, and while 1,000 clients send a byte of a head now and then. With
--peers the memory of other servers is measured the same way: all their processes, what they share
counted by shares (PSS), before and after. Where more descriptors are wanted than a process may
have, the idle ones are measured in user-mode Linux (uml.py)."""

import argparse
import multiprocessing
import os
import resource
import select
import socket
import ssl
import sys
import tempfile
import time
from pathlib import Path

from bench.idle import uml
from bench.peers.server import Setting
from bench.peers.servers import SERVERS
from tests.harness import packages
from tests.harness.certs import Authority
from tests.harness.origin import Origin
from tests.harness.programs import Edge
from tests.harness.trouble import Trouble

HOST, PATH = "test.example", "/file"
REQUEST = f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
SPARE_DESCRIPTORS = 500
PORTS_EACH = 25_000  # connections from one source address
SLOW_CLIENTS, HEAD_LIMIT_S = 1000, 10
FILE_BYTES = 1024


def on_core(core, program=0):
    os.sched_setaffinity(program, {core})


def idle_connections(port, count, context):
    """Descriptors of connections that have had an answer. The client's TLS state is dropped, since
    nothing more is said on them."""
    kept = []
    for i in range(count):
        s = socket.socket()
        s.bind((f"127.0.0.{2 + i // PORTS_EACH}", 0))
        s.connect(("127.0.0.1", port))
        if context is not None:
            s = context.wrap_socket(s, server_hostname=HOST)
        s.sendall(REQUEST)
        got = b""
        while len(got) < FILE_BYTES or b"\r\n\r\n" not in got:
            got += s.recv(4096)
        kept.append(s.detach())
    check_open(kept)
    return kept


def check_open(descriptors):
    """A connection that the server has ended meanwhile would count, and cost nothing."""
    poll = select.poll()
    for fd in descriptors:
        poll.register(fd, select.POLLRDHUP)
    if ended := len(poll.poll(0)):
        raise Trouble(f"{ended} of {len(descriptors)} connections were ended",
                      "the server's time-outs are too short for this machine")


class Bench:
    """An edge of its own for each figure: memory that one gave back would hide another's."""

    def __init__(self, folder, authority, origin):
        pair = authority.certificate("edge", [HOST])
        self.context = authority.client_context()
        self.edge = Edge(folder, [origin.url], host=HOST, tls=pair,
                         over={"workers": 1, "clients": {"idle": "1d"}}).start()
        for thread in os.listdir(f"/proc/{self.edge.process.pid}/task"):
            on_core(0, int(thread))
        self.edge.get(PATH)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.edge.stop()

    def hits(self, seconds):
        """(hits in a second, p99 in ms) of one client."""
        times = []
        with self.edge.client() as c:
            end = time.monotonic() + seconds
            while (begin := time.monotonic()) < end:
                assert c.get(PATH).status == 200
                times.append(time.monotonic() - begin)
        times.sort()
        return len(times) / seconds, times[int(len(times) * 0.99)] * 1000

    def idle(self, count, tls):
        return idle_connections(self.edge.tls_port if tls else self.edge.port, count,
                                self.context if tls else None)

    def first_words(self):
        """What a TLS client says first."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self.context.wrap_bio(incoming, outgoing, server_hostname=HOST).do_handshake()
        except ssl.SSLWantReadError:
            pass
        return outgoing.read()


def flood(port, hello, per_s):
    """Connections that begin a handshake, and leave when the server has done its part of it."""
    os.nice(10)
    begin, waiting = time.monotonic(), []
    for i in range(1 << 30):
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(hello)
        waiting.append(s)
        if len(waiting) > 200:
            waiting.pop(0).close()
        time.sleep(max(0, begin + i / per_s - time.monotonic()))


def row(what, *cells):
    print(f"{what:34}" + "".join(f"{c:>16}" for c in cells), flush=True)


def measure_idle(make, arguments):
    row("", "connections", "bytes each", "hits/s", "p99 ms")
    with make() as bench:
        rate, p99 = bench.hits(arguments.seconds)
        row("none", 0, "-", f"{rate:.0f}", f"{p99:.3f}")
    for tls in ("tls" == p for p in arguments.protocols):
        for count in arguments.connections:
            with make() as bench:
                before = bench.edge.resident_bytes()
                kept = bench.idle(count, tls)
                each = (bench.edge.resident_bytes() - before) / count
                rate, p99 = bench.hits(arguments.seconds)
                row("TLS 1.3" if tls else "in the clear", count, f"{each:.0f}", f"{rate:.0f}",
                    f"{p99:.3f}")
                for fd in kept:
                    os.close(fd)


def measure_peers(folder, origin, authority, arguments):
    names = arguments.peers if arguments.peers != ["all"] else list(SERVERS)
    classes = [SERVERS[n] for n in names if SERVERS[n].has_files]
    packages.install_names([c.package for c in classes if not c.is_installed()])
    pair = authority.certificate("peer", [HOST])
    context, count = authority.client_context(), arguments.connections[0]

    # nginx ends resting connections once fewer than a sixteenth of its slots are free.
    slots = count + count // 8 + SPARE_DESCRIPTORS

    def setting(slots):
        place = Path(tempfile.mkdtemp(dir=folder))
        place.chmod(0o755)
        return Setting(place, origin.address, 0, pair, slots)

    row("", "protocol", "connections", "bytes each")
    for c in classes:
        for protocol in sorted(set(arguments.protocols) & c.protocols):
            bare = peer_bytes(c, protocol, setting(64), None, 0)
            full = peer_bytes(c, protocol, setting(slots), context, count)
            row(c.name, protocol, count, f"{(full - bare) / count:.0f}")


def peer_bytes(server_class, protocol, setting, context, count):
    """Resident memory of a server beside so many idle connections. What it has prepared for them
    counts, hence a process of its own for the figure without any."""
    server = server_class(setting)
    server.start()
    try:
        server.get(PATH)
        tls = protocol == "tls"
        kept = idle_connections(server.tls_port if tls else server.port, count,
                                context if tls else None)
        resident = server.resident_bytes()
        for fd in kept:
            os.close(fd)
        return resident
    finally:
        server.stop()


def measure_floods(make, arguments):
    print()
    row("beside handshakes", "per second", "done", "hits/s", "p99 ms")
    for per_s in (500, 5000):
        with make() as bench:
            process = multiprocessing.Process(
                target=flood, args=(bench.edge.tls_port, bench.first_words(), per_s), daemon=True)
            process.start()
            time.sleep(0.5)
            done = bench.edge.metric("byeori_http_server_connections_total")
            rate, p99 = bench.hits(arguments.seconds)
            done = bench.edge.metric("byeori_http_server_connections_total") - done
            process.terminate()
            process.join()
            row("", per_s, f"{done / arguments.seconds:.0f}", f"{rate:.0f}", f"{p99:.3f}")


def measure_slow(bench, arguments):
    bench.hits(0.5)
    before = bench.edge.resident_bytes()
    slow = [socket.create_connection(("127.0.0.1", bench.edge.port)) for _ in range(SLOW_CLIENTS)]
    begin = time.monotonic()
    for byte in REQUEST[:20]:
        for s in slow:
            s.send(bytes([byte]))
        time.sleep(0.1)
    each = (bench.edge.resident_bytes() - before) / SLOW_CLIENTS
    rate, p99 = bench.hits(arguments.seconds)
    for s in slow:
        s.settimeout(HEAD_LIMIT_S * 2)
        try:
            while s.recv(4096):
                pass
        except ConnectionError:
            pass
        s.close()
    print()
    row("beside unfinished heads", "connections", "bytes each", "hits/s", "p99 ms", "cut after s")
    row("", SLOW_CLIENTS, f"{each:.0f}", f"{rate:.0f}", f"{p99:.3f}",
        f"{time.monotonic() - begin:.1f}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--connections", type=int, nargs="+", default=[10_000])
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--protocols", nargs="+", choices=["http", "tls"], default=["http", "tls"])
    p.add_argument("--peers", nargs="+", metavar="NAME",
                   help="only memory, of these servers: all, or of: " + " ".join(SERVERS))
    arguments = p.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    wanted = max(arguments.connections) + SPARE_DESCRIPTORS
    if limit < wanted and uml.is_inside():
        raise Trouble(f"a process may have {limit} descriptors here", "fewer --connections")
    if limit < wanted:
        sys.exit(uml.run(wanted, max(arguments.connections)))
    if len(os.sched_getaffinity(0)) > 1:
        on_core(1)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        os.chmod(folder, 0o755)  # for servers that do not stay root
        origin = Origin()
        origin.page(PATH, os.urandom(FILE_BYTES), cache="max-age=3600")
        authority = Authority(folder)

        def make():
            return Bench(folder, authority, origin)

        try:
            if arguments.peers:
                measure_peers(folder, origin, authority, arguments)
                return
            measure_idle(make, arguments)
            if uml.is_inside():
                return
            measure_floods(make, arguments)
            with make() as bench:
                measure_slow(bench, arguments)
        finally:
            origin.stop()


if __name__ == "__main__":
    main()
