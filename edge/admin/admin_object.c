/* SPDX-License-Identifier: MIT
 *
 * GET /v1/explain?url=URL[&header=Name:value...]: what is stored for a request, how fresh it is
 * and why, and what the request would do. Asks the same functions that decide; never asks the
 * origin. */
#include "edge/admin/admin_rows.h"

#include "edge/policy/cache_key.h"
#include "edge/policy/freshness.h"
#include "edge/policy/vary.h"
#include "edge/policy/why.h"
#include "edge/upstream/source.h"
#include "edge/upstream/tier.h"
#include "lib/codec/json_out.h"
#include "lib/http/date.h"

#define RUNS_MAX 64 /* of blocks, listed */

struct question {
    struct exchange *x;
    const struct upstream_set *set; /* the sites as they are configured */
    struct request_head request;    /* as a client would send it */
    struct url url;
    const struct site *site;
    struct cache_key key;
    struct object *object;     /* NULL: nothing fits */
    uint32_t others;           /* objects under the key that do not match */
    struct span others_values; /* what the request has for the Vary of the newest of them */
    msec_t now_wall;
    msec_t pass_left_ms; /* > 0: the key is remembered as not storable for so long */
    bool is_down;        /* every origin is known to be */
};

static bool matches(void *ctx, const struct object *o)
{
    struct question *q = ctx;
    if (!generation_is_abandoned(o->generation) &&
        vary_matches(object_vary_names(o), object_vary_values(o), &q->request.fields, &q->x->mem))
        return true;
    if (q->others++ == 0)
        q->others_values = vary_values(object_vary_names(o), &q->request.fields, &q->x->mem);
    return false;
}

/* Each header=Name:value of the query as a field of the request. */
static void add_fields(struct question *q, struct span query)
{
    int err = 0;
    while (query.n > 0) {
        struct span value, part = span_cut(query, '&', &query);
        if (!span_starts(part, SPAN("header=")))
            continue;
        struct span line = router_query(part, "header", &q->x->mem, &err);
        struct span name = span_cut(line, ':', &value);
        if (err == 0 && value.p != NULL && token_is_valid(name))
            fields_add_named(&q->request.fields, name, span_trim(value));
    }
}

static const char *reuse_text(enum reuse r)
{
    switch (r) {
    case REUSE_FRESH:
        return "fresh";
    case REUSE_STALE:
        return "stale-allowed";
    case REUSE_REFRESH:
        return "stale-while-revalidate";
    case REUSE_VALIDATE:
        return "validate";
    case REUSE_FORBIDDEN:
        return "forbidden";
    }
    return "";
}

static const char *reuse_would(enum reuse r)
{
    switch (r) {
    case REUSE_FRESH:
        return "answer from the cache";
    case REUSE_STALE:
        return "answer from the cache: stale, and the request allows it";
    case REUSE_REFRESH:
        return "answer from the cache: stale, and refresh it behind";
    case REUSE_VALIDATE:
        return "ask the origin whether it is still valid";
    case REUSE_FORBIDDEN:
        return "answer 504: only-if-cached, and not usable";
    }
    return "";
}

/* "edge.conf:12" where the file gives an option of the site; "default" where nobody does. */
static void put_place(struct json_out *o, const struct question *q, const char *key, int line)
{
    struct span at = SPAN("default");
    if (line > q->set->file_lines)
        at = SPAN("the control plane's document");
    else if (line > 0)
        at = arena_printf(&q->x->mem, "%s:%d", option_file(q->set->config), line);
    json_out_text(o, key, at);
}

static void put_option(struct json_out *o, const struct question *q, const char *option)
{
    json_out_text(o, "option", span_of(option));
    put_place(o, q, "at", option_line(q->set->config, q->site, option));
}

