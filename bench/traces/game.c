/* SPDX-License-Identifier: MIT */

/* Games: titles of many files, installed whole and in ranges; releases with a peak that dies away;
 * patches that replace some files of a title, which its players then fetch again. Parameters and
 * where they come from: README.md. */
#include "bench/traces/world.h"

#include "lib/base/mem.h"

#include <math.h>

#define TITLES        800
#define RELEASES      6 /* in a week, of the titles with the lowest numbers */
#define FILES_MAX     48
#define ZIPF          0.9
#define INSTALLS_S    0.02 /* at full activity, over all titles and places */
#define RELEASE_BURST 1500 /* installs of the greatest release; the next half of it, and so on */
#define RELEASE_TAU_S (36 * 3600.0)
#define PATCH_EVERY_S (6 * 86400.0) /* of one title, on average */
#define PATCH_BURST   700           /* players of the first title who fetch a patch */
#define PATCH_TAU_S   (10 * 3600.0)
#define PATCH_PART    0.2 /* of a title's files */
#define RANGE_BYTES   (64.0 * 1024 * 1024)
#define ABANDONED     0.06
#define RESUMED       0.12
#define PAUSE_MEAN_S  (6 * 3600.0)
#define RATE_MEDIAN   (6.0e6) /* bytes a second */
#define RATE_SIGMA    0.8

struct title {
    uint32_t files, patch; /* patch: number of the last one */
    uint64_t sizes[FILES_MAX];
    uint32_t versions[FILES_MAX]; /* number of the patch that made it */
    double released;              /* seconds; negative: before the trace */
};

struct game {
    uint16_t site;
    double weight;
    struct chooser popularity, shares;
    struct title titles[TITLES];
};

/* What makes somebody come. */
struct arrivals {
    struct event event; /* first */
    struct game *game;
    uint32_t place;
    double per_s;
};

struct burst {
    struct event event; /* first */
    struct game *game;
    uint32_t title, since; /* since: only files of this patch or a later one; 0: all */
    double left, tau;      /* how many are still to come, and how fast they become fewer */
};

static uint64_t file_id(const struct game *g, uint32_t title, uint32_t file)
{
    return rng_mix(((uint64_t)g->site << 48) + ((uint64_t)title << 16) + file + 1);
}

/* The next file of the title that this client lacks. */
static bool next_file(struct world *w, struct transfer *t)
{
    (void)w;
    const struct game *g = t->source;
    const struct title *title = &g->titles[t->title];
    while (++t->file < title->files && title->versions[t->file] < t->variant) {
    }
    if (t->file >= title->files)
        return false;
    t->row.object = file_id(g, t->title, t->file);
    t->row.version = title->versions[t->file];
    t->row.size = t->end = title->sizes[t->file];
    t->pos = 0;
    return true;
}

static uint64_t bytes_wanted(const struct title *title, uint32_t since)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < title->files; i++)
        sum += title->versions[i] >= since ? title->sizes[i] : 0;
    return sum;
}

struct visit {
    double at;
    uint32_t title, since, place;
};

static void visit_start(struct world *w, struct game *g, const struct visit *v)
{
    struct rng *r = &w->rng;
    struct transfer *t = mem_zalloc(sizeof(*t));
    double rate = rng_lognormal(r, RATE_MEDIAN, RATE_SIGMA), fate = rng_unit(r);
    *t = (struct transfer){.event.at = v->at,
                           .row = {.bytes_s = (uint32_t)world_scaled(w, rate),
                                   .place = (uint16_t)v->place,
                                   .site = g->site},
                           .range = (uint64_t)(RANGE_BYTES / w->config.scale),
                           .left = UINT64_MAX,
                           .next = next_file,
                           .source = g,
                           .title = v->title,
                           .file = UINT32_MAX,
                           .variant = v->since};
    if (fate < ABANDONED + RESUMED) {
        uint64_t all = bytes_wanted(&g->titles[v->title], v->since);
        t->left = 1 + (uint64_t)(rng_unit(r) * (double)all);
    }
    if (fate < RESUMED)
        t->pause = rng_exponential(r, PAUSE_MEAN_S);
    if (next_file(w, t))
        transfer_start(w, t);
    else
        mem_free(t);
}

static bool install_fire(struct world *w, struct event *e)
{
    struct arrivals *a = (struct arrivals *)e;
    struct visit v = {.at = e->at, .place = a->place};
    v.title = (uint32_t)chooser_draw(&a->game->popularity, &w->rng);
    if (a->game->titles[v.title].released <= e->at)
        visit_start(w, a->game, &v);
    e->at = world_next_arrival(w, e->at, a->place, a->per_s);
    return true;
}

