# SPDX-License-Identifier: MIT
"""The same trace through byeori and through other caches of the same bytes, in front of the same
origin: what each asks of it, and what that costs. Each is set up as its documentation advises for
large files in ranges and for small ones."""

import os
import shutil
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.cost.run import DEMAND_GBPS, SAMPLE_S, catalogue_bytes, lines_of, p95, program
from bench.peers import servers
from bench.peers.server import Setting
from bench.replay.network import HOST, Network, at, replay, trace_make
from bench.replay.plot import plot
from tests.harness import packages
from tests.harness.certs import Authority
from tests.harness.ports import free_port
from tests.harness.programs import build_folder

CACHE_BYTES = 128 << 20     # of each server; Traffic Server's come in this unit
BLOCK = 256 << 10           # slices, byeori's blocks: the least that Traffic Server's may be
HASTEN = 1000
TURNS, NEAR = 3, 0.01   # at most, to make the most that a peer holds so near to CACHE_BYTES
SEED, WAITING, TIME_FACTOR = 8, 64, 30000
PRICES = Path(__file__).parents[1] / "cost/prices.conf"


def disk_bytes(folder):
    """As du counts."""
    sizes = []
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                sizes.append(os.stat(Path(parent) / name).st_blocks * 512)
            except FileNotFoundError:
                pass
    return sum(sizes)


@dataclass(frozen=True)
class Played:
    """A week's trace at this load, of which a part of the files is kept, and bytes made fewer: so
    that CACHE_BYTES are 5 to 10 % of its catalogue."""

    places: int     # each has a server
    load: float
    part: float
    byte_factor: int


KINDS = {"game": Played(1, 1, 0.04, 4), "vod": Played(1, 0.3, 0.02, 4),
         "web": Played(1, 0.5, 0.08, 1), "week": Played(3, 0.2, 0.04, 4)}


class Nginx(servers.Nginx):
    """The slice module's documentation, proxy_cache_lock for what comes at once. Deadlines are of
    hastened time (hasten.c); the manager may remove as many files at a time as there are."""

    CONF = servers.Nginx.CONF.replace("access_log off;",
                                      "access_log off; client_header_timeout 1000h;")
    IS_LATE = True
    PATH_OPTIONS = "inactive=30d manager_files=100000 manager_threshold=10h"
    CACHING = f"""
            slice {BLOCK}; proxy_set_header Range $slice_range;
            proxy_cache_key $uri$is_args$args$slice_range; proxy_cache_valid 200 206 1h;
            proxy_cache_lock on; proxy_cache_lock_timeout 1000h; proxy_cache_lock_age 1000h;
            proxy_connect_timeout 1000h; proxy_read_timeout 1000h; proxy_send_timeout 1000h;
            send_timeout 1000h; keepalive_timeout 1000h;
"""

    def __init__(self, setting):
        super().__init__(setting)
        self.environment = {"LD_PRELOAD": str(build_folder() / "bench/replay/libhasten.so"),
                            "HASTEN": str(HASTEN)}

    def held_bytes(self):
        return disk_bytes(self.cache)   # which is how nginx counts


class Varnish(servers.Varnish):
    """Fetches a file whole, whichever range is asked for. nuke_limit: what is said for small
    objects that have to make room for large ones."""

    IS_LATE = False
    OPTIONS = ("-p", "nuke_limit=1000000")

    def held_bytes(self):
        said = subprocess.run(["varnishstat", "-n", self.folder / "work", "-1", "-I",
                               "SMA.*.g_bytes"], capture_output=True, text=True).stdout
        return sum(int(line.split()[1]) for line in said.splitlines())


class TrafficServer(servers.TrafficServer):
    """The slice plugin with cache_range_requests, as its page has it; reading while it is written.
    All bytes are its disk's, which lies in memory: a memory of its own would hold them twice."""

    RECORDS = servers.TrafficServer.RECORDS + """
CONFIG proxy.config.cache.enable_read_while_writer INT 1
CONFIG proxy.config.http.background_fill_active_timeout INT 0
CONFIG proxy.config.http.background_fill_completed_threshold FLOAT 0.0
"""
    RULE = ("map / http://{0}:{1}/ @plugin=slice.so "
            f"@pparam=--blockbytes={BLOCK} @plugin=cache_range_requests.so")
    IS_LATE = False
    DISK_BYTES = CACHE_BYTES + (2 << 20)    # its heads

    def ram_bytes(self):
        return 0

    def held_bytes(self):
        return disk_bytes(self.folder / "cachedir")


