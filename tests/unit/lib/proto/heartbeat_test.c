/* SPDX-License-Identifier: MIT */
#include "lib/proto/heartbeat.h"

#include "lib/base/err.h"
#include "tests/unit/lib/proto/example.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena mem;
static struct buf why, out;

static int begin(void **state)
{
    (void)state;
    arena_init(&mem, 8 << 20);
    buf_init(&why, 1024);
    buf_init(&out, HEARTBEAT_MAX_BYTES);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_finish(&mem);
    buf_finish(&why);
    buf_finish(&out);
    return 0;
}

#define SAME(span, text) assert_true(span_eq((span), SPAN(text)))

static void check_request(const struct heartbeat *h)
{
    SAME(h->node, "seoul-1");
    SAME(h->boot, "5f0c1d9e8a7b4c3d");
    SAME(h->program, "byeori-edge 0.1.0");
    SAME(h->http_url, "http://127.0.0.1:8080");
    SAME(h->https_url, "https://seoul-1.cdn.example:8443");
    SAME(h->admin_url, "http://127.0.0.1:8081");
    assert_int_equal(h->wait_ms, 1000);
    assert_int_equal(h->load.connections, 812);
    assert_true(h->load.requests_per_s == 1450.5);
    assert_true(h->load.out_bytes_per_s == 118000000);
    assert_true(h->load.cpu == 0.34);
    assert_int_equal(h->load.requests, 1204113);
    assert_int_equal(h->load.errors, 17);
    assert_int_equal(h->load.memory_used_bytes, 1073741824);
    assert_int_equal(h->load.memory_cap_bytes, 1140850688);
    SAME(h->purge_log, "9d2c41f07a3b6e85");
    assert_int_equal(h->purge_seq, 41);
    assert_int_equal(h->config_version, 7);
    assert_int_equal(h->usage_count, 1);
    assert_int_equal(h->prefill_count, 1);
    SAME(h->prefills[0].id, "release-7");
    assert_int_equal(h->prefills[0].state, PREFILL_RUNNING);
    assert_int_equal(h->prefills[0].urls, 40);
    assert_int_equal(h->prefills[0].brought_bytes, 610000);
    SAME(h->prefills[0].fault, "http://dl.example.com/x: The origin's answer is not 200.");
    SAME(h->usage[0].site, "games");
    assert_int_equal(h->usage[0].usage.requests, 120034);
    assert_int_equal(h->usage[0].usage.hits, 118800);
    assert_int_equal(h->usage[0].usage.out_bytes[LEDGER_MEMORY], 90071992547);
    assert_int_equal(h->usage[0].usage.out_bytes[LEDGER_DISK], 1048576);
    assert_int_equal(h->usage[0].usage.out_bytes[LEDGER_SHIELD], 0);
    assert_int_equal(h->usage[0].usage.out_bytes[LEDGER_ORIGIN], 52428800);
    assert_int_equal(h->usage[0].usage.upstream_bytes, 53477376);
}

static void the_example_of_the_page_is_read_and_written_again(void **state)
{
    (void)state;
    struct heartbeat h;
    assert_int_equal(heartbeat_read(example_named("heartbeat"), &h, &mem, &why), 0);
    check_request(&h);
    heartbeat_write(&h, &out);
    assert_int_equal(heartbeat_read(buf_span(&out), &h, &mem, &why), 0);
    check_request(&h);
}

