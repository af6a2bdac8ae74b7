/* SPDX-License-Identifier: MIT */
#include "control/billing/ledger.h"
#include "control/billing/percentile.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MINUTE (60LL * 1000)
static const msec_t noon = 1794830400000; /* 2026-11-16T12:00:00Z */

static void beat(struct ledger *l, const char *boot, uint64_t memory, uint64_t upstream,
                 msec_t wall)
{
    struct heartbeat_site_usage u = {.site = SPAN("games"),
                                     .usage = {.requests = memory / 100,
                                               .upstream_bytes = upstream,
                                               .out_bytes = {[LEDGER_MEMORY] = memory}}};
    struct heartbeat h = {
        .node = SPAN("seoul"), .boot = span_of(boot), .usage = &u, .usage_count = 1};
    ledger_add(l, &h, wall);
}

static size_t in_no_group(void *ctx, struct span node)
{
    (void)ctx;
    (void)node;
    return 0;
}

static struct ledger_month month(struct ledger *l, msec_t wall)
{
    static struct arena mem; /* of the last answer */
    struct ledger_month m;
    arena_finish(&mem);
    arena_init(&mem, 1 << 20);
    ledger_month(l, wall, &(struct ledger_groups){0, in_no_group, NULL}, &m, &mem);
    return m;
}

static uint64_t out_bytes(struct ledger *l, msec_t wall)
{
    struct ledger_month m = month(l, wall);
    uint64_t sum = 0;
    for (size_t i = 0; i < m.row_count; i++)
        sum += usage_out_bytes(&m.rows[i].usage);
    assert_int_equal(sum, usage_out_bytes(&m.total));
    return sum;
}

static void what_is_counted_twice_counts_once(void **state)
{
    (void)state;
    struct ledger *l = ledger_create();
    beat(l, "b1", 1000, 10, noon);
    beat(l, "b1", 1000, 10, noon + 1000);
    beat(l, "b1", 1500, 10, noon + 2000);
    assert_int_equal(out_bytes(l, noon), 1500);
    beat(l, "b2", 100, 0, noon + 3000); /* a restart: counters begin at zero again */
    beat(l, "b2", 300, 0, noon + 4000);
    assert_int_equal(out_bytes(l, noon), 1800);
    beat(l, "b1", 1500, 10, noon + 5000); /* a late one */
    assert_int_equal(out_bytes(l, noon), 1800);
    ledger_destroy(&l);
}

static void a_crash_before_and_after_a_flush_changes_no_sum(void **state)
{
    (void)state;
    struct state *s = state_memory_create(-1);
    for (int flushed = 0; flushed <= 1; flushed++) {
        struct ledger *l = ledger_create();
        assert_int_equal(ledger_load(l, s, noon), 0);
        beat(l, "b1", 5000 + (uint64_t)flushed * 1000, 0, noon);
        if (flushed)
            assert_int_equal(ledger_flush(l, s, noon), 0);
        ledger_destroy(&l);
    }
    struct ledger *l = ledger_create();
    assert_int_equal(ledger_load(l, s, noon + 1000), 0);
    assert_int_equal(out_bytes(l, noon + 1000), 6000);
    beat(l, "b1", 7000, 0, noon + 10 * MINUTE);
    assert_int_equal(ledger_flush(l, s, noon + 10 * MINUTE), 0);
    assert_int_equal(ledger_flush(l, s, noon + 20 * MINUTE), 0); /* closed buckets are forgotten */
    assert_int_equal(out_bytes(l, noon + 20 * MINUTE), 7000);
    ledger_destroy(&l);
    l = ledger_create();
    assert_int_equal(ledger_load(l, s, noon + 20 * MINUTE), 0);
    assert_int_equal(out_bytes(l, noon + 20 * MINUTE), 7000);
    ledger_destroy(&l);
    state_close(&s);
}

