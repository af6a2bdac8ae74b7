/* SPDX-License-Identifier: MIT */
#include "lib/base/option.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* A configuration that has one of everything. */
struct site {
    const char *title;
    int line;
    struct option_texts hosts, origins;
    int64_t block_bytes;
};

struct listen {
    const char *address;
    bool is_tls;
};

struct control {
    const char *url, *token_file;
    int64_t beat_ms;
};

struct record {
    const char *node;
    int64_t workers, memory_bytes, grace_ms;
    double watermark;
    int level;
    struct option_texts servers;
    struct option_records sites, listens;
    struct control control;
};

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};

static const struct option site_options[] = {
    {"hosts", OPTION_TEXTS, offsetof(struct site, hosts), 0, 0, NULL, "Names it answers to.", {0}},
    {"origins",
     OPTION_TEXTS,
     offsetof(struct site, origins),
     0,
     0,
     "{http://a, http://b}",
     "Where it comes from.",
     {0}},
    {"block",
     OPTION_BYTES,
     offsetof(struct site, block_bytes),
     64 << 10,
     16 << 20,
     "1MiB",
     "Unit of storage.",
     {0}},
    {.name = NULL}};
static const struct option_section site_section = {
    .options = site_options,
    .record_bytes = sizeof(struct site),
    .is_titled = true,
    .title_offset_bytes = offsetof(struct site, title),
    .line_offset_bytes = offsetof(struct site, line)};

static const struct option listen_options[] = {
    {"address", OPTION_TEXT, offsetof(struct listen, address), 0, 0, NULL, "Where.", {0}},
    {"tls", OPTION_BOOL, offsetof(struct listen, is_tls), 0, 0, "false", "With TLS.", {0}},
    {.name = NULL}};
static const struct option_section listen_section = {.options = listen_options,
                                                     .record_bytes = sizeof(struct listen),
                                                     .line_offset_bytes = OPTION_NO_LINE};

static const struct option control_options[] = {
    {"url", OPTION_TEXT, offsetof(struct control, url), 0, 0, NULL, "Control plane.", {0}},
    {"token_file", OPTION_TEXT, offsetof(struct control, token_file), 0, 0, "", "Its token.", {0}},
    {"beat", OPTION_DURATION, offsetof(struct control, beat_ms), 100, 3600000, "1s", "Beat.", {0}},
    {.name = NULL}};
static const struct option_section control_section = {.options = control_options,
                                                      .record_bytes = sizeof(struct control),
                                                      .is_single = true,
                                                      .line_offset_bytes = OPTION_NO_LINE};

static const struct option root_options[] = {
    {"node", OPTION_TEXT, offsetof(struct record, node), 0, 0, "here", "Its name.", {0}},
    {"workers", OPTION_INT, offsetof(struct record, workers), 0, 256, "0", "Threads.", {0}},
    {"memory",
     OPTION_BYTES,
     offsetof(struct record, memory_bytes),
     1 << 20,
     INT64_MAX,
     "1GiB",
     "Cache.",
     {0}},
    {"grace", OPTION_DURATION, offsetof(struct record, grace_ms), 0, 0, "10s", "Grace.", {0}},
    {"watermark",
     OPTION_RATIO,
     offsetof(struct record, watermark),
     0,
     1,
     "95%",
     "Full | not.",
     {0}},
    {"level",
     OPTION_CHOICE,
     offsetof(struct record, level),
     0,
     0,
     "info",
     "Log level.",
     {.choices = levels}},
    {"servers", OPTION_TEXTS, offsetof(struct record, servers), 0, 0, "{}", "Memcached.", {0}},
    {"site",
     OPTION_SECTION,
     offsetof(struct record, sites),
     0,
     0,
     NULL,
     "A site.",
     {.section = &site_section}},
    {"listen",
     OPTION_SECTION,
     offsetof(struct record, listens),
     0,
     0,
     NULL,
     "A listener.",
     {.section = &listen_section}},
    {"control",
     OPTION_SECTION,
     offsetof(struct record, control),
     0,
     0,
     NULL,
     "The control plane.",
     {.section = &control_section}},
    {.name = NULL}};
