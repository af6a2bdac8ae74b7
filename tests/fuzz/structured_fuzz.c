/* SPDX-License-Identifier: MIT */

/* Structured fields: any bytes, written as a string, read back as what a string can hold; a list of
 * items read one by one is the list; keys of a dictionary are distinct. */
#include "lib/http/structured.h"
#include "tests/fuzz/fuzz.h"

#define MAX 32

static void check_written(struct span text, struct arena *mem)
{
    struct structured_item item;
    struct buf out;
    buf_init(&out, 2 * text.n + 16);
    structured_write_string(&out, text);
    CHECK(structured_list(buf_span(&out), &item, 1, mem) == 1);
    CHECK(item.type == STRUCTURED_STRING && item.text.n == text.n);
    for (size_t i = 0; i < text.n; i++)
        CHECK(item.text.p[i] == text.p[i] || item.text.p[i] == '?');
    buf_clear(&out);
    structured_write_token_or_string(&out, text);
    CHECK(structured_list(buf_span(&out), &item, 1, mem) == 1);
    CHECK(item.type == STRUCTURED_STRING || span_eq(item.text, text));
    buf_finish(&out);
}

/* An inner list is checked on its way; its source alone reads again. */
static void check_items(const struct structured_item *items, int count, struct arena *mem)
{
    struct structured_item again;
    for (int i = 0; i < count; i++) {
        if (items[i].type == STRUCTURED_INNER_LIST)
            CHECK(structured_list(items[i].text, &again, 1, mem) == 1);
        if (items[i].type == STRUCTURED_BOOLEAN)
            CHECK(items[i].integer == 0 || items[i].integer == 1);
        for (int k = 0; k < i; k++)
            CHECK(items[i].key.p == NULL || !span_eq(items[i].key, items[k].key));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct structured_item items[MAX];
    struct arena mem;
    struct span text = span_make(p, n);
    arena_init(&mem, 16 * n + 4096);
    check_items(items, structured_list(text, items, MAX, &mem), &mem);
    check_items(items, structured_dictionary(text, items, MAX, &mem), &mem);
    check_written(text, &mem);
    arena_finish(&mem);
    return 0;
}
