/* SPDX-License-Identifier: MIT
 *
 * Purging by URL: POST /v1/purge {"url": "https://dl.example.com/a?v=2", "soft": false}. The answer
 * is sent when it is done: no request that begins after it gets what was purged. */
#include "edge/admin/admin_rows.h"

#include "edge/admin/purge_url.h"
#include "lib/base/err.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#define BODY_MAX ((size_t)64 * 1024)

static void answer(struct exchange *x, const struct purge_request *ask, uint64_t met)
{
    struct buf text;
    struct json_out o;
    buf_init(&text, ADMIN_JSON_MAX);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    json_out_text(&o, "url", ask->url);
    json_out_bool(&o, "soft", ask->is_soft);
    json_out_u64(&o, "objects", met);
    json_out_end_object(&o);
    buf_add_char(&text, '\n');
    exchange_reply(x, 200, SPAN("application/json"), buf_span(&text));
    buf_finish(&text);
}

static void purge_now(struct admin *a, struct exchange *x, struct json_in *in)
{
    uint64_t met = 0;
    struct purge_request ask = {.url = json_in_text(in, in->root, "url", HEARTBEAT_URL_BYTES),
                                .site = json_in_text(in, in->root, "site", HEARTBEAT_NAME_BYTES),
                                .is_soft = json_in_bool(in, in->root, "soft", false)};
    if (json_in_is_faulty(in) || ask.url.n == 0) {
        admin_problem(x, 400, "The body must be like {\"url\": \"http://host/path\"}.");
        return;
    }
    int err = purge_url(a->spec.store, a->spec.sites(a->spec.ctx), &ask, &met);
    if (err == ERR_SYNTAX)
        admin_problem(x, 400, "url is not an absolute http or https URL.");
    else if (err != 0)
        admin_problem(x, 404, "This edge serves no such site.");
    else
        answer(x, &ask, met);
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