static const struct option_section root = {.options = root_options,
                                           .record_bytes = sizeof(struct record),
                                           .line_offset_bytes = OPTION_NO_LINE};

static struct option_config *good(const char *text)
{
    struct option_config *c;
    struct buf why;
    buf_init(&why, 65536);
    int err = option_load_text(&c, &root, "edge.conf", span_of(text), &why);
    if (err != 0)
        fail_msg("refused: %.*s", SPAN_FMT(buf_span(&why)));
    assert_int_equal(why.n, 0);
    buf_finish(&why);
    return c;
}

/* text is refused with exactly these lines. */
static void refused(const char *text, const char *lines)
{
    struct option_config *c;
    struct buf why;
    buf_init(&why, 65536);
    assert_int_equal(option_load_text(&c, &root, "edge.conf", span_of(text), &why), ERR_CONFIG);
    assert_null(c);
    buf_add_char(&why, '\0');
    assert_string_equal(why.p, lines);
    buf_finish(&why);
}

static void an_empty_file_gives_every_default(void **state)
{
    (void)state;
    struct option_config *c = good("");
    const struct record *r = option_record(c);
    assert_string_equal(r->node, "here");
    assert_int_equal(r->workers, 0);
    assert_int_equal(r->memory_bytes, 1LL << 30);
    assert_int_equal(r->grace_ms, 10000);
    assert_true(r->watermark > 0.9499 && r->watermark < 0.9501);
    assert_int_equal(r->level, 2);
    assert_int_equal(r->servers.count, 0);
    assert_int_equal(r->sites.count, 0);
    assert_string_equal(r->control.url,
                        ""); /* must be given, but only in a section that is there */
    assert_int_equal(r->control.beat_ms, 1000);
    assert_string_equal(option_file(c), "edge.conf");
    option_free(&c);
    assert_null(c);
    option_free(&c);
}

static void the_line_of_each_option_that_was_given_is_kept(void **state)
{
    (void)state;
    struct option_config *c = good("node = \"a\"\nsite \"x\" {\n  hosts = {\"h\",\n    \"i\"}\n"
                                   "  block = 64KiB }\nsite \"y\" { hosts = {\"j\"} }\n");
    const struct record *r = option_record(c);
    const struct site *sites = r->sites.v;
    assert_int_equal(option_line(c, r, "node"), 1);
    assert_int_equal(option_line(c, r, "workers"), 0);
    assert_in_range(option_line(c, &sites[0], "hosts"), 3, 4);
    assert_int_equal(option_line(c, &sites[0], "block"), 5);
    assert_int_equal(option_line(c, &sites[1], "hosts"), 6);
    assert_int_equal(option_line(c, &sites[1], "block"), 0);
    option_free(&c);
}