/* The options that shaped the key. */
static void put_key_rules(struct json_out *o, const struct question *q)
{
    static const char *const options[] = {"query_keep", "query_drop", "query_sort", "share_hosts",
                                          "scheme_in_key"};
    json_out_array(o, "key_rules");
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (option_line(q->set->config, q->site, options[i]) == 0)
            continue;
        json_out_object(o, NULL);
        put_option(o, q, options[i]);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

static void put_why(struct json_out *o, const struct question *q)
{
    struct why_line lines[WHY_LINES_MAX];
    struct fields fields = object_fields(q->object);
    struct freshness freshness;
    object_freshness(q->object, &freshness);
    struct why_question ask = {.freshness = &freshness,
                               .fields = &fields,
                               .status = q->object->status,
                               .site = q->site,
                               .now_wall = q->now_wall};
    int count = why_lines(&ask, lines, &q->x->mem);
    json_out_array(o, "why");
    for (int i = 0; i < count; i++) {
        json_out_object(o, NULL);
        json_out_text(o, "what", span_of(lines[i].what));
        json_out_text(o, "text", lines[i].text);
        if (lines[i].option != NULL)
            put_option(o, q, lines[i].option);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

static void put_seconds(struct json_out *o, const char *key, msec_t ms)
{
    json_out_real(o, key, (double)ms / MSEC_PER_SEC, 3);
}

static void put_freshness(struct json_out *o, const struct question *q)
{
    struct freshness f;
    object_freshness(q->object, &f);
    json_out_object(o, "freshness");
    json_out_text(o, "decided_by", span_of(freshness_source_text((enum freshness_source)f.source)));
    put_seconds(o, "lifetime_s", f.lifetime_ms);
    put_seconds(o, "age_when_received_s", f.initial_age_ms);
    put_seconds(o, "resident_s", q->now_wall - f.response_wall);
    put_seconds(o, "age_s", freshness_age_ms(&f, q->now_wall));
    put_seconds(o, "left_s", freshness_left_ms(&f, q->now_wall));
    put_seconds(o, "stale_while_revalidate_s", f.stale_while_revalidate_ms);
    put_seconds(o, "stale_if_error_s", f.stale_if_error_ms);
    json_out_bool(o, "must_revalidate", f.must_revalidate);
    json_out_bool(o, "always_validates", f.always_validates);
    json_out_bool(o, "is_immutable", f.is_immutable);
    json_out_end_object(o);
}

/* Where its blocks lie, and who brought them. */
static void put_places(struct json_out *o, struct generation *g)
{
    static const char *const names[TIER_COUNT] = {[TIER_ORIGIN] = "origin",
                                                  [TIER_SHIELD] = "shield",
                                                  [TIER_SIBLING] = "sibling",
                                                  [TIER_MEMCACHED] = "memcached"};
    struct generation_blocks b;
    generation_tell(g, &b);
    json_out_int(o, "blocks_in_memory", b.in_memory);
    json_out_int(o, "blocks_on_disk", b.on_disk);
    json_out_int(o, "blocks_coded", b.coded);
    json_out_object(o, "brought_by");
    for (int i = 0; i < TIER_COUNT; i++)
        json_out_int(o, names[i], b.by_mark[i]);
    json_out_end_object(o);
}

/* Which blocks are there. */
static void put_runs(struct json_out *o, struct generation *g)
{
    int64_t first, count = 0, from = 0;
    json_out_array(o, "runs");
    for (int i = 0; i < RUNS_MAX && (count = generation_run(g, from, &first)) > 0; i++) {
        from = first + count;
        json_out_object(o, NULL);
        json_out_int(o, "first", first);
        json_out_int(o, "last", from - 1);
        json_out_end_object(o);
    }
    json_out_end_array(o);
    json_out_bool(o, "runs_cut", count > 0 && generation_run(g, from, &first) > 0);
}

static void put_generation(struct json_out *o, struct generation *g)
{
    int64_t length = generation_length(g), each = generation_block_bytes(g);
    int64_t blocks = length > 0 ? (length + each - 1) / each : 0;
    json_out_object(o, "generation");
    if (length >= 0)
        json_out_int(o, "length_bytes", length);
    json_out_int(o, "block_bytes", each);
    json_out_int(o, "blocks", blocks);
    json_out_int(o, "blocks_present", blocks > 0 ? generation_present(g, 0, blocks) : 0);
    put_places(o, g);
    put_runs(o, g);
    json_out_end_object(o);
}

static void put_object(struct json_out *o, const struct question *q)
{
    const struct object *it = q->object;
    struct span names = object_vary_names(it), values = object_vary_values(it);
    struct validators validators = object_validators(it);
    char stored[25];
    clock_iso(object_stored_wall(it), stored);
    json_out_object(o, "object");
    json_out_int(o, "status", it->status);
    json_out_text(o, "stored", span_of(stored));
    if (names.n > 0)
        json_out_text(o, "vary", names);
    if (validators.etag.p != NULL)
        json_out_text(o, "etag", validators.etag);
    if (validators.last_modified >= 0) {
        char date[DATE_BYTES];
        date_write(validators.last_modified, date);
        json_out_text(o, "last_modified", span_make(date, DATE_BYTES));
    }
    if (values.n > 0)
        json_out_text(o, "variant", values);
    json_out_u64(o, "tags", object_tags(it).count);
    json_out_u64(o, "uses", object_uses(it));
    json_out_bool(o, "soft_purged", object_is(it, OBJECT_SOFT_PURGED));
    put_freshness(o, q);
    put_why(o, q);
    put_generation(o, it->generation);
    json_out_end_object(o);
}

struct decision {
    const char *name, *because, *would;
};

static bool asks_only_cache(const struct question *q)
{
    struct cache_control cc;
    cache_control_init(&cc);
    cache_control_read(&cc, &q->request.fields, FIELD_CACHE_CONTROL);
    return cc.only_if_cached;
}

static struct decision of_miss(const struct question *q)
{
    bool has_others = q->others > 0;
    struct decision d = {has_others ? "vary-miss" : "miss",
                         has_others ? "no stored variant is this request's"
                                    : "nothing is stored under the key",
                         "ask the origin, once for all who ask"};
    if (asks_only_cache(q))
        d.would = "answer 504: only-if-cached, and not there";
    else if (q->pass_left_ms > 0)
        d = (struct decision){"pass", "the last answer was not storable, which is remembered",
                              "ask the origin for this client alone"};
    return d;
}

static struct decision of_object(const struct question *q)
{
    struct reuse_request ask = {.request = &q->request,
                                .site = q->site,
                                .now_wall = q->now_wall,
                                .is_soft_purged = object_is(q->object, OBJECT_SOFT_PURGED)};
    struct freshness freshness;
    object_freshness(q->object, &freshness);
    struct reuse_verdict v = reuse_of(&freshness, &ask);
    struct decision d = {reuse_text(v.reuse), v.because, reuse_would(v.reuse)};
    if (v.reuse == REUSE_VALIDATE && q->is_down && object_may_cover(q->object, q->now_wall))
        d = (struct decision){"covered", "every origin is known to be down",
                              "answer from the cache, stale within stale-if-error"};
    else if (v.reuse == REUSE_VALIDATE && q->pass_left_ms > 0)
        d.would = "ask the origin for this client alone: the last answer was not storable";
    return d;
}

static void put_decision(struct json_out *o, const struct question *q)
{
    struct decision d = q->object != NULL ? of_object(q) : of_miss(q);
    json_out_text(o, "decision", span_of(d.name));
    json_out_text(o, "because", span_of(d.because));
    json_out_text(o, "would", span_of(d.would));
    if (q->pass_left_ms > 0)
        put_seconds(o, "not_storable_s", q->pass_left_ms);
}

static void put_tiers(struct json_out *o, const struct admin *a, const struct question *q)
{
    uint64_t resource = source_key(q->key.host, q->url.path, q->key.query);
    admin_put_tiers(o, a, upstream_of(a->spec.sites(a->spec.ctx), q->site), &resource);
}

static void answer(struct question *q, const struct admin *a, struct span url)
{
    struct buf text;
    struct json_out o;
    buf_init(&text, ADMIN_JSON_MAX);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    json_out_text(&o, "url", url);
    json_out_text(&o, "site", span_of(q->site->name));
    put_place(&o, q, "site_at", q->site->line);
    json_out_text(&o, "key", q->key.text);
    put_key_rules(&o, q);
    json_out_bool(&o, "found", q->object != NULL);
    json_out_u64(&o, "other_variants", q->others);
    put_decision(&o, q);
    put_tiers(&o, a, q);
    if (q->object != NULL)
        put_object(&o, q);
    json_out_end_object(&o);
    buf_add_char(&text, '\n');
    exchange_reply(q->x, 200, SPAN("application/json"), buf_span(&text));
    buf_finish(&text);
}

/* What a request would find: the object, whether the key is remembered, how the origins are. */
static void look(struct question *q, struct admin *a)
{
    struct cache_target target = {q->url.host, q->url.path, q->url.query, q->url.scheme};
    msec_t now = loop_now(q->x->loop);
    q->key = cache_key_make(q->site, &target, &q->x->mem);
    struct store_key key = {q->key.text, q->key.hash};
    q->object = store_peek(a->spec.store, &key, matches, q);
    struct span values = q->object != NULL ? object_vary_values(q->object) : q->others_values;
    struct hash128 flight = collapse_key(&q->key.hash, values);
    (void)collapse_is_passed(a->spec.collapse, &flight, now, &q->pass_left_ms);
    q->is_down = upstream_is_down(upstream_of(a->spec.sites(a->spec.ctx), q->site), now);
}

void admin_explain(void *app, struct exchange *x, const struct router_match *m)
{
    struct admin *a = app;
    struct question q = {.x = x, .now_wall = loop_wall(x->loop)};
    int err = 0;
    x->events = &router_no_events;
    struct span url = router_query(m->query, "url", &x->mem, &err);
    if (err != 0 || url.p == NULL || url_parse(url, &q.url) != 0) {
        admin_problem(x, 400, "Ask like /v1/explain?url=http://host/path[&header=Name:value].");
        return;
    }
    q.set = a->spec.sites(a->spec.ctx);
    q.site = site_find(q.set->sites, q.url.host);
    if (q.site == NULL) {
        admin_problem(x, 404, "This edge serves no such site.");
        return;
    }
    q.request = (struct request_head){.method = METHOD_GET,
                                      .method_text = SPAN("GET"),
                                      .scheme = q.url.scheme,
                                      .host = q.url.host,
                                      .path = q.url.path,
                                      .query = q.url.query,
                                      .major_version = 1,
                                      .minor_version = 1};
    fields_init(&q.request.fields, &x->mem);
    add_fields(&q, m->query);
    look(&q, a);
    answer(&q, a, url);
    object_unref(&q.object);
}
