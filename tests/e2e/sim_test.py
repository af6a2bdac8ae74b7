# SPDX-License-Identifier: MIT
"""Traces are the same for the same seed, and the simulator's caches miss what they must."""

import json
import struct
import subprocess

import pytest

from tests.harness.programs import build_folder

MIB = 1 << 20
HEAD = struct.Struct("<QIIQQQd16s")


def program(name):
    return str(build_folder() / "bench" / name)


def trace_make(*arguments):
    return subprocess.run([program("traces/trace_make"), *map(str, arguments)], check=True,
                          capture_output=True).stdout


def read_csv(trace):
    names, *lines = trace_make("csv", trace).decode().splitlines()
    return [dict(zip(names.split(","), map(int, line.split(",")))) for line in lines]


@pytest.mark.parametrize("kind", ["game", "vod", "web", "week"])
def test_a_seed_gives_one_trace_in_the_order_of_time(kind, tmp_path):
    a, b, other = (tmp_path / name for name in "abc")
    for path, seed in ((a, 7), (b, 7), (other, 8)):
        trace_make(kind, path, "--seed", seed, "--days", 1, "--load", 0.05, "--places", 3)
    assert a.read_bytes() == b.read_bytes() != other.read_bytes()
    _, version, places, rows, seed, *_ = HEAD.unpack(a.read_bytes()[:HEAD.size])
    assert (version, places, seed) == (1, 3, 7) and a.stat().st_size == 64 * (rows + 1)
    read = read_csv(a)
    assert len(read) == rows > 100
    assert all(x["time_us"] <= y["time_us"] for x, y in zip(read, read[1:]))
    assert all(r["offset"] + r["length"] <= r["size"] and 0 < r["length"] >= r["taken"]
               and r["place"] < 3 for r in read)


def test_oracle_general_keeps_each_block_and_knows_its_next_use(tmp_path):
    csv, trace, oracle = (tmp_path / name for name in ("x.csv", "x.trace", "x.oracleGeneral"))
    csv.write_text(f"time,object,bytes\n0,5,{3 * MIB}\n1,a,10\n2,5,{3 * MIB}\n")
    trace_make("from-csv", csv, trace)
    trace_make("oracle", trace, oracle)
    rows = list(struct.iter_unpack("<IQIq", oracle.read_bytes()))
    assert [r[0] for r in rows] == [0, 0, 0, 1, 2, 2, 2]
    assert [r[2] for r in rows] == [MIB] * 3 + [10] + [MIB] * 3
    assert [r[3] for r in rows] == [4, 5, 6, -1, -1, -1, -1]
    trace_make("from-oracle", oracle, trace)
    assert len(trace_make("csv", trace).splitlines()) == 8


LOG = """\
203.0.113.9 - - [10/Oct/2025:13:55:36 +0900] "GET /a HTTP/1.1" 206 1000 "-" "curl" "bytes=0-999"
203.0.113.9 - - [10/Oct/2025:04:55:46 +0000] "GET /a HTTP/1.1" 206 50 "-" "c" "bytes=1000-1999"
10.0.0.1 - - [10/Oct/2025:04:55:40 +0000] "GET /a HTTP/1.1" 200 2000 "http://x/" "Mozilla/5.0"
10.0.0.1 - - [10/Oct/2025:04:55:50 +0000] "POST /a HTTP/1.1" 200 5 "-" "-"
noise
10.0.0.2 - - [10/Oct/2025:04:55:51 +0000] "GET /b HTTP/1.1" 404 500 "-" "-"
"""


def test_an_access_log_becomes_ranges_and_clients_that_left(tmp_path):
    log, trace = tmp_path / "access.log", tmp_path / "x.trace"
    log.write_text(LOG)
    trace_make("from-log", log, trace)
    rows = read_csv(trace)
    assert [r["time_us"] for r in rows] == [0, 10_000_000, 10_000_000]
    assert {r["size"] for r in rows} == {2000} and len({r["object"] for r in rows}) == 1
    assert [(r["offset"], r["length"], r["taken"]) for r in rows] == [
        (0, 1000, 1000), (1000, 1000, 50), (0, 2000, 2000)]


CLOUDFRONT = """\
#Version: 1.0
#Fields: date time sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs-uri-query \
sc-content-len sc-range-start sc-range-end
2025-10-31\t23:59:59\t1400\t10.0.0.9\tGET\tdl.example\t/a\t206\t-\t1000\t5000\t5999
2025-11-01\t00:00:09\t700\t10.0.0.9\tGET\tdl.example\t/a\t200\t-\t6000\t-\t-
2025-11-01\t00:00:10\t700\t10.0.0.9\tPOST\tdl.example\t/a\t200\t-\t500\t-\t-
2025-11-01\t00:00:11\t500\t10.0.0.9\tGET\tdl.example\t/a\t200\tv=2\t400\t-\t-
"""
WIKIMEDIA = """\
relative_unix\thashed_path_query\timage_type\tresponse_size\ttime_firstbyte
0\t833946053\tjpeg\t35694\t7.77e-05
3\t833946053\tjpeg\t35694\t7.77e-05
5\t-1\tpng\t10\t7.77e-05
"""


