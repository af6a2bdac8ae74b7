/* SPDX-License-Identifier: MIT */

/* The reference that is made from the tables: --help and the README's Markdown. Pure. */
#include "lib/base/option.h"
#include "lib/base/option_value.h"

static void put_default(const struct option *row, const char *quote, struct buf *out)
{
    if (row->fallback == NULL)
        buf_printf(out, "must be given");
    else if (row->fallback[0] == '\0')
        buf_printf(out, "empty");
    else
        buf_printf(out, "%s%s%s", quote, row->fallback, quote);
}

static void put_text_row(const char *prefix, const struct option *row, struct buf *out)
{
    struct buf range;
    buf_init(&range, 256);
    option_value_range(row, &range);
    buf_printf(out, "  %s%s  (", prefix, row->name);
    option_value_kind(row, out);
    buf_printf(out, "%s%.*s; ", range.n > 0 ? " " : "", SPAN_FMT(buf_span(&range)));
    if (row->fallback != NULL)
        buf_printf(out, "default ");
    put_default(row, "", out);
    buf_printf(out, ")\n      %s\n", row->meaning);
    buf_finish(&range);
}

/* A bar inside a cell would end it. */
static void put_cell(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '|')
            buf_add_char(out, '\\');
        buf_add_char(out, text.p[i]);
    }
}

static void put_markdown_row(const char *prefix, const struct option *row, struct buf *out)
{
    buf_printf(out, "| `%s%s` | ", prefix, row->name);
    option_value_kind(row, out);
    buf_printf(out, " | ");
    put_default(row, "`", out);
    buf_printf(out, " | ");
    option_value_range(row, out);
    buf_printf(out, " | ");
    put_cell(span_of(row->meaning), out);
    buf_printf(out, " |\n");
}

static void put_section_row(const char *prefix, const struct option *row, bool as_markdown,
                            struct buf *out)
{
    const struct option_section *s = row->section;
    const char *times = s->is_single ? "at most one" : "any number";
    const char *title = s->is_titled ? " \"...\"" : "";
    if (!as_markdown) {
        buf_printf(out, "  %s%s%s { ... }  (section; %s)\n      %s\n", prefix, row->name, title,
                   times, row->meaning);
        return;
    }
    buf_printf(out, "| `%s%s%s { }` | section | | %s | ", prefix, row->name, title, times);
    put_cell(span_of(row->meaning), out);
    buf_printf(out, " |\n");
}

static void put_section(const char *prefix, const struct option_section *s, bool as_markdown,
                        struct buf *out)
{
    for (const struct option *row = s->options; row->name != NULL; row++) {
        if (row->type == OPTION_SECTION)
            continue;
        if (as_markdown)
            put_markdown_row(prefix, row, out);
        else
            put_text_row(prefix, row, out);
    }
    for (const struct option *row = s->options; row->name != NULL; row++) {
        if (row->type != OPTION_SECTION)
            continue;
        put_section_row(prefix, row, as_markdown, out);
        struct buf deeper;
        buf_init(&deeper, 256);
        buf_printf(&deeper, "%s%s.%c", prefix, row->name, 0);
        CHECK(!buf_overflowed(&deeper));
        put_section(deeper.p, row->section, as_markdown, out);
        buf_finish(&deeper);
    }
}

void option_reference(const struct option_section *root, bool as_markdown, struct buf *out)
{
    if (as_markdown)
        buf_printf(out, "| option | value | default | range | meaning |\n|---|---|---|---|---|\n");
    put_section("", root, as_markdown, out);
}
