/* SPDX-License-Identifier: MIT */

/* URLs: RFC 3986, RFC 9110 s.4.2. */
#include "lib/http/url.h"

#include "lib/base/err.h"
#include "tests/unit/lib/http/arena_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_span(struct span s, const char *expected)
{
    print_message("%.*s = %s\n", SPAN_FMT(s), expected);
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

static const struct {
    const char *text, *host, *path, *query; /* host == NULL: not a URL of ours */
    int port;
} urls[] = {
    {"http://a", "a", "/", NULL, 80},
    {"https://a.b/c?d", "a.b", "/c", "d", 443},
    {"hTTp://a:8080?", "a", "/", "", 8080},
    {"http://a:/x", "a", "/x", NULL, 80},
    {"http://[::1]:81/", "::1", "/", NULL, 81},
    {"http://%41.b/", "%41.b", "/", NULL, 80},
    {"http://192.0.2.1/", "192.0.2.1", "/", NULL, 80},
    {"", NULL, NULL, NULL, 0},
    {"/x", NULL, NULL, NULL, 0},
    {"http:/a", NULL, NULL, NULL, 0},
    {"http//a", NULL, NULL, NULL, 0},
    {"ftp://a/", NULL, NULL, NULL, 0},
    {"http://", NULL, NULL, NULL, 0},
    {"http:///x", NULL, NULL, NULL, 0},
    {"http://:80/", NULL, NULL, NULL, 0},
    {"http://u@a/", NULL, NULL, NULL, 0},
    {"http://u:p@a/", NULL, NULL, NULL, 0},
    {"http://a/#f", NULL, NULL, NULL, 0},
    {"http://a#f", NULL, NULL, NULL, 0},
    {"http://a?b#f", NULL, NULL, NULL, 0},
    {"http://a:0/", NULL, NULL, NULL, 0},
    {"http://a:65536/", NULL, NULL, NULL, 0},
    {"http://a:+1/", NULL, NULL, NULL, 0},
    {"http://a:18446744073709551696/", NULL, NULL, NULL, 0},
    {"http://a b/", NULL, NULL, NULL, 0},
    {"http://a%4/", NULL, NULL, NULL, 0},
    {"http://[::1/", NULL, NULL, NULL, 0},
    {"http://[::1]a/", NULL, NULL, NULL, 0},
    {"http://[::g]/", NULL, NULL, NULL, 0},
    {"http://[127.0.0.1]/", NULL, NULL, NULL, 0},
    {"http://[fe80::1%25eth0]/", NULL, NULL, NULL, 0},
    {"http://[]/", NULL, NULL, NULL, 0},
    {"http://::1/", NULL, NULL, NULL, 0},
    {"http://a/%", NULL, NULL, NULL, 0},
    {"http://a/ b", NULL, NULL, NULL, 0},
    {"http://a/\xc3\xa9", NULL, NULL, NULL, 0},
};

static void takes_urls_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct url url;
        print_message("%s\n", urls[i].text);
        int err = url_parse(span_of(urls[i].text), &url);
        assert_int_equal(err, urls[i].host != NULL ? 0 : ERR_SYNTAX);
        if (err != 0)
            continue;
        assert_span(url.host, urls[i].host);
        assert_span(url.path, urls[i].path);
        assert_int_equal(url.port, urls[i].port);
        assert_int_equal(url.query.p != NULL, urls[i].query != NULL);
        if (urls[i].query != NULL)
            assert_span(url.query, urls[i].query);
    }
}

/* RFC 3986 s.5.2.4 and s.6.2.2; NULL: already normal, the input itself comes back. */
static const struct {
    const char *path, *normal;
} paths[] = {
    {"/a/b", NULL},
    {"/", NULL},
    {"*", NULL},
    {"", NULL},
    {"//a//", NULL},
    {"/a.b/..c/c..", NULL},
    {"/.well-known/x", NULL},
    {"/a/./b", "/a/b"},
    {"/a/../b", "/b"},
    {"/a/b/..", "/a/"},
    {"/a/b/.", "/a/b/"},
    {"/..", "/"},
    {"/../../a", "/a"},
    {"/a/b/c/./../../g", "/a/g"},
    {"/a//../b", "/a/b"},
    {"/%2e%2E/a", "/a"},
    {"/a/%2e/b", "/a/b"},
    {"/%7euser", "/~user"},
    {"/%41%2d%5F", "/A-_"},
    {"/a%2fb%2F..", "/a%2Fb%2F.."},
    {"/%e2%82%ac", "/%E2%82%AC"},
    {"/%252e", NULL},
    {"/%3f%23%00", "/%3F%23%00"},
    {"/100%", NULL},
    {"/%4", NULL},
    {"/%zz", NULL},
    {"/./%e%42e", NULL}, /* decoding %42 would make an escape of what was none */
};

