/* SPDX-License-Identifier: MIT */
#include "origin/connect/mirror_doc.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define OLD "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static uint8_t blocks[2][DIGEST_SHA256_BYTES] = {{0x11}, {0x22}};
static uint8_t pieces[2][DIGEST_SHA1_BYTES] = {"aaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbb"};
static struct manifest_file files[] = {
    {.path = {"/d/a&b <1>.bin", 14},
     .size_bytes = 20000,
     .sha256 = {0xab},
     .blocks = blocks,
     .pieces = pieces,
     .block_count = 2},
    {.path = {"/d/a.bin.dcz-" OLD, 77}, .size_bytes = 10, .blocks = blocks, .block_count = 1},
    {.path = {"/none", 5}, .size_bytes = 0},
};
static const struct manifest release = {.name = {"game/1.4", 8},
                                        .published = 1767225600,
                                        .block_bytes = 16384,
                                        .files = files,
                                        .count = 3,
                                        .pieces = pieces,
                                        .piece_count = 2};
static const char *const urls[] = {"http://dl.example", "https://b.example/x"};
static const char *const trackers[] = {"http://t.example/announce"};
static const struct mirror_options options = {{urls, 2}, {trackers, 1}};
static const struct mirror_options no_trackers = {{urls, 1}, {NULL, 0}};

static bool has(const struct buf *out, const char *text)
{
    return memmem(out->p, out->n, text, strlen(text)) != NULL;
}

static void a_metalink_names_the_file_its_blocks_and_where_it_is(void **state)
{
    (void)state;
    struct mirror_doc d = {&options, &release, &files[0]};
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(metalink_write(&d, &out), 0);
    assert_true(has(&out, "<published>2026-01-01T00:00:00.000Z</published>"));
    assert_true(has(&out, "<file name=\"a&amp;b &lt;1&gt;.bin\">\n<size>20000</size>\n"
                          "<hash type=\"sha-256\">ab000000"));
    assert_true(has(&out, "<pieces length=\"16384\" type=\"sha-256\">\n<hash>11000000"));
    assert_true(has(&out, "<?byeori-mirrors /game/1.4/d/a%26b%20%3C1%3E.bin?>\n"
                          "<url priority=\"1000\">http://dl.example/game/1.4/d/"
                          "a%26b%20%3C1%3E.bin</url>\n"
                          "<url priority=\"1001\">https://b.example/x/game/1.4/d/"));
    buf_finish(&out);
}

static void a_metalink_of_a_release_has_all_files_but_deltas(void **state)
{
    (void)state;
    struct mirror_doc d = {&options, &release, NULL};
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(metalink_write(&d, &out), 0);
    assert_true(has(&out, "<file name=\"d/a&amp;b") && has(&out, "<file name=\"none\">"));
    assert_false(has(&out, "dcz-"));
    buf_finish(&out);
    buf_init(&out, 100);
    assert_int_equal(metalink_write(&d, &out), ERR_TOO_BIG);
    buf_finish(&out);
}

static void a_torrent_of_a_file_has_its_pieces_and_web_seeds(void **state)
{
    (void)state;
    struct mirror_doc d = {&options, &release, &files[0]};
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(torrent_write(&d, &out), 0);
    static const char expected[] =
        "d8:announce25:http://t.example/announce13:announce-listll25:http://t.example/announceee"
        "10:created by6:byeori13:creation datei1767225600e4:infod6:lengthi20000e4:name11:a&b "
        "<1>.bin"
        "12:piece lengthi16384e6:pieces40:aaaaaaaaaaaaaaaaaaa\0bbbbbbbbbbbbbbbbbbb\0e"
        "8:url-listl48:http://dl.example/game/1.4/d/a%26b%20%3C1%3E.bin"
        "50:https://b.example/x/game/1.4/d/a%26b%20%3C1%3E.binee";
    assert_int_equal(out.n, sizeof expected - 1);
    assert_memory_equal(out.p, expected, out.n);
    buf_finish(&out);
}

static void a_torrent_of_a_release_has_the_files_below_its_last_name(void **state)
{
    (void)state;
    struct mirror_doc d = {&no_trackers, &release, NULL};
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(torrent_write(&d, &out), 0);
    assert_true(has(&out, "d10:created by"));
    assert_true(has(&out, "4:infod5:filesld6:lengthi20000e4:pathl1:d11:a&b <1>.bineed6:lengthi0e4:"
                          "pathl4:noneeee4:name3:1.4"));
    assert_true(has(&out, "8:url-listl23:http://dl.example/game/ee"));
    buf_finish(&out);
}

static void what_was_not_hashed_for_it_has_no_torrent(void **state)
{
    (void)state;
    struct mirror_doc d = {&options, &release, &files[2]};
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(torrent_write(&d, &out), ERR_NOT_FOUND);
    d.file = &files[1];
    assert_int_equal(torrent_write(&d, &out), ERR_NOT_FOUND);
    assert_int_equal(out.n, 0);
    buf_finish(&out);
}

static void documents_are_known_by_their_ending(void **state)
{
    (void)state;
    struct span stem;
    assert_int_equal(mirror_kind_of(SPAN("/a/b.pak.meta4"), &stem), MIRROR_METALINK);
    assert_true(span_eq(stem, SPAN("/a/b.pak")));
    assert_int_equal(mirror_kind_of(SPAN(".torrent"), &stem), MIRROR_TORRENT);
    assert_int_equal(stem.n, 0);
    assert_int_equal(mirror_kind_of(SPAN("/a/meta4"), &stem), MIRROR_NONE);
}

static void urls_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int wanted;
    } cases[] = {{"\nurls = {\"https://a/b\"}", 0},
                 {"\nurls = {\"dl.example\"}", ERR_CONFIG},
                 {"\nurls = {\"http://a/\"}", ERR_CONFIG},
                 {"\nurls = {\"ftp://a\"}", ERR_CONFIG},
                 {"\nurls = {\"http://a?b\"}", ERR_CONFIG}};
    struct buf why;
    buf_init(&why, 4096);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct option_config *c;
        assert_int_equal(option_load_text(&c, &mirror_section, "f", span_of(cases[i].text), &why),
                         0);
        buf_clear(&why);
        assert_int_equal(mirror_check(option_record(c), c, &why), cases[i].wanted);
        assert_int_equal(span_starts(buf_span(&why), SPAN("f:2: mirrors: ")), cases[i].wanted != 0);
        option_free(&c);
    }
    buf_finish(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_metalink_names_the_file_its_blocks_and_where_it_is),
        cmocka_unit_test(a_metalink_of_a_release_has_all_files_but_deltas),
        cmocka_unit_test(a_torrent_of_a_file_has_its_pieces_and_web_seeds),
        cmocka_unit_test(a_torrent_of_a_release_has_the_files_below_its_last_name),
        cmocka_unit_test(what_was_not_hashed_for_it_has_no_torrent),
        cmocka_unit_test(documents_are_known_by_their_ending),
        cmocka_unit_test(urls_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