static void check_answer(const struct heartbeat_answer *a)
{
    assert_int_equal(a->now_ms, 1763699999123);
    SAME(a->purge_log, "9d2c41f07a3b6e85");
    assert_int_equal(a->purge_floor, 12);
    assert_int_equal(a->purge_head, 44);
    assert_int_equal(a->purge_count, 3);
    assert_int_equal(a->purges[0].seq, 42);
    assert_int_equal(a->purges[0].kind, HEARTBEAT_PURGE_URL);
    SAME(a->purges[0].site, "games");
    SAME(a->purges[0].value, "http://dl.example.com/a/b.bin?v=2");
    assert_false(a->purges[0].is_soft);
    assert_int_equal(a->purges[1].kind, HEARTBEAT_PURGE_SITE);
    assert_true(a->purges[1].is_soft);
    assert_int_equal(a->purges[2].kind, HEARTBEAT_PURGE_TAG);
    SAME(a->purges[2].value, "season-7");
    assert_int_equal(a->config_version, 8);
    assert_true(span_starts(a->config, SPAN("{\"sites\":[{\"name\":\"games\"")));
    assert_int_equal(a->place_count, 2);
    SAME(a->place[1].id, "seoul-2");
    SAME(a->place[1].url, "http://10.0.0.2:8080");
    assert_true(a->place[1].weight > 1.99 && a->place[1].weight < 2.01);
    assert_int_equal(a->prefill_count, 1);
    SAME(a->prefills[0].id, "release-8");
    assert_int_equal(a->prefills[0].rate_per_s, 10485760);
    assert_int_equal(a->prefills[0].pin_until, 1764304799123);
    assert_int_equal(a->prefills[0].url_count, 2);
    SAME(a->prefills[0].urls[1], "http://dl.example.com/b?v=2");
    assert_int_equal(a->prefill_cancel_count, 1);
    SAME(a->prefill_cancels[0], "release-7");
}

static void the_example_answer_is_read_and_written_again(void **state)
{
    (void)state;
    struct heartbeat_answer a;
    assert_int_equal(heartbeat_answer_read(example_named("heartbeat-answer"), &a, &mem, &why), 0);
    check_answer(&a);
    heartbeat_answer_write(&a, &out);
    assert_int_equal(heartbeat_answer_read(buf_span(&out), &a, &mem, &why), 0);
    check_answer(&a);
}

static void a_field_of_a_newer_peer_is_ignored_and_an_absent_one_is_zero(void **state)
{
    (void)state;
    struct heartbeat h;
    assert_int_equal(
        heartbeat_read(SPAN("{\"node\":\"a\",\"boot\":\"b\",\"new\":{\"x\":[1]}}"), &h, &mem, &why),
        0);
    assert_int_equal(h.purge_seq, 0);
    assert_int_equal(h.usage_count, 0);
    assert_null(h.http_url.p);
}

static void a_purge_of_an_unknown_kind_is_read_as_one_of_its_site(void **state)
{
    (void)state;
    struct heartbeat_answer a;
    assert_int_equal(
        heartbeat_answer_read(SPAN("{\"purge_log\":\"x\",\"purge_head\":1,\"purges\":[{\"seq\":1,"
                                   "\"kind\":\"regex\",\"site\":\"s\",\"value\":\"^/\"}]}"),
                              &a, &mem, &why),
        0);
    assert_int_equal(a.purges[0].kind, HEARTBEAT_PURGE_SITE);
    SAME(a.purges[0].site, "s");
}

static void what_is_there_must_be_right(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "",
        "[]",
        "{\"node\":\"a\"}",
        "{\"boot\":\"a\"}",
        "{\"node\":1,\"boot\":\"b\"}",
        "{\"node\":\"a\",\"boot\":\"b\",\"purge_seq\":-1}",
        "{\"node\":\"a\",\"boot\":\"b\",\"load\":7}",
        "{\"node\":\"a\",\"boot\":\"b\",\"ledger\":[{\"requests\":1}]}",
        ("{\"node\":\"a\",\"boot\":\"b\",\"ledger\":["
         "{\"site\":\"s\",\"out_bytes\":{\"disk\":1.5}}]}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct heartbeat h;
        buf_clear(&why);
        assert_int_equal(heartbeat_read(span_of(requests[i]), &h, &mem, &why), ERR_SYNTAX);
        assert_true(why.n > 0);
    }
    static const char *const answers[] = {
        "{}",
        "{\"purge_log\":\"x\",\"purges\":[{\"seq\":0,\"kind\":\"site\"}]}",
        "{\"purge_log\":\"x\",\"purges\":[{\"seq\":1,\"kind\":\"tag\"}]}",
        "{\"purge_log\":\"x\",\"purges\":[{\"seq\":1,\"kind\":\"site\"},{\"seq\":3}]}",
        "{\"purge_log\":\"x\",\"purges\":[{\"seq\":1,\"kind\":\"url\"}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct heartbeat_answer a;
        assert_int_equal(heartbeat_answer_read(span_of(answers[i]), &a, &mem, &why), ERR_SYNTAX);
    }
}