def test_tables_of_cdns_become_traces(tmp_path):
    log, trace = tmp_path / "log.tsv", tmp_path / "x.trace"
    log.write_text(CLOUDFRONT)
    trace_make("from-tsv", log, trace)
    a, b, other = read_csv(trace)
    assert [r["time_us"] for r in (a, b, other)] == [0, 10_000_000, 12_000_000]
    assert a["object"] == b["object"] != other["object"]
    assert [(r["size"], r["offset"], r["length"], r["taken"]) for r in (a, b, other)] == [
        (6000, 5000, 1000, 1000), (6000, 0, 6000, 700), (400, 0, 400, 400)]
    log.write_text(WIKIMEDIA)
    trace_make("from-tsv", log, trace)
    assert [(r["time_us"], r["size"], r["taken"]) for r in read_csv(trace)] == [
        (0, 35694, 35694), (3_000_000, 35694, 35694), (5_000_000, 10, 10)]


def test_a_sample_has_all_requests_for_a_part_of_the_files(tmp_path):
    whole, part = tmp_path / "whole", tmp_path / "part"
    trace_make("web", whole, "--days", 1, "--load", 0.05)
    trace_make("sample", whole, part, "--part", 0.2)
    rows, kept = read_csv(whole), read_csv(part)
    chosen = {r["object"] for r in kept}
    assert kept == [r for r in rows if r["object"] in chosen]
    assert 0.1 < len(chosen) / len({r["object"] for r in rows}) < 0.3


def trace_of(path, objects):
    csv = path.with_suffix(".csv")
    csv.write_text("".join(f"{at},{o},{MIB}\n" for at, o in enumerate(objects)))
    trace_make("from-csv", csv, path)
    return path


def cells_of(*arguments):
    """What byeori_sim prints: a row for each cell, and what all of them took."""
    said = subprocess.run([program("sim/byeori_sim"), *map(str, arguments)],
                          check=True, capture_output=True, text=True).stdout
    *rows, whole = map(json.loads, said.splitlines())
    return rows, whole


def simulate(tmp_path, objects, share):
    rows, _ = cells_of(trace_of(tmp_path / "x", objects), "--share", share, "--memory", 1)
    return {r["cache"]: r["byte_miss"] for r in rows}


def test_cells_miss_the_same_however_many_are_played_at_a_time(tmp_path):
    traces = [trace_of(tmp_path / f"{n}", [i * i % n for i in range(4000)]) for n in (83, 107)]

    def missed(jobs):
        rows, whole = cells_of(*traces, "--share", "0.2,0.4", "--memory", 1, "--jobs", jobs)
        assert whole["cells"] == len(rows)
        return {(r["trace"], r["share"], r["cache"]): r["byte_miss"] for r in rows}

    alone = missed(1)
    assert len(alone) == 2 * 2 * 11 and alone == missed(3)


def test_what_fits_is_missed_once(tmp_path):
    missed = simulate(tmp_path, [i % 20 for i in range(400)], 1.2)
    assert set(missed.values()) == {0.0}  # the first round is warm-up


def test_a_round_that_is_too_large_defeats_lru_and_not_belady(tmp_path):
    missed = simulate(tmp_path, [i % 40 for i in range(4000)], 0.5)
    assert missed["LRU"] == missed["FIFO"] == missed["byeori lru"] == 1.0
    assert 0.5 <= missed["Belady"] < 0.53
    assert min(missed.values()) == missed["Belady"]


def test_what_is_asked_for_once_does_not_take_what_is_used(tmp_path):
    """Twelve that are used three times a round, and three times as many that never come back."""
    rounds = [[i // 3 for i in range(36)] + [1000 + 36 * n + i for i in range(36)]
              for n in range(60)]
    missed = simulate(tmp_path, [o for r in rounds for o in r], 24 / (12 + 36 * 60))
    assert missed["LRU"] == pytest.approx(48 / 72, abs=0.001)
    assert missed["Belady"] == pytest.approx(36 / 72, abs=0.001)
    for name in ("S3-FIFO 10%", "SIEVE", "W-TinyLFU", "byeori s3-fifo", "byeori learned"):
        assert missed[name] < 0.52, name
