/* SPDX-License-Identifier: MIT
 * Users sent to their edge. */
#include "control/api/redirect.h"

#include "control/api/answer.h"
#include "control/api/steer.h"

static struct span edge_url(const struct picture_node *n, bool is_https)
{
    bool takes_https = is_https || n->spec.http_url.n == 0;
    return takes_https ? n->spec.https_url : n->spec.http_url;
}

static struct span location_of(struct exchange *x, const struct picture_node *n, struct span host)
{
    const struct request_head *r = &x->request;
    bool has_query = r->query.p != NULL;
    const struct span parts[] = {edge_url(n, r->scheme == SCHEME_HTTPS),
                                 SPAN("/"),
                                 host,
                                 r->path,
                                 has_query ? SPAN("?") : SPAN(""),
                                 has_query ? r->query : SPAN("")};
    return arena_join(&x->mem, parts, ARRAY_LEN(parts));
}

static void respond(struct exchange *x, struct span location, struct span cache_control)
{
    bool is_read = x->request.method == METHOD_GET || x->request.method == METHOD_HEAD;
    struct response_head head = {.status = is_read ? 302 : 307, .content_length = 0};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_LOCATION, location);
    fields_add(&head.fields, FIELD_CACHE_CONTROL, cache_control);
    exchange_respond(x, &head, NULL);
}

bool redirect_user(struct api_worker *w, struct exchange *x, struct span host)
{
    struct steer s;
    if (!steer_site(w, &s, host))
        return false;
    if (x->request.path.n == 0 || x->request.path.p[0] != '/') { /* OPTIONS * */
        answer_problem(x, 400, "There is nowhere to send a request for no path.");
        return true;
    }
    counter_add(&w->counters.redirects, 1);
    s.client = steer_client(w, x);
    s.question.wanted = 1;
    s.question.scheme = x->request.scheme == SCHEME_HTTPS ? DECIDE_HTTPS : DECIDE_ANY;
    steer_run(w, &s, host, x->request.path);
    if (s.verdict.count == 0) {
        answer_problem(x, 503, "There is no edge.");
        return true;
    }
    const struct decide_choice *best = &s.verdict.v[0];
    struct span location = location_of(x, best->node, host);
    respond(x, location,
            best->standing <= STANDING_FULL ? s.config->redirect_cache_control
                                            : SPAN("private, no-store"));
    return true;
}
