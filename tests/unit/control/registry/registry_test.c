/* SPDX-License-Identifier: MIT */
#include "control/registry/registry.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct node_spec seoul = {.id = {"seoul", 5}, .weight = 1, .price_class = 1};
static const struct heartbeat beat = {.node = {"seoul", 5},
                                      .boot = {"b1", 2},
                                      .http_url = {"http://a", 8},
                                      .purge_log = {"log", 3},
                                      .purge_seq = 7};

static struct registry *registry_with_seoul(struct registry_view *view)
{
    struct registry *r = registry_create(&health_rules_default);
    registry_put(r, &seoul);
    registry_view_init(view, r);
    return r;
}

static const struct picture_node *seen(struct registry_view *view)
{
    return picture_node_named(registry_view_now(view), SPAN("seoul"));
}

static void finish(struct registry **r, struct registry_view *view)
{
    registry_view_finish(view);
    registry_destroy(r);
}

static void a_heartbeat_gives_the_url_that_the_record_does_not(void **state)
{
    (void)state;
    struct registry_view view;
    struct registry *r = registry_with_seoul(&view);
    assert_int_equal(seen(&view)->spec.http_url.n, 0);
    assert_int_equal(registry_beat(r, &beat, 1000, 5000), 0);
    assert_true(span_eq(seen(&view)->spec.http_url, SPAN("http://a")));
    assert_int_equal(seen(&view)->health, HEALTH_UP);
    struct node_spec put = seoul;
    put.http_url = SPAN("http://b");
    registry_put(r, &put);
    assert_true(span_eq(seen(&view)->spec.http_url, SPAN("http://b")));
    finish(&r, &view);
}

static void an_unknown_node_is_not_taken_in(void **state)
{
    (void)state;
    struct registry_view view;
    struct registry *r = registry_with_seoul(&view);
    struct heartbeat stranger = beat;
    stranger.node = SPAN("stranger");
    assert_int_equal(registry_beat(r, &stranger, 1000, 5000), ERR_NOT_FOUND);
    assert_int_equal(registry_view_now(&view)->node_count, 1);
    finish(&r, &view);
}

static void an_old_picture_lives_as_long_as_it_is_held(void **state)
{
    (void)state;
    struct registry_view view;
    struct registry *r = registry_with_seoul(&view);
    registry_view_now(&view);
    struct picture *old = picture_ref(view.held);
    registry_set_mode(r, SPAN("seoul"), NODE_DRAIN);
    assert_int_equal(seen(&view)->mode, NODE_DRAIN);
    assert_int_equal(old->nodes[0].mode, NODE_AUTO);
    assert_true(view.held->version > old->version);
    picture_unref(&old);
    finish(&r, &view);
}

static void what_was_known_is_known_again(void **state)
{
    (void)state;
    struct state *s = state_memory_create(-1);
    struct registry_view view;
    struct registry *r = registry_with_seoul(&view);
    struct arena mem;
    struct state_change changes[4];
    arena_init(&mem, 1 << 20);
    registry_set_mode(r, SPAN("seoul"), NODE_DRAIN);
    assert_int_equal(registry_beat(r, &beat, 1000, 5000), 0);
    size_t count = registry_seen_changes(r, changes, 4, &mem);
    assert_int_equal(count, 1);
    assert_int_equal(registry_seen_changes(r, changes, 4, &mem), 0);
    assert_int_equal(state_commit(s, changes, count), 0);
    finish(&r, &view);

    r = registry_create(&health_rules_default);
    registry_view_init(&view, r);
    assert_int_equal(registry_load(r, s, 100), 0);
    const struct picture_node *n = seen(&view);
    assert_int_equal(n->mode, NODE_DRAIN);
    assert_int_equal(n->health, HEALTH_UP);
    assert_true(span_eq(n->spec.http_url, SPAN("http://a")));
    struct registry_position *positions;
    assert_int_equal(registry_positions(r, &positions, &mem), 1);
    assert_int_equal(positions[0].purge_seq, 7);
    assert_true(positions[0].is_heard);
    finish(&r, &view);
    arena_finish(&mem);
    state_close(&s);
}

