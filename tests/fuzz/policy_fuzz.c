/* SPDX-License-Identifier: MIT */

/* Field lines of a request and, behind a line "--", of a response through every decision of
 * edge/policy: nothing crashes, and what must hold between the answers does. */
#include "tests/fuzz/fuzz.h"

#include "edge/policy/freshness.h"
#include "edge/policy/vary.h"
#include "edge/policy/why.h"

#define NOW ((msec_t)1700000000000)

/* Lines up to "--" or the end; returns what follows. */
static struct span read_fields(struct fields *fs, struct span text, struct arena *mem)
{
    fields_init(fs, mem);
    while (text.n > 0) {
        struct span value, line = span_cut(text, '\n', &text);
        if (span_eq(line, SPAN("--")))
            break;
        struct span name = span_cut(line, ':', &value);
        if (token_is_valid(name))
            fields_add_named(fs, name, span_trim(value));
    }
    return text;
}

static void check_freshness(const struct request_head *request,
                            const struct response_head *response, const struct site *site)
{
    struct freshness f;
    struct response_seen seen = {request, response, NOW, NOW, site};
    enum storable s = storable_of(&seen, &f);
    CHECK(storable_text(s) != NULL && f.lifetime_ms >= 0 && f.initial_age_ms >= 0);
    CHECK(f.lifetime_ms <= site->max_ttl_ms || site->max_ttl_ms == 0);
    struct why_line lines[WHY_LINES_MAX];
    struct why_question why = {&f, &response->fields, response->status, site, NOW};
    struct arena mem;
    arena_init(&mem, 1 << 20);
    CHECK(why_lines(&why, lines, &mem) > 5); /* the last of them checks that there is room */
    arena_finish(&mem);
    for (msec_t after = 0; after < 200000; after += 9973) {
        struct reuse_request ask = {request, site, NOW + after, false};
        enum reuse reuse = reuse_of(&f, &ask).reuse;
        msec_t left = freshness_left_ms(&f, NOW + after);
        CHECK(reuse != REUSE_FRESH || (left > 0 && !f.always_validates));
        CHECK((reuse != REUSE_STALE && reuse != REUSE_REFRESH) ||
              (left <= 0 && !f.must_revalidate && !f.always_validates));
        CHECK(left > 0 || !f.must_revalidate || !freshness_may_cover(&f, NOW + after));
    }
}

/* Whoever asks exactly as before finds what was stored for him. */
static void check_vary(const struct fields *request, const struct fields *response,
                       struct arena *mem)
{
    struct span names = vary_names(response, mem);
    struct span values = vary_values(names, request, mem);
    if (names.p != NULL && !arena_overflowed(mem)) {
        bool matches = vary_matches(names, values, request, mem);
        CHECK(matches || arena_overflowed(mem));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static const struct site sites[] = {{.name = "a"},
                                        {.name = "b",
                                         .max_ttl_ms = 50000,
                                         .default_ttl_ms = 9000,
                                         .stale_if_error_ms = 60000,
                                         .stale_while_revalidate_ms = 30000,
                                         .caches_set_cookie = true,
                                         .ignores_reload = true}};
    struct arena mem;
    struct request_head request = {.method = METHOD_GET};
    struct response_head response = {.status = 200 + (n > 0 ? p[0] : 0)};
    arena_init(&mem, 1 << 20);
    struct span rest = read_fields(&request.fields, span_make(p, n), &mem);
    read_fields(&response.fields, rest, &mem);
    for (size_t i = 0; i < ARRAY_LEN(sites) && !arena_overflowed(&mem); i++)
        check_freshness(&request, &response, &sites[i]);
    if (!arena_overflowed(&mem))
        check_vary(&request.fields, &response.fields, &mem);
    storable_leave_out(&response.fields, &sites[1]);
    arena_finish(&mem);
    return 0;
}
