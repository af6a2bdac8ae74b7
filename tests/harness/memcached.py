# SPDX-License-Identifier: MIT
"""A real memcached on a port of its own: start, kill, hang, restart; and a client of four lines."""

import shutil
import signal
import socket
import subprocess

from tests.harness.ports import free_port
from tests.harness.programs import accepts, wait_until


class Memcached:
    def __init__(self, *options):
        self.port, self.options, self.process = free_port(), options, None
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        program = shutil.which("memcached") or "/usr/bin/memcached"
        self.process = subprocess.Popen([program, "-l", "127.0.0.1", "-p", str(self.port),
                                         "-U", "0", "-u", "root", *self.options],
                                        stderr=subprocess.DEVNULL)
        wait_until(lambda: accepts(self.port), "memcached listens")
        return self

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.go_on()
        self.process.wait()

    def keys(self):
        """Of the values that lie there: {key: bytes}."""
        return {name: self.ask(f"get {name}") for name in self._names()}

    def put(self, key, value):
        assert self.ask(f"set {key} 0 0 {len(value)}", value) == b"STORED\r\n"

    def _names(self):
        lines = self.ask("lru_crawler metadump all").decode().split("\r\n")[0].split("\n")
        return [line.split()[0][4:] for line in lines if line.startswith("key=")]

    def ask(self, command, value=None):
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.sendall(command.encode() + b"\r\n" + (value + b"\r\n" if value is not None else b""))
            got = b""
            while not got.endswith((b"END\r\n", b"STORED\r\n", b"ERROR\r\n")):
                got += s.recv(1 << 20)
        if command.startswith("get "):
            head, _, rest = got.partition(b"\r\n")
            return rest[:int(head.split()[3])] if head.startswith(b"VALUE") else b""
        return got