static void the_file_stands_before_the_api_and_what_leaves_it_is_gone(void **state)
{
    (void)state;
    struct buf why;
    struct registry_view view;
    struct registry *r = registry_create(&health_rules_default);
    struct span hosts[] = {SPAN("a.example"), SPAN("*.b.example")};
    struct site_doc doc = {.name = SPAN("games"), .hosts = {hosts, 2}};
    struct registry_file file = {&seoul, 1, &doc, 1};
    buf_init(&why, 512);
    registry_view_init(&view, r);
    registry_set_file(r, &file);
    assert_int_equal(registry_may_put(r, SPAN("seoul"), &why), ERR_EXISTS);
    assert_int_equal(registry_may_put(r, SPAN("busan"), &why), 0);
    const struct picture *p = registry_view_now(&view);
    assert_true(span_eq(picture_site(p, SPAN("a.example")), SPAN("games")));
    assert_true(span_eq(picture_site(p, SPAN("x.y.b.example")), SPAN("games")));
    assert_null(picture_site(p, SPAN("b.example")).p);
    assert_null(picture_site(p, SPAN("x.a.example")).p);
    doc.name = SPAN("other");
    assert_int_equal(registry_may_put_site(r, &doc, &why), ERR_EXISTS);
    registry_set_file(r, &(struct registry_file){0});
    assert_int_equal(registry_view_now(&view)->node_count, 0);
    assert_null(picture_site(registry_view_now(&view), SPAN("a.example")).p);
    buf_finish(&why);
    finish(&r, &view);
}

static void a_node_is_checked(void **state)
{
    (void)state;
    static const struct {
        struct node_spec spec;
        const char *begins;
    } rows[] = {
        {{.id = {"a", 1}, .weight = 1, .price_class = 1}, ""},
        {{.id = {"a", 1}, .weight = 0}, "weight"},
        {{.id = {"a", 1}, .weight = -1}, "weight"},
        {{.id = {"", 0}, .weight = 1, .price_class = 1}, "id"},
        {{.id = {"a/b", 3}, .weight = 1, .price_class = 1}, "id"},
        {{.id = {"a", 1}, .weight = 1, .price_class = 1, .http_url = {"http://h:80/p", 13}}, ""},
        {{.id = {"a", 1}, .weight = 1, .price_class = 1, .http_url = {"https://h", 9}}, "http_url"},
        {{.id = {"a", 1}, .weight = 1, .price_class = 1, .http_url = {"http://h/", 9}}, "http_url"},
        {{.id = {"a", 1}, .weight = 1, .price_class = 1, .http_url = {"http://u@h", 10}},
         "http_url"},
        {{.id = {"a", 1}, .weight = 1, .price_class = 1, .http_url = {"http://h\r\n", 10}},
         "http_url"},
        {{.id = {"a", 1}, .weight = 1, .price_class = 1, .http_url = {"http://", 7}}, "http_url"},
        {{.id = {"a", 1}, .weight = 1, .price_class = 1, .has_point = true, .lat = 90.1}, "lat"},
        {{.id = {"a", 1}, .weight = 1, .price_class = 1, .has_point = true, .lon = -180.1}, "lat"},
        {{.id = {"a", 1}, .weight = 1, .price_class = 1, .country = {"K1", 2}}, "country"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *fault = node_check(&rows[i].spec);
        if (rows[i].begins[0] == '\0' ? fault[0] != '\0' : strstr(fault, rows[i].begins) != fault)
            fail_msg("row %zu: \"%s\"", i, fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heartbeat_gives_the_url_that_the_record_does_not),
        cmocka_unit_test(an_unknown_node_is_not_taken_in),
        cmocka_unit_test(an_old_picture_lives_as_long_as_it_is_held),
        cmocka_unit_test(what_was_known_is_known_again),
        cmocka_unit_test(the_file_stands_before_the_api_and_what_leaves_it_is_gone),
        cmocka_unit_test(a_node_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