static void every_kind_of_value_is_read(void **state)
{
    (void)state;
    struct option_config *c = good("# first\n"
                                   "node = \"seoul-1\"\n"
                                   "workers = 4  // with a comment\n"
                                   "memory = 64MiB /* and\n two lines */ grace = 0\n"
                                   "watermark = 0.5\n"
                                   "level = debug\n"
                                   "servers = {\"127.0.0.1:11211\", 10.0.0.1:11211}\n"
                                   "listen { address = 0.0.0.0:80 }\n"
                                   "listen { address = \"[::]:443\" tls = true }\n"
                                   "site \"games\" {\n"
                                   "  hosts = {\"dl.example.com\"}\n"
                                   "}\n"
                                   "site 'films' { hosts = {a} hosts += {b, c} origins = {}\n"
                                   "  block = \"2MiB\" }\n"
                                   "control { url = http://127.0.0.1:7000 beat = 5m }\n");
    const struct record *r = option_record(c);
    assert_string_equal(r->node, "seoul-1");
    assert_int_equal(r->workers, 4);
    assert_int_equal(r->memory_bytes, 64 << 20);
    assert_int_equal(r->grace_ms, 0);
    assert_true(r->watermark == 0.5);
    assert_int_equal(r->level, 3);
    assert_int_equal(r->servers.count, 2);
    assert_string_equal(r->servers.v[1], "10.0.0.1:11211");
    const struct listen *l = r->listens.v;
    assert_int_equal(r->listens.count, 2);
    assert_string_equal(l[0].address, "0.0.0.0:80");
    assert_false(l[0].is_tls);
    assert_string_equal(l[1].address, "[::]:443");
    assert_true(l[1].is_tls);
    const struct site *s = r->sites.v;
    assert_int_equal(r->sites.count, 2);
    assert_string_equal(s[0].title, "games");
    assert_int_equal(s[0].line, 11);
    assert_int_equal(s[0].hosts.count, 1);
    assert_int_equal(s[0].origins.count, 2);
    assert_string_equal(s[0].origins.v[1], "http://b");
    assert_int_equal(s[0].block_bytes, 1 << 20);
    assert_string_equal(s[1].title, "films");
    assert_int_equal(s[1].line, 14);
    assert_int_equal(s[1].hosts.count, 3);
    assert_string_equal(s[1].hosts.v[2], "c");
    assert_int_equal(s[1].origins.count, 0);
    assert_int_equal(s[1].block_bytes, 2 << 20);
    assert_string_equal(r->control.url, "http://127.0.0.1:7000");
    assert_string_equal(r->control.token_file, "");
    assert_int_equal(r->control.beat_ms, 300000);
    option_free(&c);
}

static void the_environment_is_expanded(void **state)
{
    (void)state;
    setenv("BYEORI_OPTION_TEST", "from-outside", 1);
    unsetenv("BYEORI_OPTION_NONE");
    struct option_config *c = good("node = \"a-${BYEORI_OPTION_TEST}\"\n"
                                   "control { url = \"${BYEORI_OPTION_NONE:-http://x}\"\n"
                                   "  token_file = ${BYEORI_OPTION_TEST} }");
    const struct record *r = option_record(c);
    assert_string_equal(r->node, "a-from-outside");
    assert_string_equal(r->control.url, "http://x");
    assert_string_equal(r->control.token_file, "from-outside");
    option_free(&c);
}

static void an_unknown_option_is_told_with_the_nearest_right_name(void **state)
{
    (void)state;
    refused("node = a\n\nworkesr = 4\n",
            "edge.conf:3: workesr: no such option or section at the top; "
            "did you mean \"workers\"?\n");
    refused("site \"a\" {\n  hosts = {a}\n  blokc = 1MiB\n}\n",
            "edge.conf:3: blokc: no such option or section in section site; "
            "did you mean \"block\"?\n");
}

static void an_unknown_section_is_told_with_the_nearest_right_name(void **state)
{
    (void)state;
    refused("node = a\nsties \"a\" {\n}\n",
            "edge.conf:2: sties: no such option or section at the top; did you mean \"site\"?\n");
}

static void an_option_in_the_wrong_section_is_told_its_home(void **state)
{
    (void)state;
    refused("origins = {a}\n", "edge.conf:1: origins: no such option or section at the top; "
                               "it belongs into a section \"site\"\n");
}

static void a_word_like_no_option_is_answered_with_all_names(void **state)
{
    (void)state;
    refused("listen { address = a\n zzzzzzzzzzzz = 3 }",
            "edge.conf:2: zzzzzzzzzzzz: no such option or section in section listen; "
            "known here: address, tls\n");
}

