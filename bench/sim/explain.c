/* SPDX-License-Identifier: MIT */

/* Sorts misses by their reason, and plays Belady's in the place of the shield and of each edge. */
#include "bench/sim/explain.h"

#include "bench/sim/cache.h"
#include "lib/base/mem.h"

/* Some of a workload's touches, in their order. */
struct part {
    struct workload work; /* touches are its own */
    uint64_t *numbers;    /* [touch_count]: of each in the whole */
};

static void part_init(struct part *p, const struct workload *of)
{
    *p = (struct part){.work = {.id_count = of->id_count}};
    p->work.touches = mem_zarray(of->touch_count, sizeof(struct touch));
    p->numbers = mem_zarray(of->touch_count, sizeof(*p->numbers));
}

static void part_add(struct part *p, const struct workload *of, uint64_t number)
{
    p->numbers[p->work.touch_count] = number;
    p->work.touches[p->work.touch_count++] = of->touches[number];
}

static void part_finish(struct part *p)
{
    mem_free(p->work.touches);
    mem_free(p->numbers);
}

/* is_missed[number in the whole] of each touch of the part. */
static void play_belady(const struct part *p, int64_t bytes, bool *is_missed)
{
    struct cache_spec spec = {.workload = &p->work, .bytes = bytes};
    void *cache = cache_belady.create(&spec);
    for (uint64_t i = 0; i < p->work.touch_count; i++) {
        uint64_t written;
        is_missed[p->numbers[i]] = !cache_belady.touch(cache, &p->work.touches[i], i, &written);
    }
    cache_belady.destroy(cache);
}

static uint64_t wanted_of(const struct workload *w, const bool *is_chosen)
{
    uint64_t sum = 0;
    for (uint64_t i = w->warm_touches; i < w->touch_count; i++)
        sum += is_chosen[i] ? w->touches[i].wanted : 0;
    return sum;
}

/* What the origin sends where Belady's is the shield and edges miss what is_missed says. */
static uint64_t belady_above(const struct explain_run *run, const bool *is_missed)
{
    struct part asked;
    bool *is_sent = mem_zarray(run->work->touch_count, sizeof(*is_sent));
    part_init(&asked, run->work);
    for (uint64_t i = 0; i < run->work->touch_count; i++) {
        if (is_missed[i])
            part_add(&asked, run->work, i);
    }
    play_belady(&asked, run->shield_bytes, is_sent);
    uint64_t sent = wanted_of(run->work, is_sent);
    part_finish(&asked);
    mem_free(is_sent);
    return sent;
}

static void play_edge(const struct explain_run *run, uint32_t edge, bool *is_missed)
{
    struct part asked;
    part_init(&asked, run->work);
    for (uint64_t i = 0; i < run->work->touch_count; i++) {
        if (run->edges[i] == edge)
            part_add(&asked, run->work, i);
    }
    play_belady(&asked, run->edge_bytes, is_missed);
    part_finish(&asked);
}

/* seen: bit `edge` of byte row `id`, and one more bit for "by anybody". */
static bool note_seen(uint8_t *seen, uint64_t row_bytes, uint32_t id, uint32_t bit)
{
    uint8_t *at = &seen[id * row_bytes + bit / 8], mask = (uint8_t)(1u << bit % 8);
    bool was = (*at & mask) != 0;
    *at |= mask;
    return was;
}

static void sort_misses(const struct explain_run *run, struct explanation *out)
{
    const struct workload *w = run->work;
    uint64_t row_bytes = run->edge_count / 8 + 1;
    uint8_t *seen = mem_zarray(w->id_count, row_bytes);
    for (uint64_t i = 0; i < w->touch_count; i++) {
        const struct touch *t = &w->touches[i];
        bool by_edge = note_seen(seen, row_bytes, t->id, run->edges[i]);
        bool by_anybody = note_seen(seen, row_bytes, t->id, run->edge_count);
        if (i < w->warm_touches)
            continue;
        if (run->sources[i] != SENT_BY_EDGE)
            *(by_edge ? &out->edge_again : &out->edge_first) += t->wanted;
        if (run->sources[i] == SENT_BY_ORIGIN)
            *(by_anybody ? &out->origin_again : &out->origin_first) += t->wanted;
    }
    mem_free(seen);
}

void explain(const struct explain_run *run, struct explanation *out)
{
    bool *is_missed = mem_zarray(run->work->touch_count, sizeof(*is_missed));
    *out = (struct explanation){0};
    sort_misses(run, out);
    for (uint64_t i = 0; i < run->work->touch_count; i++)
        is_missed[i] = run->sources[i] != SENT_BY_EDGE;
    out->belady_shield = belady_above(run, is_missed);
    for (uint32_t e = 0; e < run->edge_count; e++)
        play_edge(run, e, is_missed);
    out->belady_both = belady_above(run, is_missed);
    mem_free(is_missed);
}
