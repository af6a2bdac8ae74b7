/* SPDX-License-Identifier: MIT
 *
 * What a killed run leaves is gone after the next one, and what others use is let alone. */
#include "origin/publish/scratch.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char home[] = "/tmp/byeori-scratch-XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(home) == NULL ? -1 : setenv("TMPDIR", home, 1);
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(home);
}

static int count(void)
{
    int n = 0;
    DIR *d = opendir(home);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void open_one(struct scratch *s)
{
    char inside[sizeof(s->path) + 16];
    struct buf why;
    buf_init(&why, 8192);
    assert_int_equal(scratch_open(s, &why), 0);
    buf_finish(&why);
    snprintf(inside, sizeof(inside), "%s/folder", s->path);
    assert_int_equal(mkdir(inside, 0700), 0);
}

static void each_run_has_a_folder_of_its_own(void **state)
{
    struct scratch a, b;
    (void)state;
    open_one(&a);
    open_one(&b);
    assert_int_equal(count(), 2);
    scratch_close(&a);
    assert_int_equal(count(), 1);
    scratch_close(&b);
    scratch_close(&b);
    assert_int_equal(count(), 0);
}

static void what_a_killed_run_left_goes_with_the_next(void **state)
{
    struct scratch s;
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        open_one(&s);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(count(), 1);
    open_one(&s);
    assert_int_equal(count(), 1);
    scratch_close(&s);
    assert_int_equal(count(), 0);
}

static void a_folder_that_cannot_be_made_is_told(void **state)
{
    struct scratch s;
    struct buf why;
    (void)state;
    buf_init(&why, 8192);
    assert_int_equal(setenv("TMPDIR", "/proc/there/is/no/such", 1), 0);
    assert_true(scratch_open(&s, &why) < 0);
    assert_non_null(memmem(why.p, why.n, "No such file", 12));
    scratch_close(&s);
    buf_finish(&why);
    assert_int_equal(setenv("TMPDIR", home, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_run_has_a_folder_of_its_own),
        cmocka_unit_test(what_a_killed_run_left_goes_with_the_next),
        cmocka_unit_test(a_folder_that_cannot_be_made_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