static void normalises_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct span path = span_of(paths[i].path), normal = url_normal_path(path, &mem);
        if (paths[i].normal == NULL)
            assert_ptr_equal(normal.p, path.p);
        assert_span(normal, paths[i].normal != NULL ? paths[i].normal : paths[i].path);
        assert_ptr_equal(url_normal_path(normal, &mem).p, normal.p);
    }
}

static void decodes_for_file_names(void **state)
{
    (void)state;
    struct span out;
    assert_int_equal(url_decode(SPAN("/a%20b%C3%a9%25"), &mem, &out), 0);
    assert_span(out, "/a b\xc3\xa9%");
    assert_int_equal(url_decode(SPAN("/plain+x"), &mem, &out), 0);
    assert_span(out, "/plain+x");
    assert_int_equal(url_decode(SPAN("/a%2Fb"), &mem, &out), ERR_SYNTAX);
    assert_int_equal(url_decode(SPAN("/a%2fb"), &mem, &out), ERR_SYNTAX);
    assert_int_equal(url_decode(SPAN("/a%00b"), &mem, &out), ERR_SYNTAX);
    assert_int_equal(url_decode(SPAN("/a\0b"), &mem, &out), ERR_SYNTAX);
    assert_int_equal(url_decode(SPAN("/a%"), &mem, &out), ERR_SYNTAX);
    assert_int_equal(url_decode(SPAN("/a%2"), &mem, &out), ERR_SYNTAX);
    assert_int_equal(url_decode(SPAN("/a%2x"), &mem, &out), ERR_SYNTAX);
}

/* RFC 3986 s.5.4, base http://a/b/c/d?q (there with ";p", which is part of the path to us). */
static const struct {
    const char *reference, *host, *target;
} references[] = {
    {"g", "a", "/b/c/g"},
    {"./g", "a", "/b/c/g"},
    {"g/", "a", "/b/c/g/"},
    {"/g", "a", "/g"},
    {"//g", "g", "/"},
    {"//g:81/x?y", "g", "/x?y"},
    {"?y", "a", "/b/c/d;p?y"},
    {"g?y", "a", "/b/c/g?y"},
    {"#s", "a", "/b/c/d;p?q"},
    {"g#s", "a", "/b/c/g"},
    {"g?y#s", "a", "/b/c/g?y"},
    {";x", "a", "/b/c/;x"},
    {"g;x=1/../y", "a", "/b/c/y"},
    {"", "a", "/b/c/d;p?q"},
    {".", "a", "/b/c/"},
    {"./", "a", "/b/c/"},
    {"..", "a", "/b/"},
    {"../g", "a", "/b/g"},
    {"../..", "a", "/"},
    {"../../g", "a", "/g"},
    {"../../../g", "a", "/g"},
    {"/../g", "a", "/g"},
    {"g..", "a", "/b/c/g.."},
    {"./../g", "a", "/b/g"},
    {"g?y/../x", "a", "/b/c/g?y/../x"},
    {"https://x/a/../b?c#d", "x", "/b?c"},
    {"http://a", "a", "/"},
    {"mailto:x", NULL, NULL},
    {"http:g", NULL, NULL}, /* a strict reader: s.5.4.2 */
    {"//u@x/", NULL, NULL},
    {"a b", NULL, NULL},
    {"%zz", NULL, NULL},
    {"?\x01", NULL, NULL},
};

static void resolves_references(void **state)
{
    (void)state;
    struct url base, out;
    assert_int_equal(url_parse(SPAN("http://a/b/c/d;p?q"), &base), 0);
    for (size_t i = 0; i < ARRAY_LEN(references); i++) {
        print_message("%s\n", references[i].reference);
        int err = url_resolve(&base, span_of(references[i].reference), &mem, &out);
        assert_int_equal(err, references[i].host != NULL ? 0 : ERR_SYNTAX);
        if (err != 0)
            continue;
        assert_span(out.host, references[i].host);
        assert_span(url_target(out.path, out.query, &mem), references[i].target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_urls_apart),
        cmocka_unit_test(normalises_once),
        cmocka_unit_test(decodes_for_file_names),
        cmocka_unit_test(resolves_references),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
