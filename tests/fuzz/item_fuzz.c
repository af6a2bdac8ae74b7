/* SPDX-License-Identifier: MIT
 *
 * What lies in memcached: anything. Read, it must be within its bytes, and be the same when written
 * again; read with a checksum that is right, its head must be read to the end or refused. */
#include "edge/cluster/item.h"
#include "lib/base/mem.h"
#include "tests/fuzz/fuzz.h"

static void use(struct span bytes)
{
    struct item i;
    struct fields fs;
    struct arena mem;
    if (item_read(bytes, &i) != 0)
        return;
    CHECK(item_bytes(&i) == bytes.n && i.at + (int64_t)i.body.n <= i.size);
    arena_init(&mem, (size_t)1 << 20);
    fields_init(&fs, &mem);
    if (item_fields(&i, &fs)) {
        for (uint32_t n = 0; n < fs.count; n++)
            CHECK(token_is_valid(fs.v[n].name) && field_value_is_valid(fs.v[n].value));
    }
    uint8_t *again = mem_alloc(bytes.n);
    struct item second;
    item_write(&i, again);
    CHECK(item_read(span_make(again, bytes.n), &second) == 0);
    CHECK(second.size == i.size && span_eq(second.body, i.body) && span_eq(second.head, i.head));
    mem_free(again);
    arena_finish(&mem);
}

/* So that the checksum does not keep everything else from being tried. */
static void use_summed(struct span bytes)
{
    if (bytes.n < ITEM_FIXED_BYTES)
        return;
    uint8_t *p = mem_alloc(bytes.n);
    memcpy(p, bytes.p, bytes.n);
    memcpy(p, "BYitem1\n", 8);
    uint64_t sum = hash64(p + 16, bytes.n - 16);
    memcpy(p + 8, &sum, sizeof(sum));
    use(span_make(p, bytes.n));
    mem_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    use(span_make(data, size));
    use_summed(span_make(data, size));
    return 0;
}
