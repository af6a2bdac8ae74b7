/* SPDX-License-Identifier: MIT */
#include "origin/serve/field_rules.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const char *const two_tags[] = {"game", "music"};
static struct field_rule rules_v[] = {
    {.pattern = "/wesnoth/v*/*",
     .line = 1,
     .cache_control = "max-age=31536000, immutable",
     .tags = {two_tags, 2},
     .content_type = "",
     .dictionary = ""},
    {.pattern = "*.dat",
     .line = 2,
     .cache_control = "",
     .content_type = "application/x-dat",
     .dictionary = ""},
    {.pattern = "*",
     .line = 3,
     .cache_control = "max-age=60",
     .content_type = "",
     .dictionary = ""},
};
static const struct option_records rules = {rules_v, ARRAY_LEN(rules_v)};

static void has(const char *path, enum field_id id, const char *wanted)
{
    struct arena mem;
    struct fields fs;
    arena_init(&mem, 65536);
    fields_init(&fs, &mem);
    field_rules_add(field_rules_of(&rules, span_of(path)), span_of(path), SPAN_NONE, &fs);
    struct span value = fields_value(&fs, id);
    if (wanted == NULL) {
        assert_null(value.p);
    } else {
        assert_true(span_eq(value, span_of(wanted)));
    }
    arena_finish(&mem);
}

static void the_first_rule_that_fits_decides(void **state)
{
    (void)state;
    has("/wesnoth/v1.16/a.dat", FIELD_CACHE_CONTROL, "max-age=31536000, immutable");
    has("/wesnoth/v1.16/deep/down/a.ogg", FIELD_CACHE_TAG, "game, music");
    has("/other/a.dat", FIELD_CACHE_CONTROL, NULL);
    has("/other/a.txt", FIELD_CACHE_CONTROL, "max-age=60");
    has("/other/a.txt", FIELD_CACHE_TAG, NULL);
}

static void the_type_is_the_rules_or_the_endings(void **state)
{
    (void)state;
    has("/a.dat", FIELD_CONTENT_TYPE, "application/x-dat");
    has("/wesnoth/v1.16/a.OGG", FIELD_CONTENT_TYPE, "audio/ogg");
    has("/a.unheard-of", FIELD_CONTENT_TYPE, "application/octet-stream");
    has("/no-ending", FIELD_CONTENT_TYPE, "application/octet-stream");
    has("/.png", FIELD_CONTENT_TYPE, "image/png");
}

static void a_pattern_or_value_that_cannot_be_is_told_with_its_line(void **state)
{
    (void)state;
    static const char *const comma[] = {"a,b"};
    struct field_rule bad[] = {
        {.pattern = "music/*",
         .line = 7,
         .cache_control = "",
         .content_type = "",
         .dictionary = ""},
        {.pattern = "/a",
         .line = 9,
         .cache_control = "max-age=1\r\nX: y",
         .content_type = "",
         .dictionary = ""},
        {.pattern = "/b",
         .line = 11,
         .cache_control = "",
         .tags = {comma, 1},
         .content_type = "",
         .dictionary = ""},
    };
    struct buf why;
    buf_init(&why, 4096);
    assert_int_equal(field_rules_check(&(struct option_records){bad, 3}, "o.conf", &why),
                     ERR_CONFIG);
    buf_add_char(&why, 0);
    assert_non_null(strstr(why.p, "o.conf:7: rule \"music/*\": a pattern starts with / or *"));
    assert_non_null(strstr(why.p, "o.conf:9: rule \"/a\""));
    assert_non_null(strstr(why.p, "o.conf:11: rule \"/b\""));
    buf_finish(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_fits_decides),
        cmocka_unit_test(the_type_is_the_rules_or_the_endings),
        cmocka_unit_test(a_pattern_or_value_that_cannot_be_is_told_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
