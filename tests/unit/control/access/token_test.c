/* SPDX-License-Identifier: MIT */
#include "control/access/token.h"

#include "lib/codec/json_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct token token_named(const char *name, unsigned rights, char text[TOKEN_TEXT_BYTES + 1])
{
    struct token t = {.rights = rights, .by = "operator", .at_wall_ms = 1000};
    snprintf(t.name, sizeof t.name, "%s", name);
    token_make(&t, text);
    return t;
}

static bool is_known(struct tokens *all, const char *text, struct token *out)
{
    uint8_t digest[DIGEST_SHA256_BYTES];
    digest_sha256(span_of(text), digest);
    return tokens_find(all, digest, out);
}

static void commit(struct tokens *all, struct state *s, const struct token *t)
{
    struct arena mem;
    arena_init(&mem, 1 << 16);
    struct state_change c = tokens_change(span_of(t->name), t, &mem);
    assert_int_equal(state_commit(s, &c, 1), 0);
    tokens_put(all, t);
    arena_finish(&mem);
}

static bool holds_text(void *ctx, struct span key, struct span value)
{
    (void)key;
    for (size_t i = 0; i + TOKEN_TEXT_BYTES <= value.n; i++)
        assert_memory_not_equal(value.p + i, ctx, TOKEN_TEXT_BYTES);
    return true;
}

static void a_token_outlives_a_restart_as_a_digest_only(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_BYTES + 1], other[TOKEN_TEXT_BYTES + 1];
    struct state *s = state_memory_create(-1);
    struct tokens *all = tokens_create();
    struct token t = token_named("ci", TOKEN_PURGE, text), found;
    struct token n = token_named("edge", TOKEN_NODE, other);
    snprintf(n.node, sizeof n.node, "seoul-1");
    commit(all, s, &t);
    commit(all, s, &n);
    tokens_destroy(&all);
    all = tokens_create();
    assert_int_equal(tokens_load(all, s), 0);
    assert_true(is_known(all, text, &found));
    assert_string_equal(found.name, "ci");
    assert_int_equal(found.rights, TOKEN_PURGE);
    assert_int_equal(found.at_wall_ms, 1000);
    assert_true(is_known(all, other, &found));
    assert_string_equal(found.node, "seoul-1");
    assert_false(is_known(all, "byt_0", &found));
    assert_int_equal(state_each(s, STATE_TOKEN, SPAN_NONE, holds_text, text), 0);
    tokens_destroy(&all);
    state_close(&s);
}

static void a_token_of_the_same_name_replaces_the_old_one(void **state)
{
    (void)state;
    char old_text[TOKEN_TEXT_BYTES + 1], new_text[TOKEN_TEXT_BYTES + 1];
    struct tokens *all = tokens_create();
    struct token a = token_named("x", TOKEN_READ, old_text), found;
    struct token b = token_named("x", TOKEN_ADMIN, new_text);
    tokens_put(all, &a);
    tokens_put(all, &b);
    assert_false(is_known(all, old_text, &found));
    assert_true(is_known(all, new_text, &found));
    tokens_take_out(all, SPAN("x"));
    assert_false(is_known(all, new_text, &found));
    assert_false(tokens_has(all, SPAN("x")));
    tokens_destroy(&all);
}

static void admin_includes_reading_and_purging_and_nothing_includes_nodes(void **state)
{
    (void)state;
    struct token admin = {.rights = TOKEN_ADMIN}, purge = {.rights = TOKEN_PURGE};
    assert_true(token_has(&admin, TOKEN_READ) && token_has(&admin, TOKEN_PURGE));
    assert_false(token_has(&admin, TOKEN_NODE));
    assert_false(token_has(&purge, TOKEN_READ) || token_has(&purge, TOKEN_ADMIN));
    assert_true(token_has(&purge, TOKEN_READ | TOKEN_PURGE));
    assert_int_equal(token_right_of(SPAN("node")), 0);
    assert_int_equal(token_right_of(SPAN("read")), TOKEN_READ);
}

static void a_damaged_fact_opens_nothing(void **state)
{
    (void)state;
    struct state *s = state_memory_create(-1);
    struct tokens *all = tokens_create();
    struct token found;
    const struct state_change changes[] = {
        {STATE_TOKEN, SPAN("a"), SPAN("{\"rights\":[\"admin\"],\"sha256\":\"00\"}")},
        {STATE_TOKEN, SPAN("b"), SPAN("no JSON")},
        {STATE_TOKEN, SPAN("c"), SPAN("{\"rights\":[\"admin\"]}")},
    };
    assert_int_equal(state_commit(s, changes, ARRAY_LEN(changes)), 0);
    assert_int_equal(tokens_load(all, s), 0);
    assert_false(tokens_has(all, SPAN("a")) || tokens_has(all, SPAN("b")) ||
                 tokens_has(all, SPAN("c")));
    uint8_t zero[DIGEST_SHA256_BYTES] = {0};
    assert_false(tokens_find(all, zero, &found));
    tokens_destroy(&all);
    state_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_outlives_a_restart_as_a_digest_only),
        cmocka_unit_test(a_token_of_the_same_name_replaces_the_old_one),
        cmocka_unit_test(admin_includes_reading_and_purging_and_nothing_includes_nodes),
        cmocka_unit_test(a_damaged_fact_opens_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