static void a_failed_flush_is_made_good_by_the_next(void **state)
{
    (void)state;
    struct state *bad = state_memory_create(0), *good = state_memory_create(-1);
    struct ledger *l = ledger_create();
    beat(l, "b1", 5000, 0, noon);
    assert_int_equal(ledger_flush(l, bad, noon + 10 * MINUTE), ERR_IO);
    assert_int_equal(ledger_flush(l, good, noon + 10 * MINUTE), 0);
    ledger_destroy(&l);
    l = ledger_create();
    assert_int_equal(ledger_load(l, good, noon + 10 * MINUTE), 0);
    assert_int_equal(out_bytes(l, noon + 10 * MINUTE), 5000);
    ledger_destroy(&l);
    state_close(&bad);
    state_close(&good);
}

static void a_month_begins_at_zero(void **state)
{
    (void)state;
    sec_t from, to;
    ledger_month_of(noon, &from, &to);
    assert_int_equal(from, 1793491200); /* 2026-11-01 */
    assert_int_equal(to, 1796083200);   /* 2026-12-01 */
    ledger_month_of(1798761599999, &from, &to);
    assert_int_equal(to, 1798761600); /* 2027-01-01 */
    struct ledger *l = ledger_create();
    beat(l, "b1", 1000, 10, noon);
    msec_t december = 1796083200000;
    assert_int_equal(out_bytes(l, december - 1), 1000);
    beat(l, "b1", 1400, 10, december);
    assert_int_equal(out_bytes(l, december), 400);
    assert_int_equal(month(l, december).buckets, 1);
    ledger_destroy(&l);
}

static void the_top_five_percent_are_dropped(void **state)
{
    (void)state;
    static uint64_t v[8640];
    for (size_t i = 0; i < 8640; i++)
        v[i] = 8640 - i;
    assert_int_equal(percentile_95(v, 8640), 8640 - 432);
    uint64_t few[] = {5, 1, 9};
    assert_int_equal(percentile_95(few, 3), 9);
    assert_int_equal(percentile_95(few, 0), 0);
    uint64_t burst[20] = {[7] = 1000};
    assert_int_equal(percentile_95(burst, 20), 0);
}

static bool count_one(void *ctx, struct span key, struct span value)
{
    (void)key;
    (void)value;
    ++*(size_t *)ctx;
    return true;
}

static size_t rows_kept(struct state *s)
{
    size_t n = 0;
    assert_int_equal(state_each(s, STATE_USAGE, SPAN_NONE, count_one, &n), 0);
    return n;
}

static void old_rows_are_taken_out_by_and_by(void **state)
{
    (void)state;
    const msec_t day = 24 * 60 * MINUTE;
    struct state *s = state_memory_create(-1);
    struct ledger *l = ledger_create();
    bool has_more;
    for (int i = 0; i < 700; i++)
        beat(l, "b1", 1000U * (unsigned)(i + 1), 0, noon + i * 5 * MINUTE);
    assert_int_equal(ledger_flush(l, s, noon), 0);
    assert_int_equal(rows_kept(s), 700);
    assert_int_equal(ledger_prune(s, noon, day, &has_more), 0);
    assert_int_equal(rows_kept(s), 700);
    assert_int_equal(ledger_prune(s, noon + 700 * 5 * MINUTE, day, &has_more), 0);
    assert_false(has_more);
    assert_int_equal(rows_kept(s), 24 * 12);
    assert_int_equal(ledger_prune(s, noon + 100 * day, day, &has_more), 0);
    assert_int_equal(rows_kept(s), 0);
    ledger_destroy(&l);
    state_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_counted_twice_counts_once),
        cmocka_unit_test(a_crash_before_and_after_a_flush_changes_no_sum),
        cmocka_unit_test(a_failed_flush_is_made_good_by_the_next),
        cmocka_unit_test(a_month_begins_at_zero),
        cmocka_unit_test(the_top_five_percent_are_dropped),
        cmocka_unit_test(old_rows_are_taken_out_by_and_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
