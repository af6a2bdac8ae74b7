/* SPDX-License-Identifier: MIT
 * Users sent to their edge. */
#include "control/api/redirect.h"

#include "control/api/answer.h"
#include "control/api/api_route.h"
#include "control/api/mirror_lists.h"
#include "control/api/mirrors.h"
#include "control/api/round.h"

#define LOCATION      "Location: "
#define CACHE_CONTROL "\r\nCache-Control: "

/* Both fields, as the lines that they are in HTTP/1. */
static void add_location(struct fields *fs, const struct request_head *r, struct span edge_url,
                         struct span host, struct span cache_control)
{
    size_t most = sizeof LOCATION + edge_url.n + sizeof "/" + host.n + r->path.n + sizeof "?" +
                  r->query.n + sizeof CACHE_CONTROL + cache_control.n + sizeof "\r\n";
    char *lines = arena_bytes(fs->mem, most), *at = mempcpy(lines, LOCATION, sizeof LOCATION - 1);
    const char *from = at;
    at = mempcpy(at, edge_url.p, edge_url.n);
    *at++ = '/';
    at = mempcpy(at, host.p, host.n);
    at = mempcpy(at, r->path.p, r->path.n);
    if (r->query.p != NULL) {
        *at++ = '?';
        at = mempcpy(at, r->query.p, r->query.n);
    }
    struct span location = span_make(from, (size_t)(at - from));
    at = mempcpy(at, CACHE_CONTROL, sizeof CACHE_CONTROL - 1);
    at = mempcpy(at, cache_control.p, cache_control.n);
    at = mempcpy(at, "\r\n", 2);
    fields_add(fs, FIELD_LOCATION, location);
    fields_add(fs, FIELD_CACHE_CONTROL, cache_control);
    if (!field_value_is_valid(location))
        return; /* who writes the head will refuse it */
    fs->lines = span_make(lines, (size_t)(at - lines));
    fs->lines_count = fs->count;
}

static void respond(struct api_worker *w, struct exchange *x, const struct round_question *q)
{
    const struct steer *s = &q->steer;
    const struct decide_choice *best = &s->verdict.v[0];
    bool is_read = x->request.method == METHOD_GET || x->request.method == METHOD_HEAD;
    struct response_head head = {.status = is_read ? 302 : 307, .content_length = 0};
    (void)w;
    fields_init(&head.fields, &x->mem);
    add_location(&head.fields, &x->request,
                 steer_edge_url(best->node, x->request.scheme == SCHEME_HTTPS), q->host,
                 best->standing <= STANDING_FULL ? s->config->redirect_cache_control
                                                 : SPAN("private, no-store"));
    if (s->question.wanted > 1)
        mirrors_links(s, &x->request, q->host, &head.fields);
    exchange_respond(x, &head, NULL);
}

static bool ask_of_no_site(struct api_worker *w, struct exchange *x, struct round_question *q)
{
    if (x->request.method == METHOD_GET && span_eq(x->request.path, SPAN("/v1/route")))
        return api_route_ask(w, x, q);
    counter_add(&w->counters.unknown_hosts, 1);
    answer_problem(x, 421, "No site has the host %.*s.", SPAN_FMT(q->host));
    return false;
}

static bool ask(struct api_worker *w, struct exchange *x, struct round_question *q)
{
    struct steer *s = &q->steer;
    q->host = steer_host(x->request.host, &x->mem);
    if (!steer_site(s, q->host))
        return ask_of_no_site(w, x, q);
    if (x->request.path.n == 0 || x->request.path.p[0] != '/') { /* OPTIONS * */
        answer_problem(x, 400, "There is nowhere to send a request for no path.");
        return false;
    }
    counter_add(&w->counters.redirects, 1);
    s->client = steer_client(s->config, x);
    s->tells_place = false;
    s->question.wanted = mirrors_are_wanted(&x->request) ? MIRRORS_MAX : 1;
    s->question.scheme = x->request.scheme == SCHEME_HTTPS ? DECIDE_HTTPS : DECIDE_ANY;
    steer_ask(s, q->host, x->request.path);
    return true;
}

static void redirect(struct api_worker *w, struct exchange *x)
{
    static const struct round_kind kind = {ask, respond};
    round_add(w->round, x, &kind, x->request.query);
}

void redirect_answer(struct api_worker *w, struct exchange *x)
{
    struct steer s;
    if (mirror_lists_is_one(&x->request)) {
        struct span host = steer_host(x->request.host, &x->mem);
        x->events = &router_no_events;
        steer_begin(w, &s);
        if (steer_site(&s, host)) {
            mirror_lists_answer(w->mirrors, x, host, redirect);
            return;
        }
    }
    redirect(w, x);
}
