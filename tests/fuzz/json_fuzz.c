/* SPDX-License-Identifier: MIT */

/* Any bytes as JSON: what is taken is, written and read again, the same; and any bytes at all,
 * written as a text, are JSON. */
#include "tests/fuzz/fuzz.h"

#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#define MAX_BYTES ((size_t)1 << 20)

static void check_round(const struct json_t *root)
{
    struct buf first, second;
    struct json_in again;
    buf_init(&first, 8 * MAX_BYTES);
    buf_init(&second, 8 * MAX_BYTES);
    json_in_dump(root, &first);
    CHECK(json_in_parse(&again, buf_span(&first), first.max_bytes) == 0);
    json_in_dump(again.root, &second);
    CHECK(first.n == second.n);
    json_in_finish(&again);
    buf_finish(&first);
    buf_finish(&second);
}

static void ask_everything(struct json_in *in)
{
    (void)json_in_text(in, in->root, "a", 10);
    (void)json_in_u64(in, in->root, "a", 0);
    (void)json_in_real(in, in->root, "a", 0);
    (void)json_in_bool(in, in->root, "a", false);
    const struct json_t *array = json_in_array(in, in->root, "b", 10);
    for (size_t i = 0; i < json_in_count(array); i++)
        (void)json_in_text_at(in, array, i, 10);
    CHECK(memchr(in->fault, '\0', sizeof in->fault) != NULL);
}

static void check_text(struct span s)
{
    struct buf text;
    struct json_out o;
    struct json_in in;
    buf_init(&text, 8 * MAX_BYTES);
    json_out_begin(&o, &text);
    json_out_array(&o, NULL);
    json_out_text(&o, NULL, s);
    json_out_end_array(&o);
    bool has_zero = s.n > 0 && memchr(s.p, '\0', s.n) != NULL; /* \u0000: jansson refuses it */
    CHECK(!buf_overflowed(&text));
    CHECK((json_in_parse(&in, buf_span(&text), text.max_bytes) == 0) != has_zero);
    json_in_finish(&in);
    buf_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct json_in in;
    if (json_in_parse(&in, span_make(p, n), MAX_BYTES) == 0) {
        check_round(in.root);
        ask_everything(&in);
    } else {
        CHECK(json_in_is_faulty(&in));
    }
    json_in_finish(&in);
    if (n <= MAX_BYTES)
        check_text(span_make(p, n));
    return 0;
}
