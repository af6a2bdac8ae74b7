/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPLAY_CROWD_H
#define BENCH_REPLAY_CROWD_H

#include "bench/replay/catalog.h"
#include "bench/traces/trace.h"
#include "lib/net/addr.h"

/* The clients of a trace: each session keeps a connection of its own to the server of its place
 * (seats; a session whose connection is busy borrows another's or a spare one), asks by HTTP/1.1,
 * compares every byte that it takes with the edition that the answer's ETag names, and goes away
 * where the trace says so.
 *
 * How a client goes away. What a server hands to its kernel and what a client's kernel receives
 * differ by what is on the way when the client resets the connection. So that both can be compared
 * to the byte, it first lets nothing in any more (a socket filter that drops), reads and compares
 * what had come, has that acknowledged (TCP_QUICKACK), and only then resets.
 *
 * Threads: one, that of its event_base. */
struct crowd;
struct event_base;

#define CROWD_SERVERS_MAX 64
struct crowd_spec {
    struct event_base *base;
    const char *host;
    struct addr servers[CROWD_SERVERS_MAX];
    uint32_t server_count;
    uint32_t seats;          /* connections kept for each server */
    struct catalog *catalog; /* NULL: a new edition has a new name */
};
struct crowd *crowd_create(const struct crowd_spec *spec);
void crowd_destroy(struct crowd **c);

/* crowd_ask: on behalf of the row, whose numbers are as they shall be on the wire, at
 * server `place % server_count`. Never blocks; the row is used during the call only. */
void crowd_ask(struct crowd *c, const struct trace_row *row);

struct crowd_counts {
    uint64_t requests; /* asked */
    uint64_t waiting;  /* of them, those that are still on their way */
    uint64_t body_bytes, head_bytes;
    uint64_t left;       /* clients that went away in the middle */
    uint64_t wrong;      /* answers with a byte, a length or a name that must not be */
    uint64_t old;        /* answers older than what was published when they were asked for */
    uint64_t failed;     /* no answer, not all of it, or another status */
    uint64_t again;      /* kept connections that the server had closed: asked once more */
    uint64_t dialled;    /* connections made */
    uint64_t most_seats; /* connections open at once */
};
const struct crowd_counts *crowd_counts_of(const struct crowd *c);

#endif
