/* SPDX-License-Identifier: MIT
 *
 * GET /v1/objects: what is stored, page by page, or summed up by where it lies. Walks the whole
 * index a little at a time on the admin thread, and keeps what one page needs: object_list.h. */
#include "edge/admin/admin_rows.h"

#include "edge/admin/object_list.h"
#include "edge/policy/cache_key.h"
#include "lib/base/mem.h"
#include "lib/codec/json_out.h"
#include "lib/http/url.h"

#define LIMIT_DEFAULT 100
#define JSON_MAX      (16u << 20) /* OBJECT_ROWS_MAX keys, each byte of them escaped */
#define SLICE_NS      2000000     /* of walking, in one turn of the loop */
#define WALKS_MAX     4

struct listing {
    struct admin *admin;
    struct exchange *x;
    struct object_list list;
    uint64_t at;
    struct timer next;
};

static void on_object(void *ctx, const struct object *o)
{
    struct listing *g = ctx;
    struct generation_weight w;
    struct span key = object_key_text(o);
    if (!object_filter_fits(&g->list.filter, key))
        return;
    generation_weigh(o->generation, &w);
    struct object_row row = {.key = key,
                             .id = w.id,
                             .hits = object_uses(o),
                             .bytes = w.bytes,
                             .disk_bytes = w.disk_bytes,
                             .stored_wall = object_stored_wall(o),
                             .status = o->status};
    object_list_add(&g->list, &row);
}

static void put_sum(struct json_out *o, const struct object_sum *s)
{
    json_out_u64(o, "objects", s->objects);
    json_out_int(o, "bytes", s->bytes);
    json_out_int(o, "disk_bytes", s->disk_bytes);
    json_out_u64(o, "hits", s->hits);
}

/* Keys as URLs: of two that differ by their scheme alone each has its own. */
static struct span url_of(struct span key, struct span *site, struct arena *mem)
{
    struct span scheme;
    *site = span_cut(key, '\n', &key);
    struct span host = span_cut(key, '\n', &key), target = span_cut(key, '\n', &scheme);
    struct span parts[] = {scheme.p != NULL ? SPAN("https://") : SPAN("http://"), host, target};
    return arena_join(mem, parts, ARRAY_LEN(parts));
}

static void put_rows(struct json_out *o, const struct listing *g)
{
    struct arena mem;
    char mark[OBJECT_MARK_BYTES], stored[25];
    arena_init(&mem, 4 * OBJECT_KEY_BYTES);
    json_out_array(o, "objects");
    for (uint32_t i = 0; i < g->list.count; i++) {
        const struct object_row *row = &g->list.rows[i];
        struct span site, url = url_of(row->key, &site, &mem);
        clock_iso(row->stored_wall, stored);
        json_out_object(o, NULL);
        json_out_text(o, "url", url);
        json_out_text(o, "site", site);
        json_out_int(o, "status", row->status);
        json_out_int(o, "bytes", row->bytes);
        json_out_int(o, "disk_bytes", row->disk_bytes);
        json_out_u64(o, "hits", row->hits);
        json_out_text(o, "stored", span_of(stored));
        json_out_end_object(o);
        arena_reset(&mem);
    }
    json_out_end_array(o);
    if (g->list.has_more) {
        struct object_mark last = object_list_mark(&g->list, &g->list.rows[g->list.count - 1]);
        object_mark_write(&last, mark);
        json_out_text(o, "next", span_of(mark));
    }
    arena_finish(&mem);
}

static void put_sums(struct json_out *o, const struct listing *g)
{
    struct span path;
    json_out_array(o, "sums");
    for (uint32_t i = 0; i < g->list.sum_count; i++) {
        const struct object_sum *s = &g->list.sums[i];
        struct span host = span_cut(s->name, '\n', &path);
        json_out_object(o, NULL);
        json_out_text(o, path.p != NULL ? "host" : "site", host);
        if (path.p != NULL)
            json_out_text(o, "path", path);
        put_sum(o, s);
        json_out_end_object(o);
    }
    json_out_end_array(o);
    if (g->list.other.objects > 0) {
        json_out_object(o, "other");
        put_sum(o, &g->list.other);
        json_out_end_object(o);
    }
}

