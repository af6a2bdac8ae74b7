# SPDX-License-Identifier: MIT
"""A server under test: a process (or several) pinned to one core, in front of the same origin."""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.harness.client import Client
from tests.harness.ports import free_port
from tests.harness.programs import accepts, wait_until

HOST = "test.example"


@dataclass(frozen=True)
class Setting:
    """What all servers of a run share. core: a number, or several with commas between. pair:
    (chain, key) files. slots: connections that a server prepares for, where it is told."""

    folder: Path
    origin: tuple
    core: int | str
    pair: tuple
    slots: int = 16384
    cache_bytes: int = 256 << 20


def program_path(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/usr/bin")


def user_name():
    return subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()


class Server:
    """`command` and `is_hit` say what is special about each; `protocols` what it can be asked by
    (bench.peers.cases)."""

    name = program = package = ""
    has_files = True
    environment = {}    # beside ours
    protocols = {"http", "tls", "h2", "handshake"}

    def __init__(self, setting):
        self.folder = setting.folder / self.name
        self.folder.mkdir(parents=True)
        self.origin, self.core, self.pair = setting.origin, setting.core, setting.pair
        self.slots, self.cache_bytes = setting.slots, setting.cache_bytes
        self.port, self.tls_port, self.process = free_port(), free_port(), None

    @classmethod
    def is_installed(cls):
        return program_path(cls.program) is not None

    def command(self):
        raise NotImplementedError

    def is_hit(self, response):
        raise NotImplementedError

    def start(self):
        self._log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(["taskset", "-c", str(self.core), *self.command()],
                                        stdout=self._log, stderr=self._log,
                                        stdin=subprocess.DEVNULL,
                                        env={**os.environ, **self.environment})
        wait_until(self._is_up, f"{self.name} listens")

    def _is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{(self.folder / 'log').read_text()}")
        return accepts(self.port)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def aim(self, size):
        """Called before each measurement with the size of the file that will be asked for."""

    def both_in_one(self):
        """Chain and key in one file, as some want it."""
        file = self.folder / "both.pem"
        file.write_text("".join(Path(p).read_text() for p in self.pair))
        return file

    def pids(self):
        """The process and all below it: what works may be a child."""
        found, due = [], [self.process.pid]
        while due:
            pid = due.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                due += map(int, children.read_text().split())
        return found

    def cpu_ns(self):
        """Time on a processor so far, user and kernel, all threads, from the scheduler's own
        account (first figure of schedstat, in nanoseconds)."""
        return sum(int(task.read_text().split()[0]) for pid in self.pids()
                   for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))

    def resident_bytes(self):
        """Of all its processes, what several share counted by their shares (PSS)."""
        kb = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kb += int(line.split()[1])
        return kb * 1024

    def get(self, path):
        with Client(("127.0.0.1", self.port), host=HOST) as c:
            return c.get(path)

    def get_by_tls(self, path, context):
        with Client(("127.0.0.1", self.tls_port), host=HOST, tls=context) as c:
            return c.get(path)
