/* SPDX-License-Identifier: MIT */
#include "control/access/secrets.h"

#include "lib/base/err.h"
#include "tests/unit/lib/base/seal_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define KEEP 3

struct world {
    struct state *state;
    struct secrets *secrets;
    uint64_t version;
};

static void begin(struct world *w)
{
    *w = (struct world){state_memory_create(-1), secrets_create(NULL), 0};
}

static void finish(struct world *w)
{
    secrets_destroy(&w->secrets);
    state_close(&w->state);
}

/* The next version: a document that names a secret (NULL: none), which may be a fresh one. */
static int commit(struct world *w, const struct secret *named, const struct secret *fresh)
{
    char text[512];
    struct state_change *changes;
    struct arena mem;
    size_t count;
    arena_init(&mem, 1 << 20);
    snprintf(text, sizeof text, "{\"sites\":[],\"keys\":[%s%s%s]}",
             named != NULL ? "{\"name\":\"k\",\"use\":\"tickets\",\"secrets\":[{\"sha256\":\"" : "",
             named != NULL ? named->sha256 : "", named != NULL ? "\"}]}" : "");
    struct secrets_version v = {++w->version, KEEP, span_of(text), fresh, fresh != NULL};
    struct buf telling;
    buf_init(&telling, 4096);
    int err = secrets_tell(w->secrets, &v, &telling);
    if (err == 0)
        err = secrets_plan(w->secrets, &v, &changes, &count, &mem);
    if (err == 0) {
        assert_int_equal(state_commit(w->state, changes, count), 0);
        secrets_done(w->secrets, &v);
    }
    if (err == 0 && named != NULL && fresh != NULL) {
        assert_non_null(memmem(telling.p, telling.n, fresh->text.p, fresh->text.n));
    }
    buf_finish(&telling);
    arena_finish(&mem);
    return err;
}

static bool count_one(void *ctx, struct span key, struct span value)
{
    (void)key;
    (void)value;
    ++*(int *)ctx;
    return true;
}

static int kept(struct world *w)
{
    int count = 0;
    assert_int_equal(state_each(w->state, STATE_SECRET, SPAN_NONE, count_one, &count), 0);
    return count;
}

static int restart_with(struct world *w, const char *keys)
{
    struct seal_keys *read = NULL;
    struct buf why;
    buf_init(&why, 4096);
    if (keys != NULL)
        assert_int_equal(seal_read_keys(keys, &read, &why), 0);
    secrets_destroy(&w->secrets);
    w->secrets = secrets_create(read);
    int err = secrets_load(w->secrets, w->state, &why);
    assert_int_equal(err != 0, why.n > 0);
    buf_finish(&why);
    return err;
}

static void restart(struct world *w)
{
    assert_int_equal(restart_with(w, NULL), 0);
}

static bool seek(void *ctx, struct span key, struct span value)
{
    struct span *what = ctx;
    (void)key;
    if (memmem(value.p, value.n, what->p, what->n) != NULL)
        *what = SPAN_NONE;
    return true;
}

static bool shows(struct world *w, struct span text)
{
    assert_int_equal(state_each(w->state, STATE_SECRET, SPAN_NONE, seek, &text), 0);
    return text.p == NULL;
}

static void a_secret_stays_as_long_as_a_version_can_be_gone_back_to(void **state)
{
    (void)state;
    struct world w;
    struct arena mem;
    arena_init(&mem, 1 << 16);
    struct secret a = secret_make(16, &mem), b = secret_make(16, &mem);
    begin(&w);
    assert_int_equal(commit(&w, &a, &a), 0); /* 1 */
    assert_int_equal(commit(&w, &b, &b), 0); /* 2: a is named no more */
    assert_int_equal(kept(&w), 2);
    restart(&w);
    assert_int_equal(commit(&w, &a, NULL), 0); /* 3: back */
    assert_int_equal(commit(&w, &a, NULL), 0); /* 4 */
    assert_int_equal(kept(&w), 2);
    restart(&w);
    assert_int_equal(commit(&w, &a, NULL), 0); /* 5 */
    assert_int_equal(commit(&w, &a, NULL), 0); /* 6: the last version with b was 2, 3 are kept */
    assert_int_equal(kept(&w), 1);
    assert_int_equal(commit(&w, &b, NULL), ERR_NOT_FOUND);
    restart(&w);
    assert_int_equal(commit(&w, NULL, NULL), 0);
    assert_int_equal(kept(&w), 1);
    finish(&w);
    arena_finish(&mem);
}

static void a_secret_that_is_not_known_is_not_told(void **state)
{
    (void)state;
    struct world w;
    struct arena mem;
    arena_init(&mem, 1 << 16);
    struct secret a = secret_make(16, &mem);
    begin(&w);
    assert_int_equal(commit(&w, &a, NULL), ERR_NOT_FOUND);
    assert_int_equal(kept(&w), 0);
    finish(&w);
    arena_finish(&mem);
}

static void secrets_are_sealed_at_rest_from_the_next_start_on(void **state)
{
    (void)state;
    struct world w;
    struct arena mem;
    arena_init(&mem, 1 << 16);
    struct secret a = secret_make(16, &mem), b = secret_make(16, &mem);
    begin(&w);
    assert_int_equal(commit(&w, &a, &a), 0);
    assert_true(shows(&w, a.text));
    assert_int_equal(restart_with(&w, SEAL_OLD), 0);
    assert_false(shows(&w, a.text));
    assert_int_equal(commit(&w, &b, &b), 0); /* and a is written anew: it is named no more */
    assert_false(shows(&w, a.text) || shows(&w, b.text));
    assert_int_equal(restart_with(&w, NULL), ERR_DENIED);
    assert_int_equal(restart_with(&w, SEAL_NEW), ERR_DENIED);
    assert_int_equal(restart_with(&w, SEAL_NEW "\n" SEAL_OLD), 0); /* rotated */
    assert_int_equal(restart_with(&w, SEAL_OLD), ERR_DENIED);
    assert_int_equal(restart_with(&w, SEAL_NEW), 0);
    assert_int_equal(commit(&w, &a, NULL), 0);
    assert_int_equal(kept(&w), 2);
    finish(&w);
    arena_finish(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_stays_as_long_as_a_version_can_be_gone_back_to),
        cmocka_unit_test(a_secret_that_is_not_known_is_not_told),
        cmocka_unit_test(secrets_are_sealed_at_rest_from_the_next_start_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
