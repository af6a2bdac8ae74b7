# SPDX-License-Identifier: MIT
"""Ceph's RADOS gateway, whole, on loopback: a monitor, an OSD that keeps everything in memory, and
the gateway with its S3 and Swift interfaces. Takes a quarter of a minute to start.

    gateway = RadosGateway(folder).start()
    gateway.url                           S3; .../auth/v1.0 gives tokens
    gateway.kill("gateway"); gateway.start_one("gateway")"""

import subprocess
import uuid
from pathlib import Path

from tests.harness.ports import free_port
from tests.harness.programs import wait_until
from tests.harness.servers import Servers

ACCESS, SECRET = "AKTEST", "a secret of S3"
USER, PASSWORD = "cdn:swift", "a secret of Swift"

# The gateway does not connect without cephx; the free space of the disk is no concern of ours.
CONF = """[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{monitor}
ms bind ipv4 = true
ms bind ipv6 = false
ms bind msgr1 = false
ms bind port min = 31000
ms bind port max = 32700
public network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
run dir = {folder}
pid file =
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
keyring = {folder}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon data avail warn = 2
[mon.a]
mon data = {folder}/monitor
mon addr = 127.0.0.1:{monitor}
mon cluster log file = {folder}/cluster.log
[osd.0]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd journal =
osd op num shards = 1
osd op num threads per shard = 2
osd class load list = *
osd class default list = *
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{gateway}
rgw data = {folder}/gateway
rgw thread pool size = 16
rgw enable usage log = false
rgw swift account in url = true
"""


class RadosGateway(Servers):
    def __init__(self, folder):
        super().__init__(Path(folder) / "ceph")
        for name in ("monitor", "osd", "gateway"):
            (self.folder / name).mkdir(parents=True)
        self.ports = {"monitor": free_port(), "gateway": free_port()}
        self.url = f"http://127.0.0.1:{self.ports['gateway']}"
        self.file, self.keys = self.folder / "ceph.conf", self.folder / "keyring"
        self.fsid = str(uuid.uuid4())
        self.file.write_text(CONF.format(folder=self.folder, fsid=self.fsid, **self.ports))
        at = ["-c", str(self.file), "-f"]
        self.commands = {"monitor": ["ceph-mon", *at, "-i", "a"],
                         "osd": ["ceph-osd", *at, "-i", "0"],
                         "gateway": ["radosgw", *at, "-n", "client.rgw"]}

    def tool(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (words, done.stderr[-500:])
        return done.stdout

    def ceph(self, *words):
        return self.tool("ceph", "-c", str(self.file), *words)

    def key_of(self, name, *rights):
        with open(self.keys, "a") as keys:
            keys.write(self.ceph("auth", "get-or-create", name, *rights))

    def bring_up(self):
        keys, map_file = str(self.keys), str(self.folder / "monmap")
        self.tool("ceph-authtool", "--create-keyring", keys, "--gen-key", "-n", "mon.", "--cap",
                  "mon", "allow *")
        self.tool("ceph-authtool", keys, "--gen-key", "-n", "client.admin", "--cap", "mon",
                  "allow *", "--cap", "osd", "allow *")
        self.tool("monmaptool", "--create", "--addv", "a",
                  f"[v2:127.0.0.1:{self.ports['monitor']}]", "--fsid", self.fsid, map_file)
        self.tool("ceph-mon", "-c", str(self.file), "--mkfs", "-i", "a", "--monmap", map_file,
                  "--keyring", keys)
        self.start_one("monitor")
        wait_until(lambda: self.listens("monitor"), "Ceph's monitor listens", 120)
        self.key_of("osd.0", "mon", "allow profile osd", "osd", "allow *")
        disk = str(uuid.uuid4())
        self.ceph("osd", "new", disk)
        self.tool("ceph-osd", "-c", str(self.file), "-i", "0", "--mkfs", "--osd-uuid", disk)
        self.ceph("osd", "crush", "add", "osd.0", "1.0", "host=h", "root=default")
        self.start_one("osd")
        wait_until(lambda: "1 up" in self.ceph("osd", "stat"), "Ceph's OSD is up", 120)
        self.key_of("client.rgw", "mon", "allow *", "osd", "allow *")
        self.start_one("gateway")
        wait_until(lambda: self.listens("gateway"), "Ceph's gateway listens", 120)
        self.admin("user", "create", "--uid=cdn", "--display-name=cdn", f"--access-key={ACCESS}",
                   f"--secret-key={SECRET}")
        self.admin("subuser", "create", "--uid=cdn", f"--subuser={USER}", "--access=full",
                   f"--secret-key={PASSWORD}", "--key-type=swift")

    def admin(self, *words):
        self.tool("radosgw-admin", "-c", str(self.file), *words)
