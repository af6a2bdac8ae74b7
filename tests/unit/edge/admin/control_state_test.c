/* SPDX-License-Identifier: MIT
 *
 * What the control plane said last survives a restart, whole or not at all. */
#include "edge/admin/control_state.h"

#include "lib/base/err.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/byeori-control-state-XXXXXX";
static char file[64];

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    memcpy(file, folder, sizeof(folder) - 1);
    memcpy(file + sizeof(folder) - 1, "/state", 7);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder);
}

static void save_one(void)
{
    struct control_state s;
    control_state_init(&s);
    memcpy(s.purge_log, "9d2c", 5);
    s.purge_seq = 43;
    s.config_version = 8;
    buf_add_span(&s.document, SPAN("{\"sites\": []}\n"));
    assert_int_equal(control_state_save(&s, file), 0);
    control_state_finish(&s);
}

static int load_one(struct control_state *s)
{
    control_state_init(s);
    return control_state_load(s, file);
}

static void what_was_saved_is_loaded(void **state)
{
    struct control_state s;
    (void)state;
    save_one();
    assert_int_equal(load_one(&s), 0);
    assert_string_equal(s.purge_log, "9d2c");
    assert_int_equal(s.purge_seq, 43);
    assert_int_equal(s.config_version, 8);
    assert_true(span_eq(buf_span(&s.document), SPAN("{\"sites\": []}\n")));
    control_state_finish(&s);
}

static void no_file_is_no_state(void **state)
{
    struct control_state s;
    (void)state;
    unlink(file);
    assert_int_equal(load_one(&s), ERR_NOT_FOUND);
    assert_int_equal(s.document.n, 0);
    control_state_finish(&s);
}

/* Cut or changed anywhere, it is refused, and nothing of it is used. */
static void a_damaged_file_is_of_no_use(void **state)
{
    struct control_state s;
    struct stat st;
    (void)state;
    save_one();
    assert_int_equal(stat(file, &st), 0);
    for (off_t cut = st.st_size - 1; cut > 0; cut--) {
        assert_int_equal(truncate(file, cut), 0);
        assert_true(load_one(&s) < 0);
        assert_int_equal(s.purge_seq, 0);
        assert_int_equal(s.document.n, 0);
        control_state_finish(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_is_loaded),
        cmocka_unit_test(no_file_is_no_state),
        cmocka_unit_test(a_damaged_file_is_of_no_use),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