static void a_value_out_of_range_is_told_the_range_in_its_own_unit(void **state)
{
    (void)state;
    refused("site \"a\" {\n hosts = {a}\n block = 1KiB }",
            "edge.conf:3: site.block: \"1KiB\" is out of range: from 64KiB to 16MiB\n");
    refused("memory = 1000\n", "edge.conf:1: memory: \"1000\" is out of range: at least 1MiB\n");
    refused("workers = 257\n", "edge.conf:1: workers: \"257\" is out of range: from 0 to 256\n");
    refused("workers = -1\n", "edge.conf:1: workers: \"-1\" is out of range: from 0 to 256\n");
    refused("watermark = 101%\n",
            "edge.conf:1: watermark: \"101%\" is out of range: from 0 to 1\n");
    refused("control { url = a beat = 2h }",
            "edge.conf:1: control.beat: \"2h\" is out of range: from 100ms to 1h\n");
}

static void a_value_of_the_wrong_kind_is_told_how_to_write_it(void **state)
{
    (void)state;
    refused("workers = many\n", "edge.conf:1: workers: \"many\" is not a whole number\n");
    refused("memory = 1GIB\n", "edge.conf:1: memory: \"1GIB\" is not a size: "
                               "write 512, 64KiB, 10MiB, 2GiB or 10MB\n");
    refused("grace = 10\n",
            "edge.conf:1: grace: \"10\" has no unit: write 500ms, 10s, 5m, 2h or 7d\n");
    refused("grace = 10x\n",
            "edge.conf:1: grace: \"10x\" is not a duration: write 500ms, 10s, 5m, 2h or 7d\n");
    refused("watermark = half\n",
            "edge.conf:1: watermark: \"half\" is not a ratio: write 0.5 or 50%\n");
    refused("listen { address = a tls = maybe }",
            "edge.conf:1: listen.tls: \"maybe\" is neither true nor false\n");
    refused("level = wran\n", "edge.conf:1: level: \"wran\" is not one of: error, warn, info, "
                              "debug; did you mean \"warn\"?\n");
}

static void all_wrong_values_are_told_at_once(void **state)
{
    (void)state;
    refused("workers = many\nmemory = 3\nlevel = loud\n",
            "edge.conf:1: workers: \"many\" is not a whole number\n"
            "edge.conf:2: memory: \"3\" is out of range: at least 1MiB\n"
            "edge.conf:3: level: \"loud\" is not one of: error, warn, info, debug\n");
}

static void what_must_be_given_is_missed_at_the_line_of_its_section(void **state)
{
    (void)state;
    refused("node = a\n\nlisten\n{\n tls = true\n}\n",
            "edge.conf:4: listen.address: must be given\n");
    refused("site \"a\" { }", "edge.conf:1: site.hosts: must be given\n");
    refused("\ncontrol { }", "edge.conf:2: control.url: must be given\n");
}

static void what_is_given_twice_is_told_with_both_lines(void **state)
{
    (void)state;
    refused("node = a\nnode = b\n", "edge.conf:2: node: given twice: first on line 1\n");
    refused("servers = {a}\n\nservers = {b}\n",
            "edge.conf:3: servers: given twice: first on line 1\n");
    refused("control { url = a }\ncontrol { url = a }\n",
            "edge.conf:2: control: given twice: first on line 1\n");
    refused("site \"a\" { hosts = {a} }\nsite \"a\" { hosts = {b} }\n",
            "edge.conf:2: found duplicate title 'a'\n");
}

static void two_sections_may_give_the_same_option(void **state)
{
    (void)state;
    struct option_config *c = good("listen { address = a }\nlisten { address = b }\n");
    option_free(&c);
}

