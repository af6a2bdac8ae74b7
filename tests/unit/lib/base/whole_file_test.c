/* SPDX-License-Identifier: MIT */
#include "lib/base/whole_file.h"

#include "lib/base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/byeori-whole-file-XXXXXX";
static char file[64];

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(file, sizeof file, "%s/file", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder);
}

static void what_is_written_is_read_up_to_the_bound(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000};
    char *text = malloc(100000);
    memset(text, 'x', 100000);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf b;
        assert_int_equal(whole_file_replace(file, span_make(text, sizes[i])), 0);
        buf_init(&b, sizes[i]);
        assert_int_equal(whole_file_read(file, &b), 0);
        assert_true(span_eq(buf_span(&b), span_make(text, sizes[i])));
        buf_finish(&b);
        if (sizes[i] == 0)
            continue;
        buf_init(&b, sizes[i] - 1);
        assert_int_equal(whole_file_read(file, &b), ERR_TOO_BIG);
        buf_wipe(&b);
        assert_null(b.p);
    }
    free(text);
}

static void a_file_that_does_not_tell_its_size_is_read_too(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_int_equal(whole_file_read("/proc/self/status", &b), 0);
    assert_non_null(memmem(b.p, b.n, "VmSize", 6));
    buf_finish(&b);
}

static void what_cannot_be_read_is_told(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    assert_int_equal(whole_file_read("/tmp/there/is/no/such", &b), ERR_NOT_FOUND);
    assert_int_equal(errno, ENOENT);
    assert_true(whole_file_read(folder, &b) < 0);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(whole_file_replace("/tmp/there/is/no/such", SPAN("x")), ERR_NOT_FOUND);
    buf_finish(&b);
}

static void a_token_is_the_first_line_without_white_space(void **state)
{
    (void)state;
    static const char *const texts[] = {"token", " token \n", "token\r\n", "token\nmore\n"};
    struct buf b;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(whole_file_replace(file, span_of(texts[i])), 0);
        buf_init(&b, 5);
        assert_int_equal(whole_file_first_line(file, &b), 0);
        assert_true(span_eq(buf_span(&b), SPAN("token")));
        buf_finish(&b);
        buf_init(&b, 4);
        assert_int_equal(whole_file_first_line(file, &b), ERR_TOO_BIG);
        buf_finish(&b);
    }
}

static void what_replaces_a_file_is_for_its_owner_alone(void **state)
{
    (void)state;
    struct stat st;
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(chmod(file, 0644), 0);
    assert_int_equal(whole_file_replace(file, SPAN("secret")), 0);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_up_to_the_bound),
        cmocka_unit_test(a_file_that_does_not_tell_its_size_is_read_too),
        cmocka_unit_test(what_cannot_be_read_is_told),
        cmocka_unit_test(a_token_is_the_first_line_without_white_space),
        cmocka_unit_test(what_replaces_a_file_is_for_its_owner_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
