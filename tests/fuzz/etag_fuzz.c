/* SPDX-License-Identifier: MIT */

/* Lists of entity tags: a tag is found in a list that is made to hold it, whatever stands behind;
 * the strong comparison never finds more than the weak one. The first byte is the length of the
 * tag. */
#include "lib/base/buf.h"
#include "lib/http/etag.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n == 0)
        return 0;
    struct span text = span_make(p + 1, n - 1);
    struct span tag = span_make(text.p, p[0] < text.n ? p[0] : text.n),
                list = span_skip(text, tag.n);
    CHECK(!etag_list_has(list, tag, true) || etag_list_has(list, tag, false));
    CHECK(!etag_strong_eq(tag, tag) || etag_weak_eq(tag, tag));
    if (!etag_is_valid(tag))
        return 0;
    struct buf made;
    buf_init(&made, n + 64);
    buf_add_span(&made, tag);
    buf_add(&made, ", ", 2);
    buf_add_span(&made, list); /* perhaps broken: what stands before counts */
    CHECK(etag_list_has(buf_span(&made), tag, false));
    CHECK(etag_list_has(buf_span(&made), tag, true) || etag_is_weak(tag));
    buf_finish(&made);
    return 0;
}
