/* SPDX-License-Identifier: MIT
 *
 * What the control plane said last survives a restart, whole or not at all. */
#include "edge/admin/control_state.h"

#include "lib/base/err.h"
#include "lib/base/whole_file.h"
#include "tests/unit/lib/base/seal_keys.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/byeori-control-state-XXXXXX";
static char file[64];
static char said[512];
static bool is_stale;

#define DOCUMENT "{\"sites\": []}\n"

static struct seal_keys *keys_of(const char *lines)
{
    struct seal_keys *keys = NULL;
    struct buf why;
    buf_init(&why, 512);
    if (lines != NULL)
        assert_int_equal(seal_read_keys(lines, &keys, &why), 0);
    buf_finish(&why);
    return keys;
}

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

/* Keys as a file has them, or NULL: none. */
static void save_one(const char *key_lines)
{
    struct control_state s;
    struct seal_keys *keys = keys_of(key_lines);
    control_state_init(&s);
    memcpy(s.purge_log, "9d2c", 5);
    s.purge_seq = 43;
    s.config_version = 8;
    buf_add_span(&s.document, SPAN(DOCUMENT));
    assert_int_equal(control_state_save(&s, file, keys), 0);
    control_state_finish(&s);
    seal_keys_destroy(&keys);
}

/* What was said is in `said`, and whether it is stale in is_stale. */
static int load_one(struct control_state *s, const char *key_lines)
{
    struct seal_keys *keys = keys_of(key_lines);
    struct buf why;
    buf_init(&why, sizeof(said) - 1);
    control_state_init(s);
    int err = control_state_load(s, file, keys, &is_stale, &why);
    assert_int_equal(err != 0, why.n > 0);
    snprintf(said, sizeof(said), "%.*s", (int)why.n, why.n > 0 ? why.p : "");
    buf_finish(&why);
    seal_keys_destroy(&keys);
    return err;
}

static void what_was_saved_is_loaded(void **state)
{
    struct control_state s;
    (void)state;
    save_one(NULL);
    assert_int_equal(load_one(&s, NULL), 0);
    assert_string_equal(s.purge_log, "9d2c");
    assert_int_equal(s.purge_seq, 43);
    assert_int_equal(s.config_version, 8);
    assert_true(span_eq(buf_span(&s.document), SPAN(DOCUMENT)));
    control_state_finish(&s);
}

static void no_file_is_no_state(void **state)
{
    struct control_state s;
    (void)state;
    unlink(file);
    assert_int_equal(load_one(&s, NULL), ERR_NOT_FOUND);
    assert_int_equal(s.document.n, 0);
    control_state_finish(&s);
}

static void is_empty(struct control_state *s)
{
    assert_int_equal(s->purge_seq, 0);
    assert_int_equal(s->config_version, 0);
    assert_int_equal(s->document.n, 0);
    control_state_finish(s);
}

/* Cut anywhere, it is refused, and nothing of it is used. */
static void a_damaged_file_is_of_no_use(void **state)
{
    static const char *const keys[] = {NULL, SEAL_NEW};
    struct control_state s;
    struct stat st;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        save_one(keys[i]);
        assert_int_equal(stat(file, &st), 0);
        for (off_t cut = st.st_size - 1; cut > 0; cut--) {
            assert_int_equal(truncate(file, cut), 0);
            assert_true(load_one(&s, keys[i]) < 0);
            is_empty(&s);
        }
    }
}

static void what_is_sealed_tells_nothing_and_cannot_be_changed(void **state)
{
    struct control_state s;
    struct buf text;
    (void)state;
    save_one(SEAL_NEW);
    buf_init(&text, 4096);
    assert_int_equal(whole_file_read(file, &text), 0);
    assert_null(memmem(text.p, text.n, "sites", 5));
    for (size_t i = 0; i < text.n; i++) {
        char was = text.p[i];
        text.p[i] = was == '7' ? '8' : '7';
        assert_int_equal(whole_file_replace(file, buf_span(&text)), 0);
        assert_true(load_one(&s, SEAL_NEW) < 0);
        is_empty(&s);
        text.p[i] = was;
    }
    assert_int_equal(whole_file_replace(file, buf_span(&text)), 0);
    assert_int_equal(load_one(&s, SEAL_NEW), 0);
    assert_true(span_eq(buf_span(&s.document), SPAN(DOCUMENT)));
    assert_int_equal(s.purge_seq, 43);
    assert_false(is_stale);
    control_state_finish(&s);
    buf_finish(&text);
}

static void a_position_without_a_document_is_sealed_too(void **state)
{
    struct control_state s;
    struct seal_keys *keys = keys_of(SEAL_NEW);
    (void)state;
    control_state_init(&s);
    s.purge_seq = 7;
    assert_int_equal(control_state_save(&s, file, keys), 0);
    control_state_finish(&s);
    seal_keys_destroy(&keys);
    assert_int_equal(load_one(&s, SEAL_NEW), 0);
    assert_int_equal(s.purge_seq, 7);
    assert_int_equal(s.document.n, 0);
    control_state_finish(&s);
}

static void a_key_is_changed_by_a_line_before_the_old_one(void **state)
{
    struct control_state s;
    (void)state;
    save_one(NULL);
    assert_int_equal(load_one(&s, SEAL_OLD), 0); /* as it lay there before there were keys */
    assert_true(is_stale);
    control_state_finish(&s);
    save_one(SEAL_OLD);
    assert_int_equal(load_one(&s, SEAL_NEW SEAL_OLD), 0);
    assert_true(is_stale);
    control_state_finish(&s);
    assert_int_equal(load_one(&s, SEAL_NEW), ERR_DENIED);
    assert_non_null(strstr(said, "which is not in the secret_key_file"));
    is_empty(&s);
    assert_int_equal(load_one(&s, NULL), ERR_DENIED);
    assert_non_null(strstr(said, "no secret_key_file is named"));
    is_empty(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_is_loaded),
        cmocka_unit_test(no_file_is_no_state),
        cmocka_unit_test(a_damaged_file_is_of_no_use),
        cmocka_unit_test(what_is_sealed_tells_nothing_and_cannot_be_changed),
        cmocka_unit_test(a_position_without_a_document_is_sealed_too),
        cmocka_unit_test(a_key_is_changed_by_a_line_before_the_old_one),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
