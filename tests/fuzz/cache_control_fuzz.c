/* SPDX-License-Identifier: MIT */

/* Cache-Control: one line or the same twice says the same numbers; numbers are within their bounds;
 * another line never makes anything less strict. */
#include "lib/base/check.h"
#include "lib/http/cache_control.h"
#include "tests/fuzz/fuzz.h"

static void check_bounds(const struct cache_control *cc)
{
    const sec_t numbers[] = {cc->max_age,   cc->s_maxage,
                             cc->min_fresh, cc->stale_while_revalidate,
                             cc->max_stale, cc->stale_if_error};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        CHECK(numbers[i] >= DELTA_NONE && numbers[i] <= DELTA_MAX);
    CHECK(cc->no_cache_fields.p == NULL || (cc->no_cache && cc->no_cache_fields.n != 0));
    CHECK(cc->private_fields.p == NULL || (cc->is_private && cc->private_fields.n != 0));
}

static bool is_no_laxer(sec_t later, sec_t before)
{
    return before == DELTA_NONE || (later != DELTA_NONE && later <= before);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct arena mem;
    struct fields fs;
    struct cache_control half, whole;
    arena_init(&mem, 1 << 16);
    fields_init(&fs, &mem);
    fields_add(&fs, FIELD_CACHE_CONTROL, span_make(p, n / 2));
    cache_control_init(&half);
    cache_control_read(&half, &fs, FIELD_CACHE_CONTROL);
    check_bounds(&half);
    fields_add(&fs, FIELD_CACHE_CONTROL, span_make(p + n / 2, n - n / 2));
    cache_control_init(&whole);
    cache_control_read(&whole, &fs, FIELD_CACHE_CONTROL);
    check_bounds(&whole);
    CHECK(is_no_laxer(whole.max_age, half.max_age) && is_no_laxer(whole.s_maxage, half.s_maxage));
    CHECK(is_no_laxer(whole.max_stale, half.max_stale) && whole.min_fresh >= half.min_fresh);
    CHECK(whole.no_store >= half.no_store && whole.no_cache >= half.no_cache);
    CHECK(whole.is_private >= half.is_private);
    CHECK(whole.private_fields.p == NULL || half.private_fields.p != NULL || !half.is_private);

    struct cache_control twice = whole;
    cache_control_read(&twice, &fs, FIELD_CACHE_CONTROL);
    CHECK(twice.max_age == whole.max_age && twice.s_maxage == whole.s_maxage);
    arena_finish(&mem);
    return 0;
}
