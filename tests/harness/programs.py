# SPDX-License-Identifier: MIT
"""byeori's programs as real processes: a configuration from Python values, free ports, a folder of
its own, ready when it says so, stopped by its own process id, and judged by what it left on
standard error."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.harness.client import Client, Pending
from tests.harness.conf import conf_text, merged
from tests.harness.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_S, STOP_S, POLL_S = 60, 60, 0.01
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
REPORT = re.compile(r"(?:ERROR: |WARNING: )(?:Address|Leak|Thread|UndefinedBehavior)Sanitizer"
                    r"|: runtime error: |check failed|CHECK\(")


def build_folder():
    return Path(os.environ.get("BYEORI_BUILD") or ROOT / "build").resolve()


def wait_until(question, what, bound_s=READY_S):
    """Asks again and again, until the answer is true (and returns it) or the bound has passed."""
    end = time.monotonic() + bound_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"not within {bound_s} s: {what}")
        time.sleep(POLL_S)


class Program:
    """One process. `values` is its configuration (tests.harness.conf); `probe` is asked until true.
    After stop() or kill(), start() runs it again with the same folder, ports and configuration."""

    executable = ""

    def __init__(self, folder, values, name=None):
        self.name = name or Path(self.executable).name
        self.folder = Path(folder) / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "conf"
        self.log = self.folder / "stderr"
        self.process = self.exit_code = None
        self.environment = {}    # beside the test's own, from the next start on
        self.configure(values)

    def configure(self, values):
        """A new configuration file; a running program reads it on reload()."""
        self.values = values
        self.file.write_text(conf_text(values) + "\n")

    def command(self):
        return [str(build_folder() / self.executable), "-c", str(self.file)]

    def start(self):
        self.launch()
        try:
            wait_until(self._is_up, f"{self.name} is ready")
        except TimeoutError as slow:
            raise TimeoutError(f"{slow}\n{self.stderr()}") from None
        return self

    def launch(self):
        """Starts and does not wait: for programs that are meant to refuse."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=self.folder, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL,
                                            env={**SANITIZERS, **os.environ, **self.environment})
        return self

    def _is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode} before it was "
                               f"ready\n{self.stderr()}")
        return self.probe()

    def probe(self):
        raise NotImplementedError

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        self.signal(signal.SIGHUP)

    def wait(self, bound_s=STOP_S):
        self.exit_code = self.process.wait(bound_s)
        return self.exit_code

    def stop(self, bound_s=STOP_S):
        """SIGTERM, and its exit code; what does not go in time is killed and that is an error."""
        if self.is_running():
            self.signal(signal.SIGTERM)
            try:
                self.wait(bound_s)
            except subprocess.TimeoutExpired:
                self.kill()
                raise TimeoutError(f"{self.name} did not stop within {bound_s} s\n"
                                   f"{self.stderr()}") from None
        return self.exit_code

    def kill(self):
        """At once, as a crash would; what it was is not held against it."""
        if self.is_running():
            self.process.kill()
            self.process.wait()

    def stderr(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def report(self):
        """The first lines of a sanitizer's report or a failed check, or None."""
        text = self.stderr()
        m = REPORT.search(text)
        return text[m.start():m.start() + 6000] if m else None

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Daemon(Program):
    """A program with an admin listener at self.admin_port: /readyz, /metrics, /v1/..."""

    def probe(self):
        try:
            return self.admin("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def admin(self, method, path, body=None, headers=None):
        """(status, body): a JSON body is given back parsed, all else as text."""
        return call(self.admin_port, method, path, body, headers)

    def metrics(self):
        """{name or name{labels}: number}"""
        status, text = self.admin("GET", "/metrics")
        assert status == 200, text
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, value in rows}

    def metric(self, name):
        """The sum over all labels of one metric; 0 where it is not there."""
        return sum(v for k, v in self.metrics().items() if k.split("{")[0] == name)

    def wait_metric(self, name, at_least, bound_s=READY_S):
        return wait_until(lambda: self.metric(name) >= at_least, f"{name} >= {at_least}", bound_s)


def call(port, method, path, body=None, headers=None, bound_s=60, source=None):
    """source: the address it comes from."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=bound_s,
                                            source_address=source and (source, 0))
    try:
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(text) if is_json and text else text
    except http.client.HTTPException as wrong:
        raise OSError(f"{type(wrong).__name__}: {wrong}") from wrong
    finally:
        connection.close()


def accepts(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Edge(Daemon):
    """byeori-edge with one plain listener and, given (chain, key), one with TLS. `site` is laid on
    the options of the site "test", `over` on the whole configuration."""

    executable = "edge/byeori-edge"

    def __init__(self, folder, origins, *, name="edge-1", host="test.example", tls=None, site=None,
                 over=None):
        self.port, self.admin_port = free_port(), free_port()
        self.tls_port = free_port() if tls else None
        self.host = host
        values = {
            "node": name,
            "workers": 2,
            ("listen", "http"): {"address": f"127.0.0.1:{self.port}"},
            "admin": {"address": f"127.0.0.1:{self.admin_port}"},
            "memory": "64MiB",
            ("site", "test"): {"hosts": [host], "origins": list(origins), **(site or {})},
        }
        if tls:
            values["listen", "https"] = {"address": f"127.0.0.1:{self.tls_port}", "tls": True}
            values["certificate", "test"] = {"chain": tls[0], "key": tls[1]}
        super().__init__(folder, merged(values, over or {}), name)

    def start(self):
        """Ready, and all that lies on its disks is known: a large one it reads while it serves."""
        super().start()
        if any(key[0] == "disk" for key in self.values if isinstance(key, tuple)):
            wait_until(lambda: self.metric("byeori_edge_disk_unread_segments") == 0,
                       f"{self.name} has read its disks", 60)
        return self

    def client(self, **options):
        return Client(("127.0.0.1", self.port), **{"host": self.host, **options})

    def get(self, target, method="GET", body=None, client=None, **fields):
        """One request on a connection of its own."""
        with self.client(**(client or {})) as c:
            return c.request(method, target, body, **fields)

    def begin(self, target, method="GET", client=None, **fields):
        """The same, at once and on its own thread: see client.Pending."""
        return Pending(("127.0.0.1", self.port), method, target,
                       {"host": self.host, **(client or {})}, **fields)


class Listening(Daemon):
    """A daemon whose configuration is the caller's: values_of_port(port) gives it for the port of
    its listener. It gets an admin listener unless it has one."""

    def __init__(self, folder, values_of_port, name=None):
        self.port = free_port()
        values = {"admin": {"address": f"127.0.0.1:{free_port()}"}, **values_of_port(self.port)}
        self.admin_port = int(values["admin"]["address"].rsplit(":", 1)[1])
        super().__init__(folder, values, name)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def client(self, **options):
        return Client(("127.0.0.1", self.port), **options)

    def get(self, target, method="GET", **fields):
        """One request on a connection of its own."""
        with self.client() as c:
            return c.request(method, target, **fields)


class OriginGateway(Listening):
    executable = "origin/byeori-origin"


class Control(Listening):
    executable = "control/byeori-control"

    def api(self, method, path, body=None, headers=None, source=None):
        """(status, body) of one API call; a JSON body comes parsed."""
        return call(self.port, method, path, body, headers, source=source)


def run_tool(executable, *arguments, bound_s=60):
    """A program that ends by itself (byeorictl, --check-config, --help); its CompletedProcess."""
    return subprocess.run([str(build_folder() / executable), *map(str, arguments)],
                          capture_output=True, text=True, timeout=bound_s,
                          env={**SANITIZERS, **os.environ})
