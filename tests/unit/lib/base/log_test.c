/* SPDX-License-Identifier: MIT */
#include "lib/base/log.h"

#include "lib/base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static char path[] = "/tmp/log_test_XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    close(fd);
    return fd < 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

/* The log's lines so far, through a sink. */
static struct sink *log_to_file(void)
{
    struct sink *s;
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(sink_open(&s, path, 1 << 20), 0);
    log_start(s);
    return s;
}

static void read_log(struct sink *s, char *out, size_t room)
{
    log_start(NULL);
    sink_close(&s);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, room - 1, f);
    out[n] = '\0';
    fclose(f);
}

static void a_line_is_a_time_a_level_an_event_and_its_values(void **state)
{
    (void)state;
    char text[4096];
    struct sink *s = log_to_file();
    LOG_WARN("upstream-refused", "upstream=%s status=%d", "s3", 503);
    LOG_DEBUG("not-said", "n=%d", 1);
    log_line(LOG_LEVEL_ERROR, "bare", "%s", "");
    read_log(s, text, sizeof(text));
    assert_int_equal(text[4], '-');
    assert_int_equal(text[23], 'Z');
    assert_memory_equal(text + 24, " warn upstream-refused upstream=s3 status=503\n", 46);
    assert_non_null(strstr(text, "Z error bare\n"));
    assert_null(strstr(text, "not-said"));
}

static void nobody_can_write_a_line_of_his_own(void **state)
{
    (void)state;
    char text[4096];
    struct sink *s = log_to_file();
    LOG_INFO("request", "path=\"%s\"", "a\n2026 error fake\r\t\x1b[2J\x7f\\n\xc3\xa9");
    read_log(s, text, sizeof(text));
    assert_ptr_equal(strchr(text, '\n') + 1, text + strlen(text));
    assert_non_null(
        strstr(text, " path=\"a\\n2026 error fake\\r\\t\\x1b[2J\\x7f\\\\n\xc3\xa9\"\n"));
}

static void a_line_too_long_is_cut_and_marked(void **state)
{
    (void)state;
    static char text[65536];
    struct sink *s = log_to_file();
    LOG_INFO("long", "%9000d", 1);
    read_log(s, text, sizeof(text));
    assert_true(strlen(text) < 4200);
    assert_string_equal(text + strlen(text) - 4, "...\n");
}

static int pass(struct log_limit *limit, int count, uint32_t *left_out)
{
    int passed = 0;
    for (int i = 0; i < count; i++)
        passed += log_limit_pass(limit, left_out);
    return passed;
}

static void one_place_says_ten_lines_at_once_and_then_one_now_and_then(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    uint32_t left_out;
    int64_t window;
    int passed;
    do { /* far shorter than a window; again where one ended within */
        limit = (struct log_limit){0};
        assert_true(log_limit_pass(&limit, &left_out));
        window = limit.window;
        passed = pass(&limit, 99, &left_out);
    } while (limit.window != window);
    assert_int_equal(passed, 9);
    limit.window--; /* one has gone by */
    assert_true(log_limit_pass(&limit, &left_out));
    assert_int_equal(left_out, 90);
    limit.window -= 1000; /* many: the burst is there again, and no more */
    assert_int_equal(pass(&limit, 10, &left_out), 10);
}

static void *log_much(void *unused)
{
    (void)unused;
    for (int i = 0; i < 500; i++) {
        LOG_INFO("thread", "i=%d", i);
        LOG_WARN_LIMITED("flood", "i=%d", i);
    }
    return NULL;
}

static void lines_of_many_threads_stay_whole(void **state)
{
    (void)state;
    static char text[1 << 20];
    struct sink *s = log_to_file();
    pthread_t t[4];
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, log_much, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    read_log(s, text, sizeof(text));
    int lines = 0;
    for (char *line = text, *end; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        assert_int_equal(line[23], 'Z');
        lines += strncmp(line + 24, " info thread i=", 15) == 0;
    }
    assert_int_equal(lines, 2000);
}

static void levels_have_names(void **state)
{
    (void)state;
    assert_string_equal(log_level_names[LOG_LEVEL_DEBUG], "debug");
    assert_null(log_level_names[LOG_LEVEL_DEBUG + 1]);
    assert_int_equal(log_level_now(), LOG_LEVEL_INFO);
    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(log_level_now(), LOG_LEVEL_ERROR);
    log_set_level(LOG_LEVEL_INFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_time_a_level_an_event_and_its_values),
        cmocka_unit_test(nobody_can_write_a_line_of_his_own),
        cmocka_unit_test(a_line_too_long_is_cut_and_marked),
        cmocka_unit_test(one_place_says_ten_lines_at_once_and_then_one_now_and_then),
        cmocka_unit_test(lines_of_many_threads_stay_whole),
        cmocka_unit_test(levels_have_names),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
