/* SPDX-License-Identifier: MIT
 *
 * Questions after the health of origins. Each origin has its own timer, begun at different moments,
 * so that a large configuration does not ask all at once. Rows begin anew with a configuration. */
#include "edge/upstream/health.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <stdio.h>

#define BAD_ROW       3
#define GOOD_ROW      2
#define REQUEST_BYTES ((size_t)16 * 1024)

struct check {
    struct health *health;
    const struct site *site;
    struct upstream_origin *origin;
    struct timer timer;
    struct call *call; /* while it is being asked */
    struct health_row row;
};

struct health {
    struct loop *loop;
    struct client *client;
    struct upstream_set *set; /* NULL: none yet */
    struct check *checks;
    size_t count;
};

bool health_note(struct health_row *r, bool is_good)
{
    r->good = is_good ? (uint8_t)(r->good + (r->good < GOOD_ROW)) : 0;
    r->bad = is_good ? 0 : (uint8_t)(r->bad + (r->bad < BAD_ROW));
    bool was_unfit = r->is_unfit;
    if (r->good == GOOD_ROW)
        r->is_unfit = false;
    if (r->bad == BAD_ROW)
        r->is_unfit = true;
    return r->is_unfit != was_unfit;
}

static void conclude(struct check *c, bool is_good, const char *why)
{
    call_end(&c->call);
    timer_set(&c->timer, c->site->health_interval_ms);
    if (health_note(&c->row, is_good)) {
        upstream_set_fit(c->origin, !c->row.is_unfit);
        LOG_WARN("upstream-health", "site=%s upstream=%.*s fit=%s detail=\"%s\"", c->site->name,
                 SPAN_FMT(c->origin->name), c->row.is_unfit ? "no" : "yes", why);
    }
    if (c->row.good == GOOD_ROW)
        upstream_succeeded(c->origin);
}

static void on_head(void *ctx, struct call *call, const struct response_head *head)
{
    char seen[32];
    char drain[512];
    snprintf(seen, sizeof(seen), "status %d", head->status);
    (void)call_read(call, drain, sizeof(drain)); /* a short answer leaves its connection usable */
    (void)call_read(call, drain, sizeof(drain));
    conclude(ctx, head->status < 400, seen);
}

static void on_failed(void *ctx, struct call *call, int err, const char *text)
{
    (void)call;
    (void)err;
    conclude(ctx, false, text);
}

static const struct call_events events = {.on_head = on_head, .on_failed = on_failed};

static void ask(struct timer *t)
{
    struct check *c = CONTAINER_OF(t, struct check, timer);
    const struct site *site = c->site;
    struct span name = span_of(site->hosts.v[0]);
    struct request_head r = {.method = METHOD_GET,
                             .method_text = SPAN("GET"),
                             .scheme = c->origin->target.scheme,
                             .path = span_of(site->health_path),
                             .major_version = 1,
                             .minor_version = 1,
                             .keeps_alive = true};
    struct arena mem;
    int port = -1;
    arena_init(&mem, REQUEST_BYTES);
    fields_init(&r.fields, &mem);
    if (site->origin_host[0] != '\0')
        name = span_of(site->origin_host);
    else if (span_starts(name, SPAN("*.")))
        name = span_skip(name, 2);
    if (url_authority(name, &r.host, &port) != 0)
        r.host = name;
    r.port = port >= 0 ? port : scheme_port(r.scheme);
    struct call_spec spec = {.target = &c->origin->target,
                             .request = &r,
                             .connect_ms = site->connect_ms,
                             .first_byte_ms = site->health_interval_ms,
                             .stall_ms = site->stall_ms};
    c->call = call_start(c->health->client, &spec, &events, c);
    arena_finish(&mem);
}

struct health *health_create(struct loop *l, struct client *client)
{
    struct health *h = mem_zalloc(sizeof(*h));
    h->loop = l;
    h->client = client;
    return h;
}

static void forget(struct health *h)
{
    for (size_t i = 0; i < h->count; i++) {
        call_end(&h->checks[i].call);
        timer_finish(&h->checks[i].timer);
    }
    mem_free(h->checks);
    h->checks = NULL;
    h->count = 0;
    upstream_set_unref(&h->set);
}

static size_t count_origins(struct upstream_set *set)
{
    size_t count = 0;
    for (uint32_t i = 0; i < site_count(set->sites); i++) {
        const struct site *site = site_at(set->sites, i);
        count += site->health_path[0] != '\0' ? upstream_of(set, site)->count : 0;
    }
    return count;
}

static void add_site(struct health *h, const struct site *site)
{
    struct upstream *u = upstream_of(h->set, site);
    for (size_t i = 0; i < u->count; i++) {
        struct check *c = &h->checks[h->count];
        *c = (struct check){.health = h, .site = site, .origin = &u->origins[i]};
        timer_init(&c->timer, h->loop, ask);
        timer_set(&c->timer, (msec_t)(h->count++ * 7 % 1000) * site->health_interval_ms / 1000);
    }
}

void health_use(struct health *h, struct upstream_set *set)
{
    forget(h);
    upstream_set_ref(set);
    h->set = set;
    h->checks = mem_zarray(count_origins(set) + 1, sizeof(*h->checks));
    for (uint32_t i = 0; i < site_count(set->sites); i++) {
        if (site_at(set->sites, i)->health_path[0] != '\0')
            add_site(h, site_at(set->sites, i));
    }
}

void health_destroy(struct health **ph)
{
    struct health *h = *ph;
    *ph = NULL;
    if (h == NULL)
        return;
    forget(h);
    mem_free(h);
}