static void a_message_that_does_not_fit_the_arena_is_refused(void **state)
{
    (void)state;
    struct arena small;
    struct heartbeat h;
    arena_init(&small, 64);
    assert_int_equal(heartbeat_read(example_named("heartbeat"), &h, &small, &why), ERR_TOO_BIG);
    arena_finish(&small);
}

static void a_gap_is_another_log_or_a_position_outside_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *log;
        uint64_t seq, floor, head;
        bool has_gap;
    } rows[] = {
        {"x", 11, 12, 43, false}, {"x", 43, 12, 43, false}, {"x", 10, 12, 43, true},
        {"x", 44, 12, 43, true},  {"y", 43, 12, 43, true},  {"", 0, 1, 0, true},
        {"x", 0, 1, 0, false},    {"x", 0, 1, 9, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct heartbeat_answer a = {
            .purge_log = SPAN("x"), .purge_floor = rows[i].floor, .purge_head = rows[i].head};
        assert_int_equal(heartbeat_has_gap(span_of(rows[i].log), rows[i].seq, &a), rows[i].has_gap);
    }
}

/* The largest configuration, and purges whose every byte is written as six. */
static void purges_that_do_not_fit_wait_for_the_next_answer(void **state)
{
    (void)state;
    static char value[HEARTBEAT_URL_BYTES], config[HEARTBEAT_MAX_BYTES - HEARTBEAT_HEAD_BYTES];
    static struct heartbeat_purge purges[HEARTBEAT_MAX_PURGES];
    struct heartbeat_answer a = {.purge_log = SPAN("x"), .purges = purges};
    struct buf text;
    memset(value, 1, sizeof(value));
    memset(config, '1', sizeof(config));
    for (size_t i = 0; i < HEARTBEAT_MAX_PURGES; i++)
        purges[i] = (struct heartbeat_purge){.seq = i + 1,
                                             .kind = HEARTBEAT_PURGE_TAG,
                                             .site = span_make(value, HEARTBEAT_NAME_BYTES),
                                             .value = span_make(value, sizeof(value))};
    buf_init(&text, HEARTBEAT_MAX_BYTES);
    for (size_t n = 0; n < 3; n++) { /* none, half of what may be, all */
        a.config = n > 0 ? span_make(config, sizeof(config) / (3 - n)) : SPAN_NONE;
        a.purge_count = HEARTBEAT_MAX_PURGES;
        heartbeat_answer_fit(&a);
        assert_int_equal(a.purge_count > 0, n < 2);
        buf_clear(&text);
        heartbeat_answer_write(&a, &text);
        assert_false(buf_overflowed(&text));
    }
    for (size_t i = 0; i < HEARTBEAT_MAX_PURGES; i++)
        purges[i].value = SPAN("http://dl.example.com/a/path/of/the/usual/length.bin");
    a.config = SPAN_NONE;
    a.purge_count = HEARTBEAT_MAX_PURGES;
    heartbeat_answer_fit(&a);
    assert_int_equal(a.purge_count, HEARTBEAT_MAX_PURGES);
    buf_finish(&text);
}

static void counters_that_went_back_count_whole(void **state)
{
    (void)state;
    struct usage before = {.requests = 10, .upstream_bytes = 100, .out_bytes = {[LEDGER_DISK] = 7}};
    struct usage now = {.requests = 13, .upstream_bytes = 40, .out_bytes = {[LEDGER_DISK] = 9}};
    struct usage d = usage_since(&now, &before);
    assert_int_equal(d.requests, 3);
    assert_int_equal(d.upstream_bytes, 40);
    assert_int_equal(usage_out_bytes(&d), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_example_of_the_page_is_read_and_written_again, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_example_answer_is_read_and_written_again, begin, end),
        cmocka_unit_test_setup_teardown(
            a_field_of_a_newer_peer_is_ignored_and_an_absent_one_is_zero, begin, end),
        cmocka_unit_test_setup_teardown(a_purge_of_an_unknown_kind_is_read_as_one_of_its_site,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_is_there_must_be_right, begin, end),
        cmocka_unit_test_setup_teardown(a_message_that_does_not_fit_the_arena_is_refused, begin,
                                        end),
        cmocka_unit_test(a_gap_is_another_log_or_a_position_outside_of_it),
        cmocka_unit_test(purges_that_do_not_fit_wait_for_the_next_answer),
        cmocka_unit_test(counters_that_went_back_count_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