static void broken_syntax_is_told_with_its_line(void **state)
{
    (void)state;
    refused("node = \"a\nworkers = 1\n",
            "edge.conf:1: the string that begins here is not closed\n");
    refused("node = a\nsite \"x\" {\n  hosts = {a, b\n",
            "edge.conf:2: the \"{\" on this line is not closed\n");
    refused("node = a\n/* lost\n\n", "edge.conf:2: the comment that begins here is not closed\n");
    refused("\nnode \"a\"\n", "edge.conf:2: missing equal sign after option 'node'\n");
    refused("site { }\n", "edge.conf:1: missing title for section 'site'\n");
    refused("\n\nlisten \"a\" { }\n", "edge.conf:3: missing opening brace for section 'listen'\n");
    refused("node = a }\n", "edge.conf:1: unexpected closing brace\n");
    refused("site \"\" { hosts = {a} }\n", "edge.conf:1: site: its title is empty\n");
    refused("node = a*\n", "edge.conf:1: \"*\" or \"+\" outside quotes: put the value in quotes\n");
    refused("node = \"${HOME\"\n", "edge.conf:1: \"${\" is not closed on its line\n");
    refused("node = \"\\777\"\n",
            "edge.conf:1: bad escape in a string (octal goes from \\001 to \\377)\n");
    refused("node = \"\\x00\"\n", "edge.conf:1: bad escape in a string (\\x00)\n");
    refused("node = a\001\n", "edge.conf:1: a control byte\n");
}

static void a_file_that_ends_early_leaves_nothing_behind_for_the_next(void **state)
{
    (void)state;
    static const char *const broken[] = {"node = \"", "node = '",     "/* ",
                                         "node =",    "site \"a\" {", "servers = {a,",
                                         "site",      "node = \"\\",  "node = \"${"};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct option_config *c;
        struct buf why;
        buf_init(&why, 4096);
        assert_int_equal(option_load_text(&c, &root, "x", span_of(broken[i]), &why), ERR_CONFIG);
        assert_true(why.n > 0);
        buf_finish(&why);
        c = good("node = \"whole\" // and well\n");
        option_free(&c);
    }
}

static void escapes_and_comment_signs_in_strings_stay(void **state)
{
    (void)state;
    struct option_config *c = good("node = \"a#b//c/*d*/ \\\"e\\\" \\101\\x42 $\"\n"
                                   "control { url = 'it\\'s # \"so\"' }");
    const struct record *r = option_record(c);
    assert_string_equal(r->node, "a#b//c/*d*/ \"e\" AB $");
    assert_string_equal(r->control.url, "it's # \"so\"");
    option_free(&c);
}

static void a_file_is_read_and_its_absence_told(void **state)
{
    (void)state;
    char path[] = "/tmp/option_test_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "workers = 3\r\n", 13), 13);
    close(fd);
    struct option_config *c;
    struct buf why;
    buf_init(&why, 4096);
    assert_int_equal(option_load(&c, &root, path, &why), 0);
    const struct record *r = option_record(c);
    assert_int_equal(r->workers, 3);
    option_free(&c);
    unlink(path);
    assert_int_equal(option_load(&c, &root, path, &why), ERR_NOT_FOUND);
    assert_int_equal(option_load(&c, &root, "/tmp", &why), ERR_IO);
    buf_add_char(&why, '\0');
    char wanted[256];
    snprintf(wanted, sizeof(wanted), "%s: No such file or directory\n/tmp: Is a directory\n", path);
    assert_string_equal(why.p, wanted);
    buf_finish(&why);
}

static void a_file_above_four_mebibytes_is_refused(void **state)
{
    (void)state;
    size_t n = 4 << 20;
    char *text = malloc(n);
    memset(text, '\n', n);
    struct option_config *c;
    struct buf why;
    buf_init(&why, 4096);
    assert_int_equal(option_load_text(&c, &root, "x", span_make(text, n), &why), ERR_CONFIG);
    assert_true(span_eq(buf_span(&why), SPAN("x:1: larger than 4 MiB\n")));
    buf_finish(&why);
    free(text);
}

