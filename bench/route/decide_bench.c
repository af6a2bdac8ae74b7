/* SPDX-License-Identifier: MIT
 * decide_bench DATABASE: nanoseconds of processor time for each part of a routing decision, with
 * 500 edges in 100 places, for users at random addresses and a hundred thousand contents. */
#include "control/route/explain.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/codec/json_out.h"

#include <netinet/in.h>
#include <stdio.h>
#include <time.h>

#define PLACES     100
#define EDGES_EACH 5
#define USERS      65536
#define CONTENTS   100000
#define CALLS      300000

struct world {
    struct geo *geo;
    struct picture *picture;
    struct decide_rules rules;
    struct heat *heat;
    struct sockaddr_in *users; /* [USERS] */
    struct place *places;      /* [USERS]: theirs */
    size_t wanted;
};

static uint64_t mixed(uint64_t i)
{
    return hash64(&i, sizeof i);
}

static void add_edges(struct picture *p)
{
    static const char *const countries[] = {"KR", "JP", "DE", "FR", "US", "BR", "ZA", "AU"};
    for (uint32_t i = 0; i < PLACES * EDGES_EACH; i++) {
        uint32_t at = i % PLACES;
        struct picture_node *n = &p->nodes[p->node_count++];
        struct span id = arena_printf(&p->mem, "e%u", i);
        *n = (struct picture_node){.spec = {.id = id,
                                            .http_url = SPAN("http://e.example"),
                                            .country = span_of(countries[at % 8]),
                                            .lat = -60 + 120 * (at % 10) / 9.0,
                                            .lon = -175 + 350 * (at / 10) / 9.0,
                                            .has_point = true,
                                            .weight = 1,
                                            .price_class = 1},
                                   .health = HEALTH_UP,
                                   .spare = 1,
                                   .hash = hash64(id.p, id.n)};
        map_put(p->node_by_id, id, n);
    }
    picture_seal(p);
}

static void add_users(struct world *w)
{
    w->users = mem_zarray(USERS, sizeof *w->users);
    w->places = mem_zarray(USERS, sizeof *w->places);
    for (uint32_t i = 0; i < USERS; i++) {
        w->users[i].sin_family = AF_INET;
        w->users[i].sin_addr.s_addr = (uint32_t)mixed(i);
        geo_find(w->geo, (const struct sockaddr *)&w->users[i], &w->places[i]);
    }
}

static nsec_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

static struct decide_question question_of(const struct world *w, uint32_t i)
{
    uint32_t user = (uint32_t)(i * 7919U) % USERS;
    return (struct decide_question){.client = (const struct sockaddr *)&w->users[user],
                                    .place = &w->places[user],
                                    .key_hash = mixed(i % CONTENTS),
                                    .heat = w->heat,
                                    .wanted = w->wanted};
}

static size_t find_place(struct world *w, uint32_t i)
{
    struct place p;
    geo_find(w->geo, (const struct sockaddr *)&w->users[(uint32_t)(i * 7919U) % USERS], &p);
    return p.is_found;
}

static size_t choose_edges(struct world *w, uint32_t i)
{
    struct decide_verdict v;
    struct decide_question q = question_of(w, i);
    decide(w->picture, &w->rules, &q, &v);
    return v.count;
}

static size_t whole(struct world *w, uint32_t i)
{
    struct decide_verdict v;
    struct decide_question q = question_of(w, i);
    struct place p;
    geo_find(w->geo, q.client, &p);
    q.place = &p;
    decide(w->picture, &w->rules, &q, &v);
    heat_note(w->heat, &v.spot, i / 1000);
    return v.count;
}

static size_t tell(struct world *w, uint32_t i)
{
    struct decide_verdict v;
    struct decide_question q = question_of(w, i);
    struct explain_spec e = {
        .picture = w->picture, .rules = &w->rules, .question = &q, .verdict = &v};
    struct buf text;
    struct json_out o;
    decide(w->picture, &w->rules, &q, &v);
    buf_init(&text, 1 << 20);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    explain_write(&e, &o);
    json_out_end_object(&o);
    size_t n = text.n;
    buf_finish(&text);
    return n;
}

static void measure(struct world *w, const char *name, size_t (*run)(struct world *w, uint32_t i))
{
    size_t sum = 0;
    for (uint32_t i = 0; i < CALLS / 10; i++) /* warm */
        sum += run(w, i);
    nsec_t began = cpu_ns();
    for (uint32_t i = 0; i < CALLS; i++)
        sum += run(w, i);
    nsec_t took = cpu_ns() - began;
    CHECK(sum > 0);
    printf("%-44s %7.0f ns\n", name, (double)took / CALLS);
}

int main(int argc, char **argv)
{
    struct world w = {.rules = {.near_km = 50, .vague_km = 500}};
    struct buf why;
    buf_init(&why, 1024);
    if (argc < 2 || geo_open(&w.geo, argv[1], GEO_CITY, &why) != 0) {
        fprintf(stderr, "usage: decide_bench DATABASE %.*s\n", SPAN_FMT(buf_span(&why)));
        return 1;
    }
    w.picture = picture_create(PLACES * EDGES_EACH);
    w.heat = heat_create();
    add_edges(w.picture);
    add_users(&w);
    measure(&w, "GeoIP look-up", find_place);
    w.wanted = 1;
    measure(&w, "decision, one edge", choose_edges);
    w.wanted = 3;
    measure(&w, "decision, three edges", choose_edges);
    measure(&w, "look-up, decision and its count", whole);
    measure(&w, "decision, told as JSON", tell);
    picture_unref(&w.picture);
    heat_destroy(&w.heat);
    geo_unref(&w.geo);
    mem_free(w.users);
    mem_free(w.places);
    buf_finish(&why);
    return 0;
}
