/* SPDX-License-Identifier: MIT */

/* The chunked coding: fed whole or byte by byte gives the same body, end and rest; and a body that
 * is coded anew decodes to itself. */
#include "lib/base/buf.h"
#include "lib/http/chunked.h"
#include "tests/fuzz/fuzz.h"

struct result {
    struct buf body;
    enum chunked_event end;
    size_t left;
};

static void decode(struct result *r, struct span text, size_t step)
{
    struct chunked c;
    struct span data;
    chunked_init(&c);
    buf_init(&r->body, text.n + 1);
    r->end = CHUNKED_MORE;
    r->left = text.n;
    for (size_t at = 0; at < text.n && r->end == CHUNKED_MORE; at += step) {
        struct span in = span_make(text.p + at, text.n - at < step ? text.n - at : step);
        size_t fed = in.n;
        while ((r->end = chunked_next(&c, &in, &data)) == CHUNKED_DATA)
            buf_add_span(&r->body, data);
        r->left -= fed - in.n;
        CHECK(r->end != CHUNKED_MORE || in.n == 0);
    }
}

static void check_coded_anew(struct span body)
{
    char head[CHUNKED_HEAD_ROOM];
    struct result r;
    struct buf coded;
    buf_init(&coded, body.n + 64);
    buf_add(&coded, head, chunked_write_head(head, body.n));
    buf_add_span(&coded, body);
    buf_add(&coded, "\r\n0\r\n\r\n", 7);
    decode(&r, buf_span(&coded), 3);
    CHECK(r.end == CHUNKED_END && r.left == 0 && span_eq(buf_span(&r.body), body));
    buf_finish(&r.body);
    buf_finish(&coded);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct result whole, steps;
    decode(&whole, span_make(p, n), n + 1);
    decode(&steps, span_make(p, n), 1);
    CHECK(whole.end == steps.end && (whole.left == steps.left || whole.end == CHUNKED_BAD));
    CHECK(span_eq(buf_span(&whole.body), buf_span(&steps.body)));
    if (whole.body.n != 0)
        check_coded_anew(buf_span(&whole.body));
    buf_finish(&whole.body);
    buf_finish(&steps.body);
    return 0;
}
