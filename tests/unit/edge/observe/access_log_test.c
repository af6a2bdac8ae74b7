/* SPDX-License-Identifier: MIT */
#include "edge/observe/access_log.h"

#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static char line[ACCESS_LINE_ROOM + 1];
static const char some_time[] = "2026-01-02T03:04:05.678Z";

static void a_line_has_fixed_keys(void **state)
{
    struct access_entry e = {.wall = 1767323045678,
                             .id = 7,
                             .took_ns = 1500000,
                             .client = SPAN("127.0.0.1"),
                             .site = SPAN("games"),
                             .method = SPAN("GET"),
                             .scheme = SPAN("http"),
                             .host = SPAN("dl.example"),
                             .target = SPAN("/a"),
                             .status = 200,
                             .head_bytes = 300,
                             .body_bytes = 12,
                             .by_source = {[LEDGER_MEMORY] = 10, [LEDGER_ORIGIN] = 2},
                             .cache = SPAN("e; hit"),
                             .major_version = 1,
                             .minor_version = 1};
    (void)state;
    struct span s = access_log_line(&e, some_time, line);
    line[s.n] = '\0';
    assert_string_equal(
        line, "{\"time\":\"2026-01-02T03:04:05.678Z\",\"id\":7,\"client\":\"127.0.0.1\","
              "\"site\":\"games\",\"method\":\"GET\",\"scheme\":\"http\",\"host\":\"dl.example\","
              "\"target\":\"/a\",\"http\":\"1.1\",\"status\":200,\"head_bytes\":300,"
              "\"body_bytes\":12,\"took_us\":1500,\"cache\":\"e; hit\","
              "\"from\":{\"memory\":10,\"origin\":2}}\n");
}

/* Text is looked at eight bytes at a time: one to be escaped is found wherever it is. */
static void each_byte_that_must_be_is_escaped(void **state)
{
    static const char specials[] = {'"', '\\', '\n', '\x1f', '\x7f', '\x80', '\xff'};
    (void)state;
    for (size_t length = 1; length < 30; length++) {
        for (size_t i = 0; i < length * sizeof(specials); i++) {
            char text[32], wanted[64], *at = wanted;
            unsigned char special = (unsigned char)specials[i / length];
            memset(text, 'a', length);
            text[i % length] = (char)special;
            memset(at, 'a', i % length);
            at += i % length;
            at += snprintf(at, 8, special == '"' || special == '\\' ? "\\%c" : "\\u%04x", special);
            memset(at, 'a', length - 1 - i % length);
            at[length - 1 - i % length] = '\0';
            struct access_entry e = {.target = span_make(text, length), .major_version = 1};
            struct span out = access_log_line(&e, some_time, line);
            line[out.n] = '\0';
            const char *found = strstr(line, "\"target\":\"");
            assert_non_null(found);
            assert_memory_equal(found + 10, wanted, strlen(wanted));
            assert_int_equal(found[10 + strlen(wanted)], '"');
        }
    }
}

/* Whatever a client sends: one line of ASCII that ends as it should. */
static void no_byte_of_a_client_breaks_the_line(void **state)
{
    char *hostile = mem_alloc(5000);
    (void)state;
    for (int i = 0; i < 5000; i++)
        hostile[i] = (char)(i * 7);
    struct span s = span_make(hostile, 5000);
    struct access_entry e = {.host = s,
                             .method = s,
                             .target = s,
                             .range = s,
                             .user_agent = s,
                             .referer = s,
                             .fault = "client-gone",
                             .major_version = 1};
    struct span out = access_log_line(&e, some_time, line);
    assert_true(out.n < ACCESS_LINE_ROOM);
    assert_memory_equal(out.p + out.n - 23, "\"fault\":\"client-gone\"}\n", 23);
    for (size_t i = 0; i + 1 < out.n; i++)
        assert_true(out.p[i] >= 0x20 && out.p[i] < 0x7f);
    mem_free(hostile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_fixed_keys),
        cmocka_unit_test(each_byte_that_must_be_is_escaped),
        cmocka_unit_test(no_byte_of_a_client_breaks_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
