/* SPDX-License-Identifier: MIT */

/* What S3 storages answer: whatever the bytes, the walk ends, its paths nest as they should and its
 * texts keep their bound; and it says the same twice. */
#include "lib/base/hash.h"
#include "origin/connect/s3_xml.h"
#include "tests/fuzz/fuzz.h"

struct seen {
    uint64_t hash;
    size_t elements;
};

static int on_element(void *ctx, struct span path, struct span text)
{
    struct seen *s = ctx;
    size_t depth = 1;
    for (size_t i = 0; i < path.n; i++)
        depth += path.p[i] == '/';
    CHECK(path.n > 0 && depth <= S3_XML_DEPTH_MAX && text.n <= S3_XML_TEXT_MAX);
    s->hash = s->hash * 31 + hash64(path.p, path.n) + hash64(text.p, text.n);
    s->elements++;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct s3_xml_events events = {on_element};
    struct seen once = {0}, again = {0};
    int first = s3_xml_walk(span_make(data, size), &events, &once);
    int second = s3_xml_walk(span_make(data, size), &events, &again);
    CHECK(first == second && once.hash == again.hash && once.elements == again.elements);
    return 0;
}
