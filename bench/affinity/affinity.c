/* SPDX-License-Identifier: MIT
 * affinity: the real decision for users of one place with 100 edges, contents by Zipf's law: how
 * evenly edges are asked, how many copies that takes, and who moves when an edge goes. */
#include "control/route/decide.h"
#include "lib/base/mem.h"

#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define EDGES       100
#define CONTENTS    1000000
#define RATE_PER_MS 50 /* questions */
#define WARM        500000
#define MEASURED    1000000
#define GONE        17 /* the edge that is removed */
#define BAR_LOAD    1.25
#define BAR_COPIES  1.5

struct world {
    struct picture *picture;
    struct heat *heat;
    double *sums; /* [CONTENTS]: of the shares of the contents up to each */
};

struct asked {
    struct sockaddr_in user;
    uint64_t content;
};

static struct place here = {.is_found = true, .has_point = true, .lat = 37.5, .lon = 127};
static const struct decide_rules rules = {.near_km = 50, .vague_km = 500};
static uint64_t dice;

static uint64_t roll(void)
{
    dice++;
    return hash64(&dice, sizeof dice);
}

static void make_world(struct world *w, double alpha)
{
    double sum = 0;
    here.at = geo_point(here.lat, here.lon);
    w->heat = heat_create();
    w->sums = mem_zarray(CONTENTS, sizeof *w->sums);
    for (uint64_t i = 0; i < CONTENTS; i++)
        w->sums[i] = sum += pow((double)(i + 1), -alpha);
    w->picture = picture_create(EDGES);
    for (int i = 0; i < EDGES; i++) {
        struct picture_node *n = &w->picture->nodes[w->picture->node_count++];
        struct span id = arena_printf(&w->picture->mem, "e%d", i);
        *n = (struct picture_node){.spec = {.id = id,
                                            .http_url = SPAN("http://e"),
                                            .lat = here.lat,
                                            .lon = here.lon,
                                            .has_point = true,
                                            .weight = 1,
                                            .price_class = 1},
                                   .health = HEALTH_UP,
                                   .spare = 1,
                                   .hash = hash64(id.p, id.n)};
    }
    picture_seal(w->picture);
}

static void free_world(struct world *w)
{
    picture_unref(&w->picture);
    heat_destroy(&w->heat);
    mem_free(w->sums);
}

static struct asked draw(const struct world *w)
{
    struct asked a = {.user = {.sin_family = AF_INET}};
    double at = (double)(roll() >> 11) * 0x1p-53 * w->sums[CONTENTS - 1];
    uint64_t low = 0, high = CONTENTS - 1;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (w->sums[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    a.content = low;
    a.user.sin_addr.s_addr = (uint32_t)roll();
    return a;
}

static struct decide_verdict ask(const struct world *w, const struct asked *a, bool has_heat)
{
    struct decide_verdict v;
    struct decide_question q = {.client = (const struct sockaddr *)&a->user,
                                .place = &here,
                                .key_hash = hash64(&a->content, sizeof a->content),
                                .heat = has_heat ? w->heat : NULL,
                                .wanted = 1};
    decide(w->picture, &rules, &q, &v);
    return v;
}

static uint64_t edge_of(const struct world *w, const struct decide_verdict *v)
{
    return (uint64_t)(v->v[0].node - w->picture->nodes);
}

struct result {
    double most;     /* load of the busiest edge over the mean */
    uint64_t copies; /* of contents, on all edges together */
};

static struct result load(struct world *w, bool has_heat, uint64_t questions, msec_t from)
{
    uint64_t loads[EDGES] = {0}, most = 0;
    uint8_t *has = mem_zarray((size_t)EDGES * CONTENTS / 8, 1);
    struct result r = {0};
    for (uint64_t i = 0; i < questions; i++) {
        struct asked a = draw(w);
        struct decide_verdict v = ask(w, &a, has_heat);
        uint64_t edge = edge_of(w, &v), bit = edge * CONTENTS + a.content;
        struct heat_spot spot = heat_find(w->heat, hash64(&a.content, sizeof a.content), v.area);
        heat_note(w->heat, &spot, from + (msec_t)(i / RATE_PER_MS));
        r.copies += (has[bit / 8] >> bit % 8 & 1) == 0;
        has[bit / 8] |= (uint8_t)(1U << bit % 8);
        most = ++loads[edge] > most ? loads[edge] : most;
    }
    mem_free(has);
    r.most = (double)most * EDGES / (double)questions;
    return r;
}

/* Questions whose first edge is another one without GONE, of those that GONE did not have. */
static bool remove_one(struct world *w)
{
    uint64_t others = 0, cold_moved = 0, hot_moved = 0, its = 0;
    for (uint64_t i = 0; i < 300000; i++) {
        struct asked a = draw(w);
        w->picture->edges[w->picture->nodes[GONE].edge].standing[0] = STANDING_ABLE;
        struct decide_verdict before = ask(w, &a, true);
        w->picture->edges[w->picture->nodes[GONE].edge].standing[0] = STANDING_OUT;
        struct decide_verdict after = ask(w, &a, true);
        if (edge_of(w, &before) == GONE) {
            its++;
            continue;
        }
        others++;
        bool is_moved = before.v[0].node != after.v[0].node;
        bool is_hot = before.groups[0].spread > 1 || after.groups[0].spread > 1;
        hot_moved += is_moved && is_hot;
        cold_moved += is_moved && !is_hot;
    }
    printf("  one edge removed: it had %.2f %% of the questions; of the others %.2f %% moved, of "
           "contents that are not hot: %llu\n",
           100.0 * (double)its / (double)(its + others), 100.0 * (double)hot_moved / (double)others,
           (unsigned long long)cold_moved);
    return cold_moved == 0;
}

static bool run(double alpha)
{
    struct world w;
    msec_t now = 1;
    dice = 1;
    make_world(&w, alpha);
    load(&w, true, WARM, now);
    now += WARM / RATE_PER_MS;
    uint64_t same_questions = dice;
    struct result pure = load(&w, false, MEASURED, now);
    now += MEASURED / RATE_PER_MS;
    dice = same_questions;
    struct result bounded = load(&w, true, MEASURED, now);
    double copies = (double)bounded.copies / (double)pure.copies;
    printf("Zipf %.1f: pure hashing: busiest edge %.2f x mean, %llu copies; with hot contents "
           "spread: %.2f x mean, %.3f x the copies\n",
           alpha, pure.most, (unsigned long long)pure.copies, bounded.most, copies);
    bool is_held = remove_one(&w) && bounded.most <= BAR_LOAD && copies <= BAR_COPIES;
    free_world(&w);
    return is_held;
}

int main(void)
{
    static const double alphas[] = {0.8, 1.0, 1.2};
    bool is_held = true;
    for (size_t i = 0; i < ARRAY_LEN(alphas); i++)
        is_held = run(alphas[i]) && is_held;
    printf("bars: busiest edge at most %.2f x mean, copies at most %.1f x, only hot contents move: "
           "%s\n",
           BAR_LOAD, BAR_COPIES, is_held ? "held" : "NOT HELD");
    return is_held ? 0 : 1;
}
