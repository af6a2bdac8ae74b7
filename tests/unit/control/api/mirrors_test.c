/* SPDX-License-Identifier: MIT */
#include "control/api/mirrors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct picture_node nodes[] = {
    {.spec = {.http_url = {"http://a:8080", 13},
              .https_url = {"https://a", 9},
              .country = {"KR", 2}}},
    {.spec = {.https_url = {"https://b/x", 11}}},
    {.spec = {.http_url = {"http://c", 8}, .country = {"JP", 2}}},
};
static const struct decide_verdict verdict = {
    .count = 3,
    .v = {{.node = &nodes[0], .standing = STANDING_FULL},
          {.node = &nodes[1], .standing = 0},
          {.node = &nodes[2], .standing = STANDING_FULL + 1}},
};

static void is_completed(const char *document, bool is_https, const char *expected)
{
    struct mirrors_spec spec = {&verdict, SPAN("dl.example"), is_https};
    struct buf out;
    buf_init(&out, 65536);
    mirrors_complete(&spec, span_of(document), &out);
    assert_int_equal(out.n, strlen(expected));
    assert_memory_equal(out.p, expected, out.n);
    buf_finish(&out);
}

static void each_mark_becomes_the_edges_that_are_as_able_as_the_first(void **state)
{
    (void)state;
    is_completed("<a><?byeori-mirrors /x&y?><url/></a><?byeori-mirrors /z?>", false,
                 "<a><url priority=\"1\" location=\"kr\">http://a:8080/dl.example/x&amp;y</url>\n"
                 "<url priority=\"2\">https://b/x/dl.example/x&amp;y</url>\n<url/></a>"
                 "<url priority=\"1\" location=\"kr\">http://a:8080/dl.example/z</url>\n"
                 "<url priority=\"2\">https://b/x/dl.example/z</url>\n");
    is_completed("<?byeori-mirrors /z?>", true,
                 "<url priority=\"1\" location=\"kr\">https://a/dl.example/z</url>\n"
                 "<url priority=\"2\">https://b/x/dl.example/z</url>\n");
}

static void what_is_no_mark_stays(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "<a/>", "<?byeori-mirrors ", "<?byeori-mirrors /x",
                                        "<?byeori-mirror /x?>"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        is_completed(texts[i], false, texts[i]);
    assert_true(mirrors_has_mark(SPAN("x<?byeori-mirrors ")));
    assert_false(mirrors_has_mark(SPAN("<?byeori-mirrors")));
}

static void links_name_the_other_edges(void **state)
{
    (void)state;
    static struct steer s;
    struct arena mem;
    arena_init(&mem, 65536);
    struct request_head r = {.path = SPAN("/x"), .query = SPAN("v=1"), .scheme = SCHEME_HTTP};
    struct fields answer;
    fields_init(&r.fields, &mem);
    fields_init(&answer, &mem);
    assert_false(mirrors_are_wanted(&r));
    fields_add(&r.fields, FIELD_ACCEPT, SPAN("*/*,application/metalink4+xml"));
    assert_true(mirrors_are_wanted(&r));
    s.verdict = verdict;
    mirrors_links(&s, &r, SPAN("dl.example"), &answer);
    assert_int_equal(answer.count, 2);
    assert_true(span_eq(answer.v[0].value,
                        SPAN("<http://a:8080/dl.example/x?v=1>; rel=duplicate; pri=1; geo=kr")));
    assert_true(
        span_eq(answer.v[1].value, SPAN("<https://b/x/dl.example/x?v=1>; rel=duplicate; pri=2")));
    arena_finish(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mark_becomes_the_edges_that_are_as_able_as_the_first),
        cmocka_unit_test(what_is_no_mark_stays),
        cmocka_unit_test(links_name_the_other_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