static void answer(struct listing *g)
{
    struct buf text;
    struct json_out o;
    object_list_order(&g->list);
    buf_init(&text, JSON_MAX);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    json_out_object(&o, "total");
    put_sum(&o, &g->list.total);
    json_out_end_object(&o);
    if (g->list.is_sums)
        put_sums(&o, g);
    else
        put_rows(&o, g);
    json_out_end_object(&o);
    buf_add_char(&text, '\n');
    CHECK(!buf_overflowed(&text));
    exchange_reply(g->x, 200, SPAN("application/json"), buf_span(&text)); /* g may be gone */
    buf_finish(&text);
}

static void on_turn(struct timer *t)
{
    struct listing *g = CONTAINER_OF(t, struct listing, next);
    nsec_t end = clock_mono_ns() + SLICE_NS;
    bool is_more = true;
    while (is_more && clock_mono_ns() < end)
        is_more = store_walk(g->admin->spec.store, &g->at, on_object, g);
    if (is_more)
        timer_set(t, 0);
    else
        answer(g);
}

static void on_done(void *owner, struct exchange *x, int err)
{
    struct listing *g = owner;
    (void)x;
    (void)err;
    timer_finish(&g->next);
    object_list_finish(&g->list);
    g->admin->walks--;
    mem_free(g);
}

static const struct exchange_events events = {on_done};

/* prefix: a path, or a URL, whose host tells the site where none was given. */
static const char *read_prefix(struct listing *g, struct span prefix)
{
    struct object_filter *f = &g->list.filter;
    struct arena *mem = &g->x->mem;
    const struct site_table *sites = g->admin->spec.sites(g->admin->spec.ctx)->sites;
    struct url url;
    if (prefix.n > 0 && prefix.p[0] == '/') {
        f->path = url_normal_path(prefix, mem);
        return NULL;
    }
    if (url_parse(prefix, &url) != 0)
        return "prefix is a path or an absolute URL.";
    const struct site *site =
        f->site.p != NULL ? site_named(sites, f->site) : site_find(sites, url.host);
    if (site == NULL)
        return "This edge serves no such site.";
    struct span query = url.query.p != NULL ? url.query : SPAN("");
    struct span parts[] = {url_normal_path(url.path, mem),
                           url.query.p != NULL ? SPAN("?") : SPAN(""), query};
    *f = (struct object_filter){.site = span_of(site->name),
                                .host = cache_key_host(site, url.host, mem),
                                .path = arena_join(mem, parts, ARRAY_LEN(parts))};
    return NULL;
}

/* What is asked for; a sentence where it cannot be. */
static const char *read_query(struct listing *g, struct span query)
{
    struct object_list *l = &g->list;
    struct arena *mem = &g->x->mem;
    int err = 0;
    uint64_t limit = LIMIT_DEFAULT;
    struct span sort = router_query(query, "sort", mem, &err);
    struct span wanted = router_query(query, "limit", mem, &err);
    struct span after = router_query(query, "after", mem, &err);
    struct span prefix = router_query(query, "prefix", mem, &err);
    l->is_sums = span_eq(router_query(query, "sums", mem, &err), SPAN("1"));
    l->filter.site = router_query(query, "site", mem, &err);
    l->has_after = after.p != NULL;
    if (err != 0)
        return "The query is not well encoded.";
    if (sort.p != NULL && !object_sort_of(sort, &l->sort))
        return "sort is one of bytes, hits, age.";
    if (wanted.p != NULL && (!span_u64(wanted, &limit) || limit < 1 || limit > OBJECT_ROWS_MAX))
        return "limit is a number from 1 to 1000.";
    if (after.p != NULL && !object_mark_read(after, &l->after))
        return "after is what \"next\" of an earlier answer says.";
    l->limit = (uint32_t)limit;
    return prefix.p != NULL ? read_prefix(g, prefix) : NULL;
}

void admin_objects(void *app, struct exchange *x, const struct router_match *m)
{
    struct admin *a = app;
    if (a->walks >= WALKS_MAX) {
        admin_problem(x, 503, "Others are listing objects: ask again when they have done.");
        return;
    }
    struct listing *g = mem_zalloc(sizeof(*g));
    g->admin = a;
    g->x = x;
    const char *wrong = read_query(g, m->query);
    if (wrong != NULL) {
        mem_free(g);
        admin_problem(x, 400, wrong);
        return;
    }
    object_list_init(&g->list);
    timer_init(&g->next, x->loop, on_turn);
    a->walks++;
    x->events = &events;
    x->owner = g;
    timer_set(&g->next, 0);
}
