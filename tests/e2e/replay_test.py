# SPDX-License-Identifier: MIT
"""bench/replay on a small trace: every byte right and every ledger equal to what clients and origin
counted, also where clients go away; and it says so where one is not."""

import json
import random
import socket
import struct
import threading

from bench.replay.network import Network, replay

HEAD, ROW = struct.Struct("<QIIQQQd16s"), struct.Struct("<QQQQQQIIIHH")
MAGIC, SECONDS, SAMPLES, PIECE = 0x31454341525442, 900, 3, 1 << 18


def row(source, at_us, number):
    """A whole file, a piece of one of odd number, or what its client leaves; file 7 is replaced
    between the second sample and the third, when nothing is on its way."""
    file = source.randrange(20)
    size = 1000 + 300_000 * file
    version = 2 if file == 7 and at_us >= 600_000_000 else 1
    offset, length = 0, size
    if file % 2:
        offset = source.randrange(0, size, PIECE)
        length = min(PIECE, size - offset)
    taken = source.randrange(1, length + 1) if source.random() > 0.8 else length
    return ROW.pack(at_us, file, size, offset, length, taken, version, number % 40, 10**6,
                    number % 2, 0)


def trace_of(path, rows):
    source = random.Random(8)
    moments = sorted(source.randrange(SECONDS * 1_000_000) for _ in range(rows))
    head = HEAD.pack(MAGIC, 1, 2, rows, 8, SECONDS * 1_000_000, 1.0, b"test")
    path.write_bytes(head + b"".join(row(source, at, n) for n, at in enumerate(moments)))
    return path


class Spoiler:
    """A relay that changes one byte of what comes back, far behind the heads."""

    def __init__(self, port, at):
        self.port, self.left = port, at
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def address(self):
        return "127.0.0.1:%d" % self.listener.getsockname()[1]

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.port))
            for a, b, spoils in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._carry, args=(a, b, spoils), daemon=True).start()

    def _carry(self, source, sink, spoils):
        try:
            while piece := source.recv(65536):
                if spoils and 0 <= self.left < len(piece):
                    piece = piece[:self.left] + bytes([piece[self.left] ^ 1]) + \
                        piece[self.left + 1:]
                self.left -= len(piece) if spoils else 0
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def play(tmp_path, arguments, **options):
    trace = trace_of(tmp_path / "trace", 400)
    with Network(tmp_path, 2, "96MiB") as n:
        said, samples, code = replay(trace, tmp_path / "samples", n.origin_port, arguments(n),
                                     time_factor=SECONDS, **options)
    assert code == 0, json.dumps(said)
    assert said["requests"] == 400 and said["left"] > 10 and len(samples) == SAMPLES
    assert said["wrong"] == said["old"] == said["failed"] == 0
    assert said["origin_body_bytes"] < said["client_bytes"] / 2
    return said, samples


def test_bytes_are_right_and_ledgers_exact(tmp_path):
    _, samples = play(tmp_path, Network.arguments)
    assert all(s["client_bytes"] == s["ledger_client_bytes"] > 0 and
               s["origin_bytes"] == s["ledger_origin_bytes"] for s in samples)


def test_no_answer_is_older_than_its_request_where_a_file_is_replaced_in_place(tmp_path):
    said, _ = play(tmp_path, lambda n: n.arguments()[:2], in_place=True)
    assert said["origin_not_modified"] > 0


def test_a_byte_that_was_changed_on_the_way_is_found(tmp_path):
    trace = trace_of(tmp_path / "trace", 20)
    with Network(tmp_path, 1, "16MiB") as n:
        said, _, code = replay(trace, tmp_path / "samples", n.origin_port,
                               ["--servers", Spoiler(n.edges[0].port, 500_000).address()],
                               time_factor=SECONDS)
    assert code == 1 and said["wrong"] == 1


def test_bytes_that_are_on_no_ledger_are_found(tmp_path):
    trace = trace_of(tmp_path / "trace", 20)
    with Network(tmp_path, 2, "16MiB") as n:
        words = n.arguments()[:-1] + [f"127.0.0.1:{n.edges[0].admin_port}"]
        said, _, code = replay(trace, tmp_path / "samples", n.origin_port, words,
                               time_factor=SECONDS, sample=SECONDS)
    assert code == 1 and said["wrong"] == 0 and said["client_apart"] > 0
