/* SPDX-License-Identifier: MIT */

/* Structured fields: what an inner list holds reads again; keys of a dictionary are distinct. */
#include "lib/http/structured.h"
#include "tests/fuzz/fuzz.h"

#define MAX 32

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
    arena_finish(&mem);
    return 0;
}
