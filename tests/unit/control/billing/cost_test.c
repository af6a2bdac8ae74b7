/* SPDX-License-Identifier: MIT */
#include "control/billing/cost.h"

#include "lib/base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define NODES 7
#define SITES 5
#define BEATS 4000

static const msec_t noon = 1794830400000; /* 2026-11-16T12:00:00Z */

static bool is_about(double a, double b)
{
    return fabs(a - b) < 1e-6 * fmax(1, fabs(a));
}

/* One node's process: counters that only grow, until it starts again. */
struct process {
    char node[8], boot[8];
    struct heartbeat_site_usage sites[SITES];
    char names[SITES][8];
};

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return *seed >> 33;
}

static void start(struct process *p, int node, int boot)
{
    memset(p->sites, 0, sizeof p->sites);
    snprintf(p->node, sizeof p->node, "n%d", node);
    snprintf(p->boot, sizeof p->boot, "b%d", boot % 10000);
    for (int i = 0; i < SITES; i++) {
        snprintf(p->names[i], sizeof p->names[i], "s%d", i);
        p->sites[i].site = span_of(p->names[i]);
    }
}

static void serve(struct process *p, uint64_t *seed, struct usage *sent)
{
    struct usage more = {.requests = next(seed) % 1000, .hits = next(seed) % 900};
    for (int i = 0; i < LEDGER_SOURCE_COUNT; i++)
        more.out_bytes[i] = next(seed) % 5 == 0 ? next(seed) : 0;
    more.upstream_bytes = next(seed) % 1000000;
    usage_add(&p->sites[next(seed) % SITES].usage, &more);
    usage_add(sent, &more);
}

static bool is_same(const struct usage *a, const struct usage *b)
{
    bool same =
        a->requests == b->requests && a->hits == b->hits && a->upstream_bytes == b->upstream_bytes;
    for (int i = 0; i < LEDGER_SOURCE_COUNT; i++)
        same = same && a->out_bytes[i] == b->out_bytes[i];
    return same;
}

static struct usage sum_of(const struct cost_part *v, size_t count)
{
    struct usage sum = {0};
    for (size_t i = 0; i < count; i++)
        usage_add(&sum, &v[i].usage);
    return sum;
}

/* Random traffic, with heartbeats that are lost, repeated and late, nodes that start again, and the
 * ledger saved and loaded in between. */
static void play(struct ledger **l, struct state *s, uint64_t *seed, struct usage *sent)
{
    struct process *p = mem_zarray(NODES, sizeof *p);
    for (int i = 0; i < NODES; i++)
        start(&p[i], i, 0);
    for (int i = 0; i < BEATS; i++) {
        struct process *one = &p[next(seed) % NODES];
        msec_t wall = noon + i * 1000;
        serve(one, seed, sent);
        struct heartbeat h = {.node = span_of(one->node),
                              .boot = span_of(one->boot),
                              .usage = one->sites,
                              .usage_count = SITES};
        bool starts_again = next(seed) % 200 == 0, is_lost = next(seed) % 3 == 0;
        for (uint64_t times = is_lost && !starts_again ? 0 : 1 + next(seed) % 2; times > 0; times--)
            ledger_add(*l, &h, wall);
        if (starts_again)
            start(one, (int)(one - p), i);
        if (next(seed) % 500 != 0)
            continue;
        assert_int_equal(ledger_flush(*l, s, wall), 0);
        ledger_destroy(l);
        *l = ledger_create();
        assert_int_equal(ledger_load(*l, s, wall), 0);
    }
    for (int i = 0; i < NODES; i++) { /* what was lost comes with the next one */
        struct heartbeat h = {.node = span_of(p[i].node),
                              .boot = span_of(p[i].boot),
                              .usage = p[i].sites,
                              .usage_count = SITES};
        ledger_add(*l, &h, noon + BEATS * 1000);
    }
    mem_free(p);
}

static void sums_over_sites_and_nodes_are_what_was_sent_to_the_byte(void **state)
{
    (void)state;
    const struct span some[] = {SPAN("n0"), SPAN("n1")}, unused[] = {SPAN("x")};
    const struct tariff tariffs[] = {
        {.rate = 2, .nodes = some, .node_count = 2, .per_mbps = 1, .commit_mbps = 10, .flat = 7},
        {.rate = 1, .nodes = unused, .node_count = 1, .flat = 100},
        {.rate = 1, .tier_count = 1, .tiers = {{HUGE_VAL, 0.03}}, .over_per_mbps = 0.2}};
    const struct price price = {"EUR", 0.09, tariffs, ARRAY_LEN(tariffs)};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct state *s = state_memory_create(-1);
        struct ledger *l = ledger_create();
        struct usage sent = {0};
        struct ledger_month m;
        struct arena mem;
        uint64_t random = seed;
        arena_init(&mem, 8 << 20);
        play(&l, s, &random, &sent);
        cost_month(l, noon + BEATS * 1000, &price, &m, &mem);
        struct cost c = cost_of(&m, &price, &mem);
        struct usage sites = sum_of(c.sites, c.site_count), nodes = sum_of(c.nodes, c.node_count);
        assert_true(is_same(&m.total, &sent));
        assert_true(is_same(&sites, &sent));
        assert_true(is_same(&nodes, &sent));
        assert_int_equal(c.site_count, SITES);
        assert_int_equal(c.node_count, NODES);
        double edges[2] = {0, 0}, upstream[2] = {0, 0};
        for (size_t i = 0; i < c.site_count; i++) {
            edges[0] += c.sites[i].edges;
            upstream[0] += c.sites[i].upstream;
        }
        for (size_t i = 0; i < c.node_count; i++) {
            edges[1] += c.nodes[i].edges;
            upstream[1] += c.nodes[i].upstream;
        }
        for (int i = 0; i < 2; i++)
            assert_true(is_about(edges[i], c.edges) && is_about(upstream[i], c.upstream));
        arena_finish(&mem);
        ledger_destroy(&l);
        state_close(&s);
    }
}

static void money_follows_bytes(void **state)
{
    (void)state;
    const struct tariff rest = {
        .rate = 1, .tier_count = 1, .tiers = {{HUGE_VAL, 0.02}}, .over_per_mbps = 2};
    const struct price price = {"USD", 0.1, &rest, 1};
    struct ledger_row row = {.node = SPAN("n"), .site = SPAN("s")};
    uint64_t p95 = 1250000; /* 10 Mb/s */
    struct ledger_month m = {.rows = &row, .row_count = 1, .group_p95_bytes_per_s = &p95};
    struct arena mem;
    arena_init(&mem, 1 << 20);
    row.usage.out_bytes[LEDGER_MEMORY] = 9000000000;
    row.usage.out_bytes[LEDGER_ORIGIN] = 1000000000;
    row.usage.upstream_bytes = 1000000000;
    m.total = row.usage;
    struct cost c = cost_of(&m, &price, &mem);
    assert_true(is_about(c.offload, 0.9));
    assert_true(is_about(c.edges, 0.2 + 20));
    assert_true(is_about(c.upstream, 0.1));
    assert_true(is_about(c.upstream_without_cache, 1.0));
    m = (struct ledger_month){.group_p95_bytes_per_s = &p95};
    assert_true(cost_of(&m, &price, &mem).offload == 0);
    arena_finish(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_over_sites_and_nodes_are_what_was_sent_to_the_byte),
        cmocka_unit_test(money_follows_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
