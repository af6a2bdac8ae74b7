/* SPDX-License-Identifier: MIT */
/* Bodies of answers: slow, broken, large, from memory and files. */
#include "tests/unit/lib/web/apps.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <stdio.h>
#include <unistd.h>

static struct wire w;

/* Bodies that break, wait, or do not keep their word */

static void expect_broken(int end, int64_t length, const char *seen)
{
    wire_connect(&w);
    wire_say(&w, GET);
    app_slow_begin("some", end);
    app_respond(w.x, 200, length, &slow.body);
    if (end == ERR_AGAIN) {
        wire_until_got(&w, seen);
        app_slow_more("", ERR_IO);
    }
    wire_until_ended(&w);
    assert_true(w.was_reset);
    assert_true(slow.is_closed);
    assert_null(strstr(w.got, "0\r\n\r\n"));
}

static void a_body_that_breaks_cuts_the_connection_with_a_reset(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    expect_broken(ERR_AGAIN, 10, "some");
    assert_int_equal(w.last_err, ERR_IO);
    expect_broken(ERR_AGAIN, LENGTH_UNKNOWN, "4\r\nsome");
    assert_int_equal(w.last_err, ERR_IO);
    expect_broken(0, 10, "some");
    assert_int_equal(w.last_err, ERR_TRUNCATED);
    assert_int_equal(counter_get(&server_counters_of(w.server)->aborted), 3);
    wire_close(&w);
}

static void a_body_too_long_is_cut_at_its_length_and_the_connection_closed(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_as_asked);
    wire_say(&w, "GET /200/3/hello HTTP/1.1\r\nHost: h\r\n\r\n" GET);
    wire_until_ended(&w);
    assert_string_equal(strstr(w.got, "\r\n\r\n"), "\r\n\r\nhel");
    assert_int_equal(w.dones, 1);
    assert_int_equal(w.last_err, ERR_TOO_BIG);
    wire_close(&w);
}

static void a_slow_body_is_sent_as_it_comes(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET);
    app_slow_begin("one", ERR_AGAIN);
    app_respond(w.x, 200, LENGTH_UNKNOWN, &slow.body);
    wire_until_got(&w, "3\r\none");
    app_slow_more("three", ERR_AGAIN);
    wire_until_got(&w, "5\r\nthree");
    app_slow_more("", 0);
    wire_until_got(&w, "\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n");
    assert_int_equal(w.last_err, 0);
    assert_int_equal(w.bytes_out, w.got_total);
    wire_close(&w);
}

static void a_value_that_would_split_the_head_becomes_500(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET);
    struct response_head head = {.status = 200, .content_length = 5};
    fields_init(&head.fields, &w.x->mem);
    fields_add(&head.fields, FIELD_ETAG, SPAN("\"a\"\r\nX: y"));
    exchange_respond(w.x, &head, body_of_constant(SPAN("hello")));
    wire_until_ended(&w);
    assert_memory_equal(w.got, "HTTP/1.1 500 ", 13);
    assert_int_equal(w.last_status, 500);
    wire_close(&w);
}

/* Large bodies */

#define LARGE (40 << 20)

static int large_file(void)
{
    FILE *f = tmpfile();
    static uint32_t block[16384];
    assert_non_null(f);
    for (uint32_t i = 0; i < LARGE / 4;) {
        for (size_t k = 0; k < ARRAY_LEN(block); k++)
            block[k] = i++ * 2654435761u;
        assert_int_equal(fwrite(block, sizeof block, 1, f), 1);
    }
    fflush(f);
    int fd = dup(fileno(f));
    fclose(f);
    return fd;
}

static void check_large(int64_t at, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t pos = (uint64_t)at + i;
        uint32_t word = (uint32_t)(pos / 4) * 2654435761u;
        if ((uint8_t)p[i] != (uint8_t)(word >> (8 * (pos % 4))))
            fail_msg("byte %llu differs", (unsigned long long)pos);
    }
}

static void receive_large(void)
{
    wire_until_got(&w, "\r\n\r\n");
    size_t head = (size_t)(strstr(w.got, "\r\n\r\n") + 4 - w.got);
    int64_t at = (int64_t)(w.got_n - head);
    check_large(0, w.got + head, (size_t)at);
    while (at < LARGE) {
        wire_forget(&w);
        wire_for_ms(&w, 0);
        wire_turn(&w);
        check_large(at, w.got, w.got_n);
        at += (int64_t)w.got_n;
        assert_false(w.has_ended);
    }
    assert_int_equal(at, LARGE);
}

static void a_large_file_arrives_whole_at_a_slow_reader(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET);
    app_respond(w.x, 200, LARGE, body_of_file(large_file(), 0, LARGE));
    receive_large();
    wire_until_done(&w, 1);
    assert_int_equal(w.last_err, 0);
    assert_int_equal(w.bytes_out, w.got_total);
    wire_close(&w);
}

static void large_memory_arrives_whole_too(void **state)
{
    (void)state;
    uint32_t *all = mem_alloc(LARGE);
    for (uint32_t i = 0; i < LARGE / 4; i++)
        all[i] = i * 2654435761u;
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET);
    app_respond(w.x, 200, LARGE, body_of_constant(span_make(all, LARGE)));
    receive_large();
    wire_until_done(&w, 1);
    assert_int_equal(w.bytes_out, w.got_total);
    wire_close(&w);
    mem_free(all);
}

static void a_file_shorter_than_announced_cuts_the_connection(void **state)
{
    (void)state;
    FILE *f = tmpfile();
    fputs("short", f);
    fflush(f);
    wire_open(&w, NULL, app_reply_later);
    wire_say(&w, GET);
    app_respond(w.x, 200, 100000, body_of_file(dup(fileno(f)), 0, 100000));
    fclose(f);
    wire_until_ended(&w);
    assert_true(w.was_reset);
    assert_int_equal(w.last_err, ERR_TRUNCATED);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_that_breaks_cuts_the_connection_with_a_reset),
        cmocka_unit_test(a_body_too_long_is_cut_at_its_length_and_the_connection_closed),
        cmocka_unit_test(a_slow_body_is_sent_as_it_comes),
        cmocka_unit_test(a_value_that_would_split_the_head_becomes_500),
        cmocka_unit_test(a_large_file_arrives_whole_at_a_slow_reader),
        cmocka_unit_test(large_memory_arrives_whole_too),
        cmocka_unit_test(a_file_shorter_than_announced_cuts_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
