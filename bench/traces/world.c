/* SPDX-License-Identifier: MIT */

/* The clock of a generated trace. Events with equal times fire in the order in which they were
 * added, so that a seed gives one trace. */
#include "bench/traces/world.h"

#include "lib/base/mem.h"

#include <math.h>

#define DAY_S 86400.0

void world_init(struct world *w, const struct world_config *c, struct trace_writer *out)
{
    *w = (struct world){
        .config = *c, .rng.state = rng_mix(c->seed + 1), .out = out, .end = c->days * DAY_S};
}

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at < b->at || (a->at == b->at && a->turn < b->turn);
}

static void sift_down(struct world *w)
{
    struct event *e = w->heap[0];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < w->count; i = child) {
        if (child + 1 < w->count && is_before(w->heap[child + 1], w->heap[child]))
            child++;
        if (!is_before(w->heap[child], e))
            break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = e;
}

void world_add(struct world *w, struct event *e)
{
    if (w->count == w->room) {
        w->room = w->room > 0 ? 2 * w->room : 1024;
        w->heap = mem_grow(w->heap, w->room, sizeof(struct event *));
    }
    e->turn = w->turns++;
    size_t i = w->count++;
    while (i > 0 && is_before(e, w->heap[(i - 1) / 2])) {
        w->heap[i] = w->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->heap[i] = e;
}

static struct event *world_pop(struct world *w)
{
    struct event *first = w->heap[0];
    w->heap[0] = w->heap[--w->count];
    if (w->count > 0)
        sift_down(w);
    return first;
}

void world_run(struct world *w)
{
    while (w->count > 0 && w->heap[0]->at < w->end) {
        struct event *e = world_pop(w);
        if (e->fire(w, e))
            world_add(w, e);
    }
    while (w->count > 0)
        mem_free(w->heap[--w->count]);
}

void world_finish(struct world *w)
{
    for (int i = 0; i < w->source_count; i++)
        w->finish[i](w->sources[i]);
    mem_free(w->heap);
}

void world_keep(struct world *w, void *source, void (*finish)(void *source))
{
    CHECK(w->source_count < WORLD_SOURCES_MAX);
    w->sources[w->source_count] = source;
    w->finish[w->source_count++] = finish;
}

void world_write(struct world *w, double at, struct trace_row *r)
{
    r->time_us = (uint64_t)(at * 1e6);
    trace_add(w->out, r);
}

/* One broad hill with its top at 21:00 and its foot at 9:00, a fifth of the top; weekends a tenth
 * more. The shape of a residential network's day (README.md, sources). */
double world_activity(const struct world *w, double at, uint32_t place)
{
    (void)w;
    double local = at / 3600 + place;
    double hill = 0.5 + 0.5 * cos((local - 21) / 24 * 2 * 3.14159265358979323846);
    bool is_weekend = (int)(at / DAY_S) % 7 >= 5;
    return (0.2 + 0.8 * hill) * (is_weekend ? 1.0 : 0.9);
}

double world_next_arrival(struct world *w, double at, uint32_t place, double per_second)
{
    do
        at += rng_exponential(&w->rng, 1 / per_second);
    while (at < w->end && rng_unit(&w->rng) > world_activity(w, at, place));
    return at;
}

/* As 1, 1/2, 1/3 ..: large and small towns. */
double world_share(const struct world *w, uint32_t place)
{
    double all = 0;
    for (uint32_t i = 0; i < w->config.places; i++)
        all += 1.0 / (i + 1);
    return 1.0 / (place + 1) / all;
}

uint64_t world_scaled(const struct world *w, double bytes)
{
    return (uint64_t)(bytes / w->config.scale) + 1;
}

/* One range; whole, or as far as the client gets. */
static void transfer_take(struct world *w, struct transfer *t)
{
    struct trace_row *r = &t->row;
    uint64_t length = t->end - t->pos < t->range ? t->end - t->pos : t->range;
    r->offset = t->pos;
    r->length = length;
    r->taken = t->left < length ? t->left : length;
    world_write(w, t->event.at, r);
    t->pos += r->taken;
    t->left -= r->taken;
    t->event.at += (double)r->taken / r->bytes_s;
}

static bool transfer_fire(struct world *w, struct event *e)
{
    struct transfer *t = (struct transfer *)e;
    transfer_take(w, t);
    if (t->left == 0 && t->pause > 0) {
        t->event.at += t->pause;
        t->pause = 0;
        t->left = UINT64_MAX;
    }
    if (t->left > 0 && t->pos < t->end)
        return true;
    t->event.at += t->gap;
    if (t->left > 0 && t->next != NULL && t->next(w, t))
        return true;
    mem_free(t);
    return false;
}

void transfer_start(struct world *w, struct transfer *t)
{
    t->event.fire = transfer_fire;
    t->row.client = w->clients++;
    world_add(w, &t->event);
}
