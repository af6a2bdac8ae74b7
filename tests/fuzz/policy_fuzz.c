/* SPDX-License-Identifier: MIT */

/* Field lines of a request and, behind a line "--", of a response through every decision of
 * edge/policy: nothing crashes, and what must hold between the answers does. */
#include "tests/fuzz/fuzz.h"

#include "edge/policy/encode_choice.h"
#include "edge/policy/forwarded.h"
#include "edge/policy/freshness.h"
#include "edge/policy/interim.h"
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

/* What is coded is neither coded twice nor said to be, and who takes it named it. */
static void check_coding(const struct request_head *request, struct response_head *response,
                         struct arena *mem)
{
    static const char *const types[] = {"text/*", "*+json"};
    static const struct site site = {.encode = ENCODE_ZSTD,
                                     .encode_types = {types, ARRAY_LEN(types)},
                                     .encode_max_bytes = INT64_MAX};
    struct encode_content content = {200, &response->fields, 1000};
    bool may = encode_may(&site, &content), is_wanted = encode_is_wanted(request);
    CHECK(!is_wanted || fields_count(&request->fields, FIELD_ACCEPT_ENCODING) > 0);
    CHECK(!may || fields_count(&response->fields, FIELD_CONTENT_ENCODING) == 0);
    if (!may)
        return;
    encode_vary(&response->fields);
    encode_fields(&response->fields, mem);
    uint32_t varies = fields_count(&response->fields, FIELD_VARY);
    encode_vary(&response->fields);
    CHECK(arena_overflowed(mem) || varies == fields_count(&response->fields, FIELD_VARY));
    CHECK(!encode_may(&site, &content) || arena_overflowed(mem));
}

/* One member more than the client said, and only where it is believed. */
static void check_forwarded(const struct request_head *request, struct arena *mem)
{
    static const struct network all = {.bits = 0};
    struct site site = {.forwarded = FORWARDED_BOTH, .trusted = &all};
    struct forwarded_ask ask = {&site, request, SPAN("192.0.2.1"), true};
    struct fields to;
    for (site.trusted_proxies.count = 0; site.trusted_proxies.count < 2;
         site.trusted_proxies.count++) {
        fields_init(&to, mem);
        forwarded_add(&to, &ask, mem);
        struct span x = fields_value(&to, FIELD_X_FORWARDED_FOR);
        CHECK(arena_overflowed(mem) || site.trusted_proxies.count > 0 ||
              span_eq(x, SPAN("192.0.2.1")));
        CHECK(arena_overflowed(mem) || fields_count(&to, FIELD_FORWARDED) == 1);
    }
}

/* Nothing of one hop is told on. */
static void check_interim(const struct request_head *request, const struct response_head *response,
                          struct arena *mem)
{
    static const struct site site = {.interim = INTERIM_PASS};
    struct response_head told;
    if (!interim_told(&site, response, &told, mem))
        return;
    CHECK(fields_count(&told.fields, FIELD_CONNECTION) == 0);
    CHECK(!interim_is_for_all(request, &told) || fields_count(&told.fields, FIELD_SET_COOKIE) == 0);
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
    check_forwarded(&request, &mem);
    check_interim(&request, &response, &mem);
    check_coding(&request, &response, &mem);
    storable_leave_out(&response.fields, &sites[1]);
    arena_finish(&mem);
    return 0;
}
