/* SPDX-License-Identifier: MIT */
#include "origin/connect/manifest.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static void names_keep_to_what_a_path_and_a_key_can_hold(void **state)
{
    (void)state;
    static const char *const good[] = {"game", "game/1.4.0", "a-b_c/D.9", "x/y/z"};
    static const char *const bad[] = {"",       "/game", "game/", "a//b", ".",       "a/..",
                                      "a/.b/c", "a b",   "a%2fb", "a?b",  "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(manifest_name_is_valid(span_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(manifest_name_is_valid(span_of(bad[i])));
}

static void a_manifests_place_tells_its_name(void **state)
{
    (void)state;
    struct arena mem;
    arena_init(&mem, 4096);
    struct span path = manifest_path(SPAN("game/1.4.0"), &mem);
    assert_true(span_eq(path, SPAN("/.byeori/releases/game/1.4.0.json")));
    assert_true(span_eq(manifest_name_of(path), SPAN("game/1.4.0")));
    assert_int_equal(manifest_name_of(SPAN("/.byeori/releases/.json")).n, 0);
    assert_int_equal(manifest_name_of(SPAN("/.byeori/releases/a")).n, 0);
    assert_int_equal(manifest_name_of(SPAN("/.byeori/objects/a.json")).n, 0);
    arena_finish(&mem);
}

static void an_object_lies_under_its_digest(void **state)
{
    (void)state;
    uint8_t sha256[DIGEST_SHA256_BYTES];
    char path[MANIFEST_OBJECT_BYTES + 1];
    digest_sha256(SPAN("abc"), sha256);
    manifest_object_path(sha256, path);
    assert_string_equal(path, "/.byeori/objects/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9c"
                              "b410ff61f20015ad");
}

static int read_text(const char *text)
{
    struct manifest m = {.count = 0};
    struct buf why;
    buf_init(&why, 256);
    int err = manifest_read(&m, span_of(text), &why);
    assert_true(err == 0 || why.n > 0);
    manifest_finish(&m);
    buf_finish(&why);
    return err;
}

#define HASH "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""
#define HEAD "{\"version\":1,\"release\":\"a\",\"published\":1,\"block_bytes\":4,\"files\":["

static void what_a_manifest_says_must_fit_together(void **state)
{
    (void)state;
    assert_int_equal(read_text(HEAD "]}"), 0);
    assert_int_equal(read_text(HEAD "{\"path\":\"/a\",\"size\":5,\"sha256\":" HASH
                                    ",\"blocks\":[" HASH "," HASH "]}]}"),
                     0);
    assert_int_equal(
        read_text(HEAD "{\"path\":\"/a\",\"size\":5,\"sha256\":" HASH ",\"blocks\":[" HASH "]}]}"),
        ERR_SYNTAX);
    assert_int_equal(read_text(HEAD "{\"path\":\"a\",\"size\":0,\"sha256\":" HASH "}]}"),
                     ERR_SYNTAX);
    assert_int_equal(read_text(HEAD "{\"path\":\"/a\",\"size\":0,\"sha256\":\"00\"}]}"),
                     ERR_SYNTAX);
    static const char piece[] = "\"da39a3ee5e6b4b0d3255bfef95601890afd80709\"";
    char text[1024];
    for (int pieces = 0; pieces <= 3;
         pieces++) { /* of a release of 5 bytes: 2 of 4 bytes, or none */
        int n = snprintf(text, sizeof text,
                         HEAD "{\"path\":\"/a\",\"size\":5,\"sha256\":" HASH "}],\"pieces\":[");
        for (int i = 0; i < pieces; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, "%s%s", i > 0 ? "," : "", piece);
        snprintf(text + n, sizeof text - (size_t)n, "]}");
        assert_int_equal(read_text(text), pieces == 0 || pieces == 2 ? 0 : ERR_SYNTAX);
    }
    assert_int_equal(read_text("{\"version\":2,\"release\":\"a\",\"block_bytes\":4}"), ERR_VERSION);
    assert_int_equal(read_text("{"), ERR_SYNTAX);
}

static void deltas_are_known_by_their_names(void **state)
{
    (void)state;
    assert_true(
        manifest_is_delta(SPAN("/a.dcz-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca49599"
                               "1b7852b855")));
    assert_false(manifest_is_delta(SPAN("/a.dcz-e3b0")));
    assert_false(manifest_is_delta(SPAN("/a.dcz")));
    assert_true(manifest_has_pieces(16384) && manifest_has_pieces(1 << 20));
    assert_false(manifest_has_pieces(8192) || manifest_has_pieces(3 << 14));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_keep_to_what_a_path_and_a_key_can_hold),
        cmocka_unit_test(a_manifests_place_tells_its_name),
        cmocka_unit_test(an_object_lies_under_its_digest),
        cmocka_unit_test(what_a_manifest_says_must_fit_together),
        cmocka_unit_test(deltas_are_known_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