PEERS = {"nginx": Nginx, "varnish": Varnish, "ats": TrafficServer}
PACKAGES = ["nginx", "varnish", "trafficserver", "trafficserver-experimental-plugins", "openssl"]


def make_trace(kind, folder, part):
    """part: of what KINDS has."""
    k, whole = KINDS[kind], folder / "whole"
    trace_make(kind, whole, seed=SEED, load=k.load, days=7, places=k.places)
    trace_make("sample", whole, folder / "trace", part=k.part * part)
    whole.unlink()
    return folder / "trace"


class Held:
    """The most bytes that a cache held on average over all of a kind, seen twice a second.
    readers: a function for each cache."""

    def __init__(self, readers):
        self.readers = readers
        self.most, self.is_over = 0, threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.is_over.wait(0.5):
            now = sum(read() for read in self.readers) / len(self.readers)
            self.most = max(self.most, now)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


def play_byeori(folder, kind, play):
    with Network(folder, KINDS[kind].places, CACHE_BYTES, site={"block": str(BLOCK)}) as n:
        held = Held([partial(e.metric, "byeori_edge_store_memory_bytes") for e in n.edges])
        with held:
            said, samples, code = play(n.origin_port, n.arguments())
        return said | {"held": held.most, "limit": CACHE_BYTES}, samples, code


def play_equal(cls, folder, kind, play):
    """Who gives back late holds more than its limit, and who keeps room free less: again with
    another limit, until the most that it held is what everybody has."""
    limit = CACHE_BYTES
    for turn in range(TURNS):
        home = folder / str(turn)
        home.mkdir()
        said, samples, code = play_peer(cls, home, kind, play, limit)
        shutil.rmtree(home)
        is_full = said["origin_bytes"] > 2 * CACHE_BYTES * KINDS[kind].places
        if not (cls.IS_LATE and is_full) or abs(said["held"] / CACHE_BYTES - 1) < NEAR:
            break
        limit = int(limit * CACHE_BYTES / said["held"])
    return said, samples, code


def play_peer(cls, folder, kind, play, limit):
    """One for each place, on all cores."""
    origin_port = free_port()
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    pair = Authority(folder).certificate("peer", [HOST])
    with ExitStack() as stack:
        caches = []
        for place in range(KINDS[kind].places):
            home = folder / str(place)
            home.mkdir()
            caches.append(cls(Setting(home, ("127.0.0.1", origin_port), cores, pair,
                                      cache_bytes=limit)))
            stack.callback(caches[-1].stop)
            caches[-1].start()
        with Held([c.held_bytes for c in caches]) as held:
            said, samples, code = play(origin_port, ["--servers", at(c.port for c in caches)])
        return said | {"held": held.most, "limit": limit}, samples, code


def play_system(name, kind, folder, trace):
    def play(origin_port, words):
        return replay(trace, folder / "samples", origin_port, words, waiting=WAITING,
                      byte_factor=KINDS[kind].byte_factor, time_factor=TIME_FACTOR)
    if name == "byeori":
        return play_byeori(folder, kind, play)
    return play_equal(PEERS[name], folder, kind, play)


def counted(said, samples):
    """Those after the first quarter of the requests, which only warms up."""
    return [s for s in samples if s["time_s"] >= said["warm_s"]]


def miss_ratio(said, samples):
    rows = counted(said, samples)
    return sum(r["origin_bytes"] for r in rows) / sum(r["client_bytes"] for r in rows)


