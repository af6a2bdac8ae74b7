/* SPDX-License-Identifier: MIT */

/* Images and web objects: small, many, many of them asked for once; what is popular changes slowly.
 * Parameters and where they come from: README.md. */
#include "bench/traces/world.h"

#include "lib/base/mem.h"

#include <math.h>

#define OBJECTS     150000
#define ZIPF        0.85
#define REQUESTS_S  6.0
#define ONCE        0.12    /* of the requests are for what nobody asks for again */
#define REPLACED    0.001   /* of the requests see another object from then on in that place */
#define BODY_MEDIAN 11580.0 /* e^9.357 */
#define BODY_SIGMA  1.318
#define TAIL_PART   0.07
#define TAIL_LEAST  133000.0
#define TAIL_ALPHA  1.1
#define SIZE_MOST   (64.0 * 1024 * 1024)
#define RATE_MEDIAN 4.0e6

struct web {
    uint16_t site;
    uint64_t onces; /* ids given */
    struct chooser popularity;
    uint32_t births[OBJECTS]; /* how often another object took this rank */
};

struct visitors {
    struct event event; /* first */
    struct web *web;
    uint32_t place;
    double per_s;
};

/* Depends on the object alone. */
static uint64_t size_of(const struct world *w, uint64_t object)
{
    struct rng r = {.state = rng_mix(object ^ w->config.seed)};
    double bytes = rng_unit(&r) < TAIL_PART ? rng_pareto(&r, TAIL_LEAST, TAIL_ALPHA)
                                            : rng_lognormal(&r, BODY_MEDIAN, BODY_SIGMA);
    return world_scaled(w, fmin(bytes, SIZE_MOST));
}

static uint64_t object_draw(struct world *w, struct web *v)
{
    if (rng_unit(&w->rng) < ONCE)
        return rng_mix(((uint64_t)v->site << 48) + (1ull << 47) + v->onces++);
    size_t rank = chooser_draw(&v->popularity, &w->rng);
    if (rng_unit(&w->rng) < REPLACED)
        v->births[rank]++;
    return rng_mix(((uint64_t)v->site << 48) + ((uint64_t)v->births[rank] << 24) + rank);
}

static bool visitors_fire(struct world *w, struct event *e)
{
    struct visitors *p = (struct visitors *)e;
    struct trace_row r = {.object = object_draw(w, p->web),
                          .client = w->clients++,
                          .bytes_s = (uint32_t)world_scaled(w, RATE_MEDIAN),
                          .place = (uint16_t)p->place,
                          .site = p->web->site};
    r.size = r.length = r.taken = size_of(w, r.object);
    world_write(w, e->at, &r);
    e->at = world_next_arrival(w, e->at, p->place, p->per_s);
    return true;
}

static void web_finish(void *source)
{
    struct web *v = source;
    chooser_finish(&v->popularity);
    mem_free(v);
}

void web_add(struct world *w, uint16_t site, double weight)
{
    struct web *v = mem_zalloc(sizeof(*v));
    v->site = site;
    world_keep(w, v, web_finish);
    chooser_zipf(&v->popularity, OBJECTS, ZIPF);
    for (uint32_t i = 0; i < w->config.places; i++) {
        struct visitors *p = mem_zalloc(sizeof(*p));
        *p = (struct visitors){.event.fire = visitors_fire,
                               .web = v,
                               .place = i,
                               .per_s = REQUESTS_S * weight * w->config.load * world_share(w, i)};
        p->event.at = world_next_arrival(w, 0, i, p->per_s);
        world_add(w, &p->event);
    }
}
