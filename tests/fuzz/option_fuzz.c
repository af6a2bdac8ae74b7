/* SPDX-License-Identifier: MIT */

/* Any text as a configuration: it is taken, or refused with whole lines that name the file; and
 * whatever it was, the next file is read as if nothing had been before (a reload after a bad one).
 * The same bytes are also tried as a size and as a duration. */
#include "tests/fuzz/fuzz.h"

#include "lib/base/err.h"
#include "lib/base/option.h"

struct part {
    const char *title;
    int64_t bytes;
};

struct record {
    const char *text;
    int64_t number, duration_ms;
    double ratio;
    bool is_on;
    struct option_texts list;
    struct option_records parts;
    struct part single;
};

static const struct option part_options[] = {
    {"bytes", OPTION_BYTES, offsetof(struct part, bytes), 1, 1 << 20, "1KiB", "", {0}},
    {.name = NULL}};
static const struct option_section part_section = {.options = part_options,
                                                   .record_bytes = sizeof(struct part),
                                                   .is_titled = true,
                                                   .title_offset_bytes =
                                                       offsetof(struct part, title),
                                                   .line_offset_bytes = OPTION_NO_LINE};
static const struct option_section single_section = {.options = part_options,
                                                     .record_bytes = sizeof(struct part),
                                                     .is_single = true,
                                                     .line_offset_bytes = OPTION_NO_LINE};
static const struct option options[] = {
    {"text", OPTION_TEXT, offsetof(struct record, text), 0, 0, "", "", {0}},
    {"number", OPTION_INT, offsetof(struct record, number), -5, 5, "0", "", {0}},
    {"duration", OPTION_DURATION, offsetof(struct record, duration_ms), 0, 0, "0", "", {0}},
    {"ratio", OPTION_RATIO, offsetof(struct record, ratio), 0, 1, "50%", "", {0}},
    {"on", OPTION_BOOL, offsetof(struct record, is_on), 0, 0, "off", "", {0}},
    {"list", OPTION_TEXTS, offsetof(struct record, list), 0, 0, "{a, b}", "", {0}},
    {"part",
     OPTION_SECTION,
     offsetof(struct record, parts),
     0,
     0,
     NULL,
     "",
     {.section = &part_section}},
    {"single",
     OPTION_SECTION,
     offsetof(struct record, single),
     0,
     0,
     NULL,
     "",
     {.section = &single_section}},
    {.name = NULL}};
static const struct option_section root = {
    .options = options, .record_bytes = sizeof(struct record), .line_offset_bytes = OPTION_NO_LINE};

static void check_record(struct option_config *c)
{
    const struct record *r = option_record(c);
    CHECK(strlen(r->text) < SIZE_MAX && r->number >= -5 && r->number <= 5);
    CHECK(r->duration_ms >= 0 && r->ratio >= 0 && r->ratio <= 1);
    for (size_t i = 0; i < r->list.count; i++)
        CHECK(strlen(r->list.v[i]) < SIZE_MAX);
    for (size_t i = 0; i < r->parts.count; i++) {
        const struct part *p = (const struct part *)r->parts.v + i;
        CHECK(p->title[0] != '\0' && p->bytes >= 1 && p->bytes <= 1 << 20);
    }
}

static void check_reasons(struct span why)
{
    CHECK(why.n > 0 && why.p[why.n - 1] == '\n');
    CHECK(span_starts(why, SPAN("fuzz:")));
}

static void check_next_load(void)
{
    struct option_config *c;
    struct buf why;
    buf_init(&why, 4096);
    struct span good = SPAN("text = \"x\" # y\npart 'a' { bytes = 2KiB }\n");
    CHECK(option_load_text(&c, &root, "good", good, &why) == 0);
    const struct record *r = option_record(c);
    CHECK(strcmp(r->text, "x") == 0 && r->parts.count == 1 && r->list.count == 2);
    option_free(&c);
    buf_finish(&why);
}

static void check_scaled(struct span s)
{
    int64_t v = -1;
    CHECK(option_parse_bytes(s, &v) != 0 || v >= 0);
    CHECK(option_parse_duration(s, &v) != 0 || v >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct option_config *c;
    struct buf why;
    buf_init(&why, 1 << 20);
    if (option_load_text(&c, &root, "fuzz", span_make(p, n), &why) == 0)
        check_record(c);
    else
        check_reasons(buf_span(&why));
    option_free(&c);
    buf_finish(&why);
    check_next_load();
    check_scaled(span_make(p, n));
    return 0;
}
