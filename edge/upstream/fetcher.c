/* SPDX-License-Identifier: MIT
 *
 * One worker's means of getting things from upstream: what is counted, and how it ends. */
#include "edge/upstream/fetcher.h"

#include "edge/upstream/fill.h"
#include "edge/upstream/flight.h"

static const struct counter_row rows[] = {
#define X(name, help) {#name, help, offsetof(struct fetcher_counters, name)},
    FETCHER_COUNTERS(X)
#undef X
};
const struct counter_table fetcher_counter_table = {"byeori_edge_upstream_", rows, ARRAY_LEN(rows)};

void fetcher_init(struct fetcher *f)
{
    list_init(&f->fills);
    list_init(&f->flights);
}

void fetcher_stop(struct fetcher *f)
{
    flight_stop(f);
    fill_stop(f);
}
