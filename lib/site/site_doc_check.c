/* SPDX-License-Identifier: MIT
 * A site document as the configuration of an edge that has no other site. */
#include "lib/site/site_doc_check.h"

#include "lib/base/err.h"
#include "lib/site/site.h"

#define CONF_BYTES (8 * SITE_DOC_MAX_BYTES)
#define WHY_BYTES  4096
#define FILE_NAME  "document" /* what faults begin with; the caller never sees it */

struct record {
    struct option_records sites;
};
static const struct option rows[] = {
    OPTION_ROW_WITH("site", SECTION, OPTION_FIELD(struct record, sites), NULL,
                    "A customer's host names and rules.", .section = &site_section),
    {.name = NULL},
};
static const struct option_section root = {.options = rows,
                                           .record_bytes = sizeof(struct record),
                                           .is_single = true,
                                           .line_offset_bytes = OPTION_NO_LINE};

/* "document:3: block: ..." lines as one sentence: lines of a text that nobody has written say
 * nothing to people. */
static void tell(struct span faults, struct buf *why)
{
    struct span rest = faults, line, number;
    for (bool is_first = true; (line = span_cut(rest, '\n', &rest)).n > 0; is_first = false) {
        if (span_starts(line, SPAN(FILE_NAME ":"))) {
            number = span_skip(line, sizeof FILE_NAME);
            span_cut(number, ':', &line);
        }
        buf_printf(why, "%s%.*s", is_first ? "" : "; ", SPAN_FMT(span_trim(line)));
    }
}

static int check_text(struct span text, struct buf *faults)
{
    struct option_config *config = NULL;
    struct site_table *table = NULL;
    int err = option_load_text(&config, &root, FILE_NAME, text, faults);
    if (err == 0) {
        const struct record *r = option_record(config);
        err = site_table_create(&table, &r->sites, FILE_NAME, faults);
    }
    site_table_unref(&table);
    option_free(&config);
    return err;
}

int site_doc_check(const struct site_doc *doc, struct buf *why)
{
    struct buf text, faults;
    if (doc->origins.count == 0) /* known to control only */
        return 0;
    buf_init(&text, CONF_BYTES);
    buf_init(&faults, WHY_BYTES);
    site_doc_write_conf(doc, &text);
    int err = buf_overflowed(&text) ? ERR_TOO_BIG : check_text(buf_span(&text), &faults);
    tell(buf_span(&faults), why);
    buf_finish(&faults);
    buf_finish(&text);
    return err;
}