/* Arrivals at a rate of left/tau: their number dies away exponentially. */
static bool burst_fire(struct world *w, struct event *e)
{
    struct burst *b = (struct burst *)e;
    uint32_t place = (uint32_t)chooser_draw(&b->game->shares, &w->rng);
    struct visit v = {.at = e->at, .title = b->title, .since = b->since, .place = place};
    if (rng_unit(&w->rng) < world_activity(w, e->at, place)) {
        visit_start(w, b->game, &v);
        b->left--;
    }
    e->at += b->left >= 1 ? rng_exponential(&w->rng, b->tau / b->left) : 0;
    if (b->left >= 1)
        return true;
    mem_free(b);
    return false;
}

static void burst_start(struct world *w, const struct burst *like)
{
    struct burst *b = mem_alloc(sizeof(*b));
    *b = *like;
    b->event.fire = burst_fire;
    b->left *= w->config.load * b->game->weight;
    if (b->left >= 1)
        world_add(w, &b->event);
    else
        mem_free(b);
}

/* Sizes stay much the same; those who have the title come for what changed. */
static bool patch_fire(struct world *w, struct event *e)
{
    struct burst *p = (struct burst *)e;
    struct game *g = p->game;
    struct title *t = &g->titles[p->title];
    if (t->released <= e->at) {
        t->patch++;
        for (uint32_t i = 0; i < t->files; i++) {
            bool is_replaced = i == t->patch % t->files || rng_unit(&w->rng) < PATCH_PART;
            if (is_replaced) {
                t->versions[i] = t->patch;
                t->sizes[i] += t->sizes[i] / 64;
            }
        }
        struct burst b = {.event.at = e->at,
                          .game = g,
                          .title = p->title,
                          .since = t->patch,
                          .left = PATCH_BURST / (double)(p->title + 1),
                          .tau = PATCH_TAU_S};
        burst_start(w, &b);
    }
    e->at += rng_exponential(&w->rng, PATCH_EVERY_S);
    return true;
}

static void title_make(struct world *w, struct title *t)
{
    struct rng *r = &w->rng;
    double bytes = fmin(rng_lognormal(r, 6e9, 1.2), 150e9);
    double each = fmin(rng_lognormal(r, 4e8, 1.0), 4e9);
    t->files = (uint32_t)fmin(1 + bytes / each, FILES_MAX);
    t->released = -1;
    for (uint32_t i = 0; i < t->files; i++)
        t->sizes[i] = world_scaled(w, bytes / t->files * (0.5 + rng_unit(r)));
}

static void release_make(struct world *w, struct game *g, uint32_t number)
{
    struct title *t = &g->titles[number];
    /* one a day, at 17:00, the greatest on the third day */
    t->released = ((number + 2) % 7 * 24 + 17) * 3600.0;
    struct burst b = {.event.at = t->released,
                      .game = g,
                      .title = number,
                      .left = RELEASE_BURST / exp2(number),
                      .tau = RELEASE_TAU_S};
    burst_start(w, &b);
}

static void game_finish(void *source)
{
    struct game *g = source;
    chooser_finish(&g->popularity);
    chooser_finish(&g->shares);
    mem_free(g);
}

void game_add(struct world *w, uint16_t site, double weight)
{
    struct game *g = mem_zalloc(sizeof(*g));
    g->site = site;
    g->weight = weight;
    world_keep(w, g, game_finish);
    chooser_zipf(&g->popularity, TITLES, ZIPF);
    chooser_begin(&g->shares, w->config.places);
    for (uint32_t i = 0; i < TITLES; i++) {
        title_make(w, &g->titles[i]);
        if (i < RELEASES)
            release_make(w, g, i);
        struct burst *patch = mem_zalloc(sizeof(*patch));
        *patch = (struct burst){
            .event = {.at = rng_exponential(&w->rng, PATCH_EVERY_S), .fire = patch_fire},
            .game = g,
            .title = i};
        world_add(w, &patch->event);
    }
    for (uint32_t i = 0; i < w->config.places; i++) {
        struct arrivals *a = mem_zalloc(sizeof(*a));
        chooser_add(&g->shares, world_share(w, i));
        *a = (struct arrivals){.event.fire = install_fire,
                               .game = g,
                               .place = i,
                               .per_s = INSTALLS_S * weight * w->config.load * world_share(w, i)};
        a->event.at = world_next_arrival(w, 0, i, a->per_s);
        world_add(w, &a->event);
    }
}
