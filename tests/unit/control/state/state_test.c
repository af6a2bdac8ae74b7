/* SPDX-License-Identifier: MIT
 * What every home of facts must do, asked of each; and what only a file can show. */
#include "control/state/state.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/state-test-XXXXXX", file[64];

static struct state *open_file(void)
{
    struct state *s;
    struct buf why;
    buf_init(&why, 512);
    assert_int_equal(state_sqlite_open(&s, file, &why), 0);
    buf_finish(&why);
    return s;
}

static int begin(void **state)
{
    (void)state;
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/db", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", file, suffixes[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static bool append_fact(void *ctx, struct span key, struct span value)
{
    buf_printf(ctx, "%.*s=%.*s ", SPAN_FMT(key), SPAN_FMT(value));
    return true;
}

static void assert_facts(struct state *s, enum state_kind kind, struct span from,
                         const char *expected)
{
    struct buf b;
    buf_init(&b, 4096);
    assert_int_equal(state_each(s, kind, from, append_fact, &b), 0);
    buf_add_char(&b, '\0');
    assert_string_equal(b.p, expected);
    buf_finish(&b);
}

static void check_home(struct state *s)
{
    struct state_change some[] = {
        {STATE_NODE, SPAN("b"), SPAN("2")},
        {STATE_NODE, SPAN("a"), SPAN("1")},
        {STATE_SITE, SPAN("a"), SPAN("x")},
        {STATE_NODE, SPAN("c"), SPAN("")},
    };
    struct state_change more[] = {
        {STATE_NODE, SPAN("a"), SPAN("one")},
        {STATE_NODE, SPAN("b"), SPAN_NONE},
        {STATE_NODE, SPAN("never"), SPAN_NONE},
    };
    assert_int_equal(state_commit(s, some, ARRAY_LEN(some)), 0);
    assert_facts(s, STATE_NODE, SPAN_NONE, "a=1 b=2 c= ");
    assert_facts(s, STATE_NODE, SPAN("b"), "b=2 c= ");
    assert_int_equal(state_commit(s, more, ARRAY_LEN(more)), 0);
    assert_facts(s, STATE_NODE, SPAN_NONE, "a=one c= ");
    assert_facts(s, STATE_SITE, SPAN_NONE, "a=x ");
    assert_facts(s, STATE_PURGE, SPAN_NONE, "");
}

static void every_home_keeps_facts_in_order(void **state)
{
    (void)state;
    struct state *homes[] = {open_file(), state_memory_create(-1)};
    for (size_t i = 0; i < ARRAY_LEN(homes); i++) {
        check_home(homes[i]);
        state_close(&homes[i]);
    }
}

static void a_file_is_opened_again_as_it_was(void **state)
{
    (void)state;
    struct state *s = open_file();
    check_home(s);
    state_close(&s);
    s = open_file();
    assert_facts(s, STATE_NODE, SPAN_NONE, "a=one c= ");
    state_close(&s);
}

static void what_was_committed_outlives_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct state *s;
        struct buf why;
        struct state_change c = {STATE_META, SPAN("k"), SPAN("v")};
        buf_init(&why, 512);
        if (state_sqlite_open(&s, file, &why) == 0 && state_commit(s, &c, 1) == 0)
            abort(); /* nothing is closed, nothing flushed */
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct state *s = open_file();
    assert_facts(s, STATE_META, SPAN_NONE, "k=v ");
    state_close(&s);
}

static void what_is_no_state_is_refused_with_a_sentence(void **state)
{
    (void)state;
    struct state *s;
    struct buf why;
    buf_init(&why, 512);
    assert_int_equal(state_sqlite_open(&s, "/nonexistent/db", &why), ERR_DENIED);
    assert_true(why.n > 0 && s == NULL);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    for (int i = 0; i < 300; i++)
        fputs("this is no database", f);
    fclose(f);
    buf_clear(&why);
    assert_int_equal(state_sqlite_open(&s, file, &why), ERR_CORRUPT);
    assert_true(why.n > 0 && s == NULL);
    buf_finish(&why);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(every_home_keeps_facts_in_order),
        T(a_file_is_opened_again_as_it_was),
        T(what_was_committed_outlives_the_process),
        T(what_is_no_state_is_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