def bills_of(outcomes, folder):
    """({column: won a month}, {column: Gb/s at the 95th percentile}, rows of Gb/s), at the first
    tariff; scaled alike so that the demand is DEMAND_GBPS."""
    tables = {name: counted(said, samples) for name, (said, samples, _) in outcomes.items()}
    demand = [r["client_bytes"] for r in next(iter(tables.values()))]
    columns = {"demand": demand, **{n: [r["origin_bytes"] for r in t] for n, t in tables.items()}}
    factor = DEMAND_GBPS * 1e9 / 8 * SAMPLE_S / p95(demand)
    file, times = folder / "bill.csv", [r["time_s"] for r in next(iter(tables.values()))]
    file.write_text(",".join(["time_s", *columns]) + "\n" + "".join(
        ",".join(map(str, row)) + "\n" for row in zip(times, *columns.values())))
    bills = lines_of(program("cost/bill"), PRICES, file, factor)
    first = [b for b in bills if b["tariff"] == bills[0]["tariff"]]
    gbps = factor * 8 / SAMPLE_S / 1e9
    return ({b["column"]: b["cost"] for b in first},
            {b["column"]: b["p95_bytes_per_s"] * 8 / 1e9 for b in first},
            [(t, *(v * gbps for v in row)) for t, *row in zip(times, *columns.values())])


def show(kind, share, outcomes, cost, p95s):
    print(f"\n{kind}: a cache of {share:.1%} of the catalogue at each of {KINDS[kind].places} "
          "places\n"
          f"{'':8} {'bytes':>8} {'from the':>9} {'wrong':>6} {'no':>6} {'requests':>9} "
          f"{'Gb/s from':>10} {'M won':>7} {'limit':>6} {'most':>6}\n"
          f"{'':8} {'missed':>8} {'origin MB':>9} {'bytes':>6} {'answer':>6} {'a second':>9} "
          f"{'the origin':>10} {'a month':>7} {'MB':>6} {'held':>6}")
    for name, (said, samples, _) in outcomes.items():
        print(f"{name:8} {miss_ratio(said, samples):8.4f} {said['origin_bytes'] / 1e6:9,.0f} "
              f"{said['wrong']:6} {said['failed']:6} {said['requests'] / said['seconds']:9,.0f} "
              f"{p95s[name]:10.1f} {cost[name] / 1e6:7.1f} "
              f"{said['limit'] / 1e6:6.1f} {said['held'] / 1e6:6.1f}")
    print(f"{'no cache':8} {1:8.4f} {'':49} {p95s['demand']:3.1f} {cost['demand'] / 1e6:7.1f}",
          flush=True)


def judge(outcomes):
    """Bytes that byeori missed over the best peer's; whether the bars hold."""
    ratio = {n: miss_ratio(said, samples) for n, (said, samples, _) in outcomes.items()}
    best = min((n for n in ratio if n != "byeori"), key=ratio.get)
    over = ratio["byeori"] / ratio[best]
    is_held = over < 1 and outcomes["byeori"][2] == 0
    print(f"byeori misses {over:.3f} of what {best} does, the best of the others; its bytes and "
          f"ledgers are {'right' if outcomes['byeori'][2] == 0 else 'WRONG'}: "
          f"{'held' if is_held else 'missed'}", flush=True)
    return is_held


def compare(kinds, names, part, folder, plots):
    """True: byeori missed fewer bytes than each peer on each kind of trace, none of them wrong."""
    packages.install_names(PACKAGES)
    os.chmod(folder, 0o755)     # for servers that do not stay root
    held = []
    for kind in kinds:
        home = folder / kind
        home.mkdir()
        trace, outcomes = make_trace(kind, home, part), {}
        share = CACHE_BYTES * KINDS[kind].byte_factor / catalogue_bytes(trace)
        for name in ["byeori", *names]:
            place = home / name
            place.mkdir()
            outcomes[name] = play_system(name, kind, place, trace)
            shutil.rmtree(place)
        cost, p95s, rows = bills_of(outcomes, home)
        show(kind, share, outcomes, cost, p95s)
        held.append(judge(outcomes))
        plot(kind, rows, list(outcomes), cost, f"{share:.0%} of the catalogue", plots)
        shutil.rmtree(home)
    return all(held)
