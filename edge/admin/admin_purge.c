/* SPDX-License-Identifier: MIT
 *
 * POST /v1/purge with one of {"url": "https://dl.example.com/a?v=2"}, {"prefix": URL}, {"host":
 * NAME}, {"tag": NAME}, {"site": NAME} or {"all": true}; "site" may stand beside the others, and
 * "soft": true. The answer is sent when it is done: no request that begins after it gets what was
 * purged. */
#include "edge/admin/admin_rows.h"

#include "edge/admin/purge_order.h"
#include "lib/base/err.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#define BODY_MAX ((size_t)64 * 1024)

#define SETTLE_MS 1000 /* for disks to write it down; the answer tells whether they did */

/* What may be purged by, by its key in the body. */
static const char *const whats[] = {[PURGE_WHAT_URL] = "url",
                                    [PURGE_WHAT_PREFIX] = "prefix",
                                    [PURGE_WHAT_HOST] = "host",
                                    [PURGE_WHAT_TAG] = "tag"};

static void answer(struct exchange *x, const struct purge_order *order, int64_t met,
                   bool is_settled)
{
    struct buf text;
    struct json_out o;
    buf_init(&text, ADMIN_JSON_MAX);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    if (order->what != PURGE_WHAT_SITE)
        json_out_text(&o, whats[order->what], order->value);
    if (order->site.n > 0)
        json_out_text(&o, "site", order->site);
    if (order->what == PURGE_WHAT_SITE && order->site.n == 0)
        json_out_bool(&o, "all", true);
    json_out_bool(&o, "soft", order->is_soft);
    json_out_bool(&o, "outlives_crash", is_settled);
    if (met >= 0)
        json_out_int(&o, "objects", met);
    json_out_end_object(&o);
    buf_add_char(&text, '\n');
    exchange_reply(x, 200, SPAN("application/json"), buf_span(&text));
    buf_finish(&text);
}

/* How many things it asks for at once: exactly one makes sense. */
static int read_order(struct json_in *in, struct purge_order *out)
{
    int count = 0;
    *out = (struct purge_order){.what = PURGE_WHAT_SITE,
                                .site = json_in_text(in, in->root, "site", HEARTBEAT_NAME_BYTES),
                                .is_soft = json_in_bool(in, in->root, "soft", false)};
    for (size_t i = 0; i < ARRAY_LEN(whats); i++) {
        struct span value = json_in_text(in, in->root, whats[i], HEARTBEAT_URL_BYTES);
        if (value.n == 0)
            continue;
        out->what = (enum purge_what)i;
        out->value = value;
        count++;
    }
    bool is_all = json_in_bool(in, in->root, "all", false);
    if (is_all && out->site.n > 0)
        return 0;
    return count + (is_all || (count == 0 && out->site.n > 0));
}

static void purge_now(struct admin *a, struct exchange *x, struct json_in *in)
{
    struct purge_order order;
    int64_t met;
    int count = read_order(in, &order);
    if (json_in_is_faulty(in) || count != 1) {
        admin_problem(x, 400,
                      "Give one of \"url\", \"prefix\", \"host\", \"tag\", \"site\", "
                      "\"all\": true.");
        return;
    }
    int err = purge_order_do(a->spec.store, a->spec.sites(a->spec.ctx)->sites, &order, &met);
    if (err == ERR_SYNTAX)
        admin_problem(x, 400, "This is not an absolute http or https URL.");
    else if (err != 0)
        admin_problem(x, 404, "This edge serves no such site.");
    else
        answer(x, &order, met, store_settle(a->spec.store, SETTLE_MS));
}

static void on_collected(void *owner, struct exchange *x, int err, struct span bytes)
{
    struct json_in in = {0};
    if (err != 0) {
        admin_problem(x, 413, "The body is too large.");
        return;
    }
    if (json_in_parse(&in, bytes, BODY_MAX) != 0)
        admin_problem(x, 400, "The body is not JSON.");
    else
        purge_now(owner, x, &in);
    json_in_finish(&in);
}

static void on_done(void *owner, struct exchange *x, int err)
{
    (void)owner;
    (void)x;
    (void)err;
}

static const struct exchange_events events = {on_done};

void admin_purge(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    x->events = &events;
    x->owner = app;
    exchange_collect(x, BODY_MAX, on_collected);
}
