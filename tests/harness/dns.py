# SPDX-License-Identifier: MIT
"""DNS as its users ask: dig, messages byte by byte, and unbound, a resolver with a cache for each
client subnet."""

import re
import shutil
import socket
import struct
import subprocess

from tests.harness.ports import free_port
from tests.harness.programs import Program


class Answer:
    """What dig showed: status, flags, records as (name, ttl, type, data), scope of the subnet."""

    def __init__(self, text):
        self.text = text
        status = re.search(r"status: (\w+)", text)
        self.status = status.group(1) if status else None
        flags = re.search(r"flags: ([^;]*);", text, re.I)
        self.flags = flags.group(1).split() if flags else []
        subnet = re.search(r"CLIENT-SUBNET: (\S+)", text)
        self.subnet = subnet.group(1) if subnet else None
        self.scope = int(self.subnet.rsplit("/", 1)[1]) if subnet else None
        size = re.search(r"MSG SIZE\s+rcvd: (\d+)", text)
        self.size = int(size.group(1)) if size else None
        self.records = self._section("ANSWER")
        self.authority = self._section("AUTHORITY")
        self.additional = self._section("ADDITIONAL")

    def _section(self, name):
        part = re.search(rf";; {name} SECTION:\n(.*?)\n\n", self.text, re.S)
        rows = part.group(1).splitlines() if part else []
        return [(n, int(ttl), kind, data) for n, ttl, _, kind, data in
                (row.split(None, 4) for row in rows)]

    @property
    def data(self):
        return [r[3] for r in self.records]


def dig(port, name, kind="A", *options, server="127.0.0.1", tool="dig"):
    """options: "+subnet=10.0.0.0/8", "+tcp", ... Never asks twice, never by TCP by itself."""
    done = subprocess.run([shutil.which(tool), f"@{server}", "-p", str(port), name, kind,
                           "+tries=1" if tool == "dig" else "+retry=0", "+time=30", "+ignore",
                           "+norecurse", "+nocookie", *options],
                          capture_output=True, text=True, timeout=60)
    return Answer(done.stdout)


def question(name, kind=1, edns=b"", ident=0x1234, flags=0, count=1):
    """A message; edns: options of its OPT record, or None for none."""
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".") if p)
    opt = b"" if edns is None else b"\0" + struct.pack(">HHIH", 41, 1232, 0, len(edns)) + edns
    return (struct.pack(">6H", ident, flags, count, 0, 0, 1 if opt else 0) + labels + b"\0" +
            struct.pack(">2H", kind, 1) + opt)


def subnet(address, bits):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    data = socket.inet_pton(family, address)[:(bits + 7) // 8]
    return struct.pack(">2H", 8, 4 + len(data)) + struct.pack(
        ">HBB", 2 if ":" in address else 1, bits, 0) + data


def ask(port, message, wait_s=30):
    """The answer to any bytes by UDP, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(wait_s)
        s.connect(("127.0.0.1", port))
        s.send(message)
        try:
            return s.recv(4096)
        except TimeoutError:
            return None


class Unbound(Program):
    """A resolver that tells whom it asks for (/24), and keeps answers by the scope it is told."""

    executable = "unbound"
    TEXT = """
server:
  module-config: "subnetcache iterator"
  interface: 127.0.0.1@{port}
  port: {port}
  outgoing-port-permit: 20000-32000
  access-control: 127.0.0.0/8 allow
  send-client-subnet: 127.0.0.1
  client-subnet-always-forward: yes
  max-client-subnet-ipv4: 24
  do-not-query-localhost: no
  do-daemonize: no
  chroot: ""
  username: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  num-threads: 1
  local-zone: "example." nodefault
remote-control:
  control-enable: no
stub-zone:
  name: "{zone}"
  stub-addr: 127.0.0.1@{server}
"""

    def __init__(self, folder, zone, server):
        self.port, self.zone, self.server = free_port(), zone, server
        super().__init__(folder, None)

    def configure(self, values):
        self.file.write_text(self.TEXT.format(port=self.port, folder=self.folder, zone=self.zone,
                                              server=self.server))

    def command(self):
        return [shutil.which("unbound"), "-d", "-c", str(self.file)]

    def probe(self):
        return dig(self.port, "version.server", "TXT", "-c", "CH").status is not None
