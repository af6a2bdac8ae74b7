/* SPDX-License-Identifier: MIT */
#include "origin/serve/companions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const char *const all[] = {"gz", "br", "zst", "dcz"};
static const struct field_rule every = {.pattern = "*", .companions = {all, 4}};
/* SHA-256 of "abc", as a structured field's bytes. */
#define DICTIONARY ":ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:"
#define SUFFIX     ".dcz-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* The suffixes that a client gets to try, in their order, joined by spaces; "-" is the file. */
static void chosen(const char *accept, const char *dictionary, const char *wanted)
{
    struct arena mem;
    struct fields fs;
    struct companion out[COMPANIONS_MAX];
    struct span text = SPAN("");
    arena_init(&mem, 65536);
    fields_init(&fs, &mem);
    if (accept != NULL)
        fields_add(&fs, FIELD_ACCEPT_ENCODING, span_of(accept));
    if (dictionary != NULL)
        fields_add_named(&fs, SPAN("Available-Dictionary"), span_of(dictionary));
    int count = companions_choose(&every, &fs, out);
    for (int i = 0; i < count; i++) {
        struct span suffix = out[i].suffix.n > 0 ? out[i].suffix : SPAN("-");
        text = arena_printf(&mem, "%.*s%s%.*s", SPAN_FMT(text), i > 0 ? " " : "", SPAN_FMT(suffix));
    }
    assert_string_equal(arena_cstr(&mem, text), wanted);
    arena_finish(&mem);
}

static void what_a_client_takes_decides_and_then_the_size(void **state)
{
    (void)state;
    chosen(NULL, NULL, "-");
    chosen("gzip, br, zstd", NULL, ".zst .br .gz -");
    chosen("gzip;q=0.9, zstd;q=0.1", NULL, ".gz .zst -");
    chosen("zstd;q=0, gzip", NULL, ".gz -");
    chosen("identity, gzip;q=0.5", NULL, "- .gz");
    chosen("zstd;q=bad", NULL, "-");
}

static void a_delta_needs_its_dictionary(void **state)
{
    (void)state;
    chosen("dcz, zstd", DICTIONARY, SUFFIX " .zst -");
    chosen("dcz, zstd", NULL, ".zst -");
    chosen("zstd", DICTIONARY, ".zst -");
    chosen("dcz", ":AAAA:", "-");
    chosen("dcz", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", "-");
    chosen("dcz", ":!!!!v48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:", "-");
}

static void answers_tell_what_they_depend_on(void **state)
{
    (void)state;
    static const char *const one[] = {"gz"};
    struct field_rule gz = {.pattern = "*", .companions = {one, 1}}, none = {.pattern = "*"};
    assert_true(span_eq(companions_vary(&every), SPAN("Accept-Encoding, Available-Dictionary")));
    assert_true(span_eq(companions_vary(&gz), SPAN("Accept-Encoding")));
    assert_int_equal(companions_vary(&none).n, 0);
    assert_int_equal(companions_vary(NULL).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_client_takes_decides_and_then_the_size),
        cmocka_unit_test(a_delta_needs_its_dictionary),
        cmocka_unit_test(answers_tell_what_they_depend_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
