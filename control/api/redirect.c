/* SPDX-License-Identifier: MIT
 * Users sent to their edge. */
#include "control/api/redirect.h"

#include "control/api/answer.h"
#include "control/api/mirror_lists.h"
#include "control/api/mirrors.h"
#include "control/api/steer.h"

static struct span location_of(struct exchange *x, const struct picture_node *n, struct span host)
{
    const struct request_head *r = &x->request;
    bool has_query = r->query.p != NULL;
    const struct span parts[] = {steer_edge_url(n, r->scheme == SCHEME_HTTPS),
                                 SPAN("/"),
                                 host,
                                 r->path,
                                 has_query ? SPAN("?") : SPAN(""),
                                 has_query ? r->query : SPAN("")};
    return arena_join(&x->mem, parts, ARRAY_LEN(parts));
}

static void respond(struct exchange *x, const struct steer *s, struct span host)
{
    const struct decide_choice *best = &s->verdict.v[0];
    bool is_read = x->request.method == METHOD_GET || x->request.method == METHOD_HEAD;
    struct response_head head = {.status = is_read ? 302 : 307, .content_length = 0};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_LOCATION, location_of(x, best->node, host));
    fields_add(&head.fields, FIELD_CACHE_CONTROL,
               best->standing <= STANDING_FULL ? s->config->redirect_cache_control
                                               : SPAN("private, no-store"));
    if (s->question.wanted > 1)
        mirrors_links(s, &x->request, host, &head.fields);
    exchange_respond(x, &head, NULL);
}

static void redirect(struct api_worker *w, struct exchange *x, struct span host)
{
    struct steer s;
    counter_add(&w->counters.redirects, 1);
    s.client = steer_client(w, x);
    s.tells_place = false;
    s.question.wanted = mirrors_are_wanted(&x->request) ? MIRRORS_MAX : 1;
    s.question.scheme = x->request.scheme == SCHEME_HTTPS ? DECIDE_HTTPS : DECIDE_ANY;
    s.verdict.count = 0;
    if (steer_site(w, &s, host)) /* it may have gone while a list of mirrors was waited for */
        steer_run(w, &s, host, x->request.path);
    if (s.verdict.count == 0)
        answer_problem(x, 503, "There is no edge.");
    else
        respond(x, &s, host);
}

bool redirect_user(struct api_worker *w, struct exchange *x, struct span host)
{
    struct steer s;
    if (!steer_site(w, &s, host))
        return false;
    if (x->request.path.n == 0 || x->request.path.p[0] != '/') /* OPTIONS * */
        answer_problem(x, 400, "There is nowhere to send a request for no path.");
    else if (mirror_lists_is_one(&x->request))
        mirror_lists_answer(w->mirrors, x, host, redirect);
    else
        redirect(w, x, host);
    return true;
}
