/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TRACES_WORLD_H
#define BENCH_TRACES_WORLD_H

#include "bench/traces/rng.h"
#include "bench/traces/trace.h"

/* Time, and what happens in it: events in a heap, each of which writes rows and says when it
 * happens again. Sources (game, vod, web) put their events in before the world runs. One thread. */
struct world;
struct event {
    double at;     /* seconds */
    uint64_t turn; /* of two at the same moment, the older first: the world's own */
    /* fire: true: again at `at`, which it moved on; false: it has given itself back. */
    bool (*fire)(struct world *w, struct event *e);
};

struct world_config {
    uint64_t seed;
    double days, scale, load; /* load: arrivals, times so many */
    uint32_t places;
};

#define WORLD_SOURCES_MAX 3
struct world {
    struct world_config config;
    struct rng rng;
    struct trace_writer *out;
    double end; /* seconds */
    struct event **heap;
    size_t count, room;
    uint64_t turns;
    uint32_t clients;
    void (*finish[WORLD_SOURCES_MAX])(void *source);
    void *sources[WORLD_SOURCES_MAX];
    int source_count;
};

void world_init(struct world *w, const struct world_config *c, struct trace_writer *out);
void world_run(struct world *w); /* until the end; events that are left are given back */
void world_finish(struct world *w);
void world_add(struct world *w, struct event *e);
/* world_keep: a source, to be given back with the world. */
void world_keep(struct world *w, void *source, void (*finish)(void *source));
void world_write(struct world *w, double at, struct trace_row *r);

/* How busy users of a place are at a moment, from 0 to 1: over the day, later by an hour from place
 * to place, and over the week. */
double world_activity(const struct world *w, double at, uint32_t place);
/* world_next_arrival: the next moment of a process of at most `per_second`, thinned by activity. */
double world_next_arrival(struct world *w, double at, uint32_t place, double per_second);
/* world_place: the share of users at a place; they sum up to 1. */
double world_share(const struct world *w, uint32_t place);
/* A size of the real world in the trace's bytes: at least one. */
uint64_t world_scaled(const struct world *w, double bytes);

/* One client that takes files range by range, one after the other, at its own rate. */
struct transfer {
    struct event event; /* first */
    struct trace_row row;
    uint64_t pos, end; /* of the file at hand: next byte, byte after the last one wanted */
    uint64_t range;    /* bytes asked for at once */
    uint64_t left;     /* bytes until it goes away, over all files */
    double pause;      /* then it comes back once, after so many seconds; 0: never */
    double gap;        /* seconds from one file's end to the next one's begin */
    bool (*next)(struct world *w, struct transfer *t); /* the next file; false: there is none */
    void *source;
    /* the source's own: what it takes of which title */
    uint32_t title, file, first_file, last_file, variant;
};
/* transfer_start: takes t, which has a first file. */
void transfer_start(struct world *w, struct transfer *t);

/* The sources: each adds itself. weight: its part of the arrivals that it would have alone. */
void game_add(struct world *w, uint16_t site, double weight);
void vod_add(struct world *w, uint16_t site, double weight);
void web_add(struct world *w, uint16_t site, double weight);

#endif
