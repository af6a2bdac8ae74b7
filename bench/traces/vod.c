/* SPDX-License-Identifier: MIT */

/* Video on demand: titles cut into segments at several rates, most sessions left early, titles that
 * lose interest as they age. Parameters and where they come from: README.md. */
#include "bench/traces/world.h"

#include "lib/base/mem.h"

#include <math.h>

#define TITLES        2500
#define TITLES_NEW    0.25 /* of them come within the week, evenly */
#define ZIPF          0.8
#define DECAY         0.9 /* exponent of age in days */
#define SESSIONS_S    0.12
#define SEGMENT_S     6.0
#define DURATION_S    (42 * 60.0) /* median */
#define WATCHED_WHOLE 0.2
#define WATCH_MEAN_S  (8.5 * 60)
#define FROM_MIDDLE   0.15
#define REFRESH_S     (3 * 3600.0)
#define BUFFERED_S    30.0 /* a player keeps so much ahead */

static const double ladder_kbit_s[] = {730, 2000, 3000, 4500, 6000, 7800};
static const double ladder_share[] = {0.06, 0.14, 0.2, 0.25, 0.2, 0.15};
#define LEVELS (sizeof(ladder_kbit_s) / sizeof(ladder_kbit_s[0]))

struct vod_title {
    double appeal, born; /* seconds */
    uint32_t segments;
};

struct vod {
    uint16_t site;
    struct chooser popularity, levels;
    struct vod_title titles[TITLES];
};

struct viewers {
    struct event event; /* first */
    struct vod *vod;
    uint32_t place;
    double per_s;
};

/* Popularity is computed anew. */
struct refresher {
    struct event event; /* first */
    struct vod *vod;
};

static void refresh(struct vod *v, double now)
{
    chooser_begin(&v->popularity, TITLES);
    for (size_t i = 0; i < TITLES; i++) {
        const struct vod_title *t = &v->titles[i];
        double age_days = (now - t->born) / 86400;
        chooser_add(&v->popularity, age_days < 0 ? 0 : t->appeal * pow(1 + age_days, -DECAY));
    }
}

static bool refresh_fire(struct world *w, struct event *e)
{
    (void)w;
    refresh(((struct refresher *)e)->vod, e->at);
    e->at += REFRESH_S;
    return true;
}

/* Bytes of a segment: the rate of its level, more or less as the scene moves. */
static void take_segment(const struct world *w, struct transfer *t)
{
    const struct vod *v = t->source;
    uint32_t level = t->variant;
    uint64_t id = ((uint64_t)v->site << 48) + ((uint64_t)t->title << 24) + t->file * LEVELS + level;
    t->row.object = rng_mix(id + 1);
    double varied = 0.6 + 0.8 * (double)(rng_mix(t->row.object) % 1024) / 1024;
    t->row.size = world_scaled(w, ladder_kbit_s[level] * 125 * SEGMENT_S * varied);
    t->pos = 0;
    t->end = t->range = t->row.size;
}

static bool next_segment(struct world *w, struct transfer *t)
{
    const struct vod *v = t->source;
    if (++t->file >= t->last_file || t->file >= v->titles[t->title].segments)
        return false;
    take_segment(w, t);
    /* once its buffer is full it asks as fast as it plays */
    double fetched = (double)t->row.size / t->row.bytes_s;
    bool is_full = t->file - t->first_file > BUFFERED_S / SEGMENT_S;
    t->gap = is_full && fetched < SEGMENT_S ? SEGMENT_S - fetched : 0;
    return true;
}

static void session_start(struct world *w, const struct viewers *p)
{
    struct vod *v = p->vod;
    struct rng *r = &w->rng;
    struct transfer *t = mem_zalloc(sizeof(*t));
    uint32_t title = (uint32_t)chooser_draw(&v->popularity, r);
    uint32_t level = (uint32_t)chooser_draw(&v->levels, r), all = v->titles[title].segments;
    double rate = ladder_kbit_s[level] * 125 * (1.5 + 2 * rng_unit(r));
    uint32_t from = rng_unit(r) < FROM_MIDDLE ? (uint32_t)rng_below(r, all) : 0;
    bool is_whole = rng_unit(r) < WATCHED_WHOLE;
    double watched = rng_exponential(r, WATCH_MEAN_S) + BUFFERED_S;
    *t = (struct transfer){.event.at = p->event.at,
                           .row = {.bytes_s = (uint32_t)world_scaled(w, rate),
                                   .place = (uint16_t)p->place,
                                   .site = v->site},
                           .left = UINT64_MAX,
                           .next = next_segment,
                           .source = v,
                           .title = title,
                           .first_file = from,
                           .file = from,
                           .last_file = is_whole ? all : from + 1 + (uint32_t)(watched / SEGMENT_S),
                           .variant = level};
    take_segment(w, t);
    transfer_start(w, t);
}

static bool viewers_fire(struct world *w, struct event *e)
{
    struct viewers *p = (struct viewers *)e;
    session_start(w, p);
    e->at = world_next_arrival(w, e->at, p->place, p->per_s);
    return true;
}

static void vod_finish(void *source)
{
    struct vod *v = source;
    chooser_finish(&v->popularity);
    chooser_finish(&v->levels);
    mem_free(v);
}

/* Old titles have ages of up to two years, the new ones come as the trace goes on. */
static void title_make(struct world *w, struct vod_title *t, uint32_t number)
{
    struct rng *r = &w->rng;
    double seconds = fmin(rng_lognormal(r, DURATION_S, 0.6), 4 * 3600);
    bool is_new = rng_unit(r) < TITLES_NEW;
    *t = (struct vod_title){.appeal = pow(number + 1, -ZIPF),
                            .born =
                                is_new ? rng_unit(r) * w->end : -rng_exponential(r, 120 * 86400.0),
                            .segments = 1 + (uint32_t)(seconds / SEGMENT_S)};
}

void vod_add(struct world *w, uint16_t site, double weight)
{
    struct vod *v = mem_zalloc(sizeof(*v));
    struct refresher *f = mem_zalloc(sizeof(*f));
    v->site = site;
    world_keep(w, v, vod_finish);
    chooser_begin(&v->levels, LEVELS);
    for (size_t i = 0; i < LEVELS; i++)
        chooser_add(&v->levels, ladder_share[i]);
    for (uint32_t i = 0; i < TITLES; i++)
        title_make(w, &v->titles[i], i);
    *f = (struct refresher){.event = {.at = REFRESH_S, .fire = refresh_fire}, .vod = v};
    refresh(v, 0);
    world_add(w, &f->event);
    for (uint32_t i = 0; i < w->config.places; i++) {
        struct viewers *p = mem_zalloc(sizeof(*p));
        *p = (struct viewers){.event.fire = viewers_fire,
                              .vod = v,
                              .place = i,
                              .per_s = SESSIONS_S * weight * w->config.load * world_share(w, i)};
        p->event.at = world_next_arrival(w, 0, i, p->per_s);
        world_add(w, &p->event);
    }
}
