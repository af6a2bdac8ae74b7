/* SPDX-License-Identifier: MIT */
#include "edge/observe/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void a_site_is_the_sum_of_its_workers(void **state)
{
    struct ledger *l = ledger_create(3);
    struct heartbeat_site_usage out[4];
    (void)state;
    for (int w = 0; w < 3; w++) {
        struct ledger_row *row = ledger_row(l, SPAN("games"), w);
        counter_add(&row->requests, 1);
        counter_add(&row->out_bytes[LEDGER_ORIGIN], 10);
    }
    counter_add(&ledger_row(l, SPAN("music"), 0)->hits, 5);
    assert_ptr_equal(ledger_row(l, SPAN("games"), 1), ledger_row(l, SPAN("games"), 1));
    assert_int_equal(ledger_usage(l, out, 4), 2);
    assert_true(span_eq(out[0].site, SPAN("games")));
    assert_int_equal(out[0].usage.requests, 3);
    assert_int_equal(usage_out_bytes(&out[0].usage), 30);
    assert_int_equal(out[1].usage.hits, 5);
    assert_int_equal(ledger_usage(l, out, 1), 1);
    ledger_destroy(&l);
}

static void metrics_are_labelled_by_site_and_source(void **state)
{
    struct ledger *l = ledger_create(1);
    struct buf text;
    (void)state;
    buf_init(&text, 65536);
    counter_add(&ledger_row(l, SPAN("games"), 0)->out_bytes[LEDGER_MEMORY], 99);
    ledger_metrics(l, &text);
    buf_add_char(&text, '\0');
    assert_non_null(
        strstr(text.p, "byeori_edge_site_out_bytes_total{site=\"games\",source=\"memory\"} 99\n"));
    assert_non_null(strstr(text.p, "byeori_edge_site_requests_total{site=\"games\"} 0\n"));
    buf_finish(&text);
    ledger_destroy(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_is_the_sum_of_its_workers),
        cmocka_unit_test(metrics_are_labelled_by_site_and_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
