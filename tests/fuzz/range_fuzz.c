/* SPDX-License-Identifier: MIT */

/* Ranges: the first eight bytes are a size, the rest a field. Resolved ranges lie within the size,
 * no two touch, and they begin and end where what was asked for does; Content-Range reads back. */
#include "lib/base/check.h"
#include "lib/base/err.h"
#include "lib/http/range.h"
#include "tests/fuzz/fuzz.h"

#define MAX 16

static bool is_asked(const struct range_spec *spec, int64_t size, int64_t at)
{
    if (at < 0 || at >= size)
        return false;
    if (spec->first < 0)
        return at >= size - spec->last || spec->last > size;
    return at >= spec->first && (spec->last < 0 || at <= spec->last);
}

static void check_apart(const struct byte_range *out, int found)
{
    for (int i = 0; i < found; i++) {
        for (int k = 0; k < i; k++)
            CHECK(out[i].first > out[k].last + 1 || out[k].first > out[i].last + 1);
    }
}

static bool any_asked(const struct range_spec *specs, int asked, int64_t size, int64_t at)
{
    for (int i = 0; i < asked; i++) {
        if (is_asked(&specs[i], size, at))
            return true;
    }
    return false;
}

static void check_resolved(const struct range_spec *specs, int asked, int64_t size)
{
    struct byte_range out[MAX];
    int found = range_resolve(specs, asked, size, out);
    CHECK(found <= asked && (found > 0 || found == ERR_UNSATISFIABLE));
    check_apart(out, found);
    for (int i = 0; i < found; i++) {
        CHECK(out[i].first >= 0 && out[i].first <= out[i].last && out[i].last < size);
        CHECK(any_asked(specs, asked, size, out[i].first));
        CHECK(any_asked(specs, asked, size, out[i].last));
        CHECK(!any_asked(specs, asked, size, out[i].first - 1));
        CHECK(!any_asked(specs, asked, size, out[i].last + 1));
    }
    if (found < 0)
        CHECK(!any_asked(specs, asked, size, 0) && !any_asked(specs, asked, size, size - 1));
}

static void check_content_range(struct span field)
{
    struct content_range cr, again;
    char out[CONTENT_RANGE_ROOM];
    if (content_range_parse(field, &cr) != 0)
        return;
    CHECK(cr.first < 0 ? cr.size >= 0 : cr.last >= cr.first && (cr.size < 0 || cr.last < cr.size));
    size_t n = content_range_write(out, &cr);
    CHECK(content_range_parse(span_make(out, n), &again) == 0);
    CHECK(memcmp(&cr, &again, sizeof(cr)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct range_spec specs[MAX];
    uint64_t size;
    if (n < sizeof(size))
        return 0;
    memcpy(&size, p, sizeof(size));
    struct span field = span_make(p + sizeof(size), n - sizeof(size));
    int asked = range_parse(field, specs, MAX);
    CHECK(asked <= MAX && (asked >= 0 || asked == ERR_TOO_BIG));
    if (asked > 0) {
        check_resolved(specs, asked, (int64_t)(size & INT64_MAX));
        check_resolved(specs, asked, (int64_t)(size % 64)); /* where ranges meet */
    }
    check_content_range(field);
    return 0;
}