static void sizes_and_durations_are_parsed_whole(void **state)
{
    (void)state;
    int64_t v = -1;
    assert_int_equal(option_parse_bytes(SPAN("512"), &v), 0);
    assert_int_equal(v, 512);
    assert_int_equal(option_parse_bytes(SPAN("10MB"), &v), 0);
    assert_int_equal(v, 10000000);
    assert_int_equal(option_parse_bytes(SPAN("8191PiB"), &v), 0);
    assert_int_equal(v, 8191LL << 50);
    assert_int_equal(option_parse_duration(SPAN("7d"), &v), 0);
    assert_int_equal(v, 7LL * 86400000);
    assert_int_equal(option_parse_duration(SPAN("0"), &v), 0);
    assert_int_equal(v, 0);
    static const char *const wrong[] = {
        "",       "KiB",  "1 KiB", "1kib",    "-1",
        "1.5GiB", "0x10", "1KiBx", "8192PiB", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(option_parse_bytes(span_of(wrong[i]), &v), ERR_SYNTAX);
    static const char *const timeless[] = {"", "1", "s", "1S", "1 s", "-1s", "1h30m", "00"};
    for (size_t i = 0; i < ARRAY_LEN(timeless); i++)
        assert_int_equal(option_parse_duration(span_of(timeless[i]), &v), ERR_SYNTAX);
}

static void the_reference_names_every_option_with_default_and_range(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 65536);
    option_reference(&root, false, &out);
    buf_add_char(&out, '\0');
    assert_non_null(
        strstr(out.p, "  workers  (number from 0 to 256; default 0)\n      Threads.\n"));
    assert_non_null(strstr(out.p, "  memory  (size at least 1MiB; default 1GiB)\n"));
    assert_non_null(strstr(out.p, "  level  (error or warn or info or debug; default info)\n"));
    assert_non_null(
        strstr(out.p, "  site \"...\" { ... }  (section; any number)\n      A site.\n"));
    assert_non_null(strstr(out.p, "  site.hosts  (list of texts; must be given)\n"));
    assert_non_null(strstr(out.p, "  control { ... }  (section; at most one)\n"));
    buf_clear(&out);
    option_reference(&root, true, &out);
    buf_add_char(&out, '\0');
    assert_non_null(
        strstr(out.p, "| `watermark` | ratio | `95%` | from 0 to 1 | Full \\| not. |\n"));
    assert_non_null(strstr(out.p, "| `site.block` | size | `1MiB` | from 64KiB to 16MiB | "));
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_every_default),
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(the_environment_is_expanded),
        cmocka_unit_test(an_unknown_option_is_told_with_the_nearest_right_name),
        cmocka_unit_test(an_unknown_section_is_told_with_the_nearest_right_name),
        cmocka_unit_test(an_option_in_the_wrong_section_is_told_its_home),
        cmocka_unit_test(a_word_like_no_option_is_answered_with_all_names),
        cmocka_unit_test(a_value_out_of_range_is_told_the_range_in_its_own_unit),
        cmocka_unit_test(a_value_of_the_wrong_kind_is_told_how_to_write_it),
        cmocka_unit_test(all_wrong_values_are_told_at_once),
        cmocka_unit_test(what_must_be_given_is_missed_at_the_line_of_its_section),
        cmocka_unit_test(what_is_given_twice_is_told_with_both_lines),
        cmocka_unit_test(the_line_of_each_option_that_was_given_is_kept),
        cmocka_unit_test(two_sections_may_give_the_same_option),
        cmocka_unit_test(broken_syntax_is_told_with_its_line),
        cmocka_unit_test(a_file_that_ends_early_leaves_nothing_behind_for_the_next),
        cmocka_unit_test(escapes_and_comment_signs_in_strings_stay),
        cmocka_unit_test(a_file_is_read_and_its_absence_told),
        cmocka_unit_test(a_file_above_four_mebibytes_is_refused),
        cmocka_unit_test(sizes_and_durations_are_parsed_whole),
        cmocka_unit_test(the_reference_names_every_option_with_default_and_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
