/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPLAY_PLAYER_H
#define BENCH_REPLAY_PLAYER_H

#include "bench/replay/account.h"
#include "bench/replay/crowd.h"
#include "bench/replay/scripted.h"

/* The clock of a replay. Each row of the trace is asked for when it is due, whatever became of
 * those before (open loop), in a time that runs `time_factor` times faster than the trace's and
 * with bytes `byte_factor` times fewer. At the end of each sample (of trace time) the clock stands
 * still until nothing is on its way at clients or origin; then the ledgers are read, and the
 * sample's bytes by ledger and by our own count go out as a line of CSV.
 *
 * Open loop has a bound: while most_waiting requests are on their way the clock stands too, and
 * result.held_s says for how long. Threads: one, that of the event_base; reading ledgers blocks. */
struct player_spec {
    const struct trace *trace;
    struct event_base *base;
    struct crowd *crowd;
    const struct scripted *origin;
    uint64_t byte_factor; /* >= 1 */
    double time_factor;
    uint64_t sample_us; /* of the trace */
    uint64_t most_waiting;
    /* Admin addresses of the edges that clients ask, and of those that ask the origin for them
     * (none: the edges themselves do). No edges: there is no ledger to compare with. */
    struct addr edges[CROWD_SERVERS_MAX], shields[CROWD_SERVERS_MAX];
    uint32_t edge_count, shield_count;
    FILE *samples;
};

struct player_result {
    uint64_t samples;
    uint64_t client_apart, origin_apart; /* sums over samples of |ledger - own count|, bytes */
    uint64_t past_shield;                /* bytes that edges had from the origin beside a shield */
    double seconds;                      /* in all */
    double held_s;                       /* most_waiting were on their way */
    double settled_s;                    /* at the ends of samples */
    double latest_s;                     /* how late a request went out, at worst */
    double warm_s;                       /* of the trace: when a quarter of its rows were asked */
};

/* player_run: the whole trace. 0; ERR_TIMEOUT: nothing moved for half a minute; what account_read
 * gave; ERR_IO: the samples could not be written. */
MUST_USE int player_run(const struct player_spec *spec, struct player_result *out);

#endif
