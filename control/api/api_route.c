/* SPDX-License-Identifier: MIT
 * Routing told as JSON. */
#include "control/api/api_route.h"

#include "control/api/answer.h"
#include "control/api/steer.h"
#include "control/route/explain.h"
#include "lib/codec/json_out.h"

#define DEFAULT_WANTED 3
#define COMMON_BYTES   2048 /* hold most answers */

struct asked {
    struct span client, host, path, count, scheme, explain;
};

static void note_parameter(struct asked *q, struct span name, struct span value)
{
    const struct {
        struct span name, *value;
    } rows[] = {{SPAN("client"), &q->client}, {SPAN("host"), &q->host},
                {SPAN("path"), &q->path},     {SPAN("n"), &q->count},
                {SPAN("scheme"), &q->scheme}, {SPAN("explain"), &q->explain}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_eq(name, rows[i].name) && rows[i].value->p == NULL) /* the first counts */
            *rows[i].value = value;
}

/* NULL, or what is wrong with the question. */
static const char *read_query(struct exchange *x, struct span query, struct asked *q)
{
    struct span name, value;
    int r;
    while ((r = router_query_next(&query, &x->mem, &name, &value)) == 1)
        note_parameter(q, name, value);
    if (r != 0)
        return "The query holds a bad escape.";
    if (q->host.n == 0)
        return "host must be given.";
    return NULL;
}

static const char *set_question(const struct asked *q, struct steer *s)
{
    uint64_t wanted = DEFAULT_WANTED;
    if (q->client.p != NULL && addr_parse_ip(q->client, &s->client) != 0)
        return "client is no IP address.";
    if (q->count.p != NULL && (!span_u64(q->count, &wanted) || wanted < 1 || wanted > DECIDE_MAX))
        return "n is a number from 1 to 16.";
    s->question.wanted = (size_t)wanted;
    s->tells_place = true;
    if (q->scheme.p == NULL)
        s->question.scheme = DECIDE_ANY;
    else if (span_eq(q->scheme, SPAN("http")))
        s->question.scheme = DECIDE_HTTP;
    else if (span_eq(q->scheme, SPAN("https")))
        s->question.scheme = DECIDE_HTTPS;
    else
        return "scheme is http or https.";
    return NULL;
}

static void answer(struct exchange *x, const struct steer *s, bool is_long)
{
    char client[ADDR_TEXT_ROOM];
    struct buf text;
    struct json_out o;
    buf_init(&text, ANSWER_MAX_BYTES);
    (void)buf_room(&text, COMMON_BYTES);
    size_t n = addr_ip_text(&s->client, client);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    json_out_text(&o, "client", span_make(client, n));
    json_out_text(&o, "site", s->site->name);
    struct explain_spec e = {.picture = s->picture,
                             .rules = &s->config->rules,
                             .question = &s->question,
                             .verdict = &s->verdict,
                             .is_long = is_long};
    explain_write(&e, &o);
    json_out_int(&o, "ttl_s", s->config->redirect_max_age_s);
    json_out_end_object(&o);
    answer_json(x, 200, &text);
    buf_finish(&text);
}

void api_route(void *app, struct exchange *x, const struct router_match *m)
{
    struct api_worker *w = app;
    struct asked q = {0};
    struct steer s;
    counter_add(&w->counters.routes, 1);
    const char *fault = read_query(x, m->query, &q);
    s.client = steer_client(w, x);
    if (fault == NULL)
        fault = set_question(&q, &s);
    if (fault != NULL) {
        answer_problem(x, 400, "%s", fault);
        return;
    }
    struct span host = steer_host(q.host, &x->mem);
    if (!steer_site(w, &s, host)) {
        counter_add(&w->counters.unknown_hosts, 1);
        answer_problem(x, 404, "No site has the host %.*s.", SPAN_FMT(host));
        return;
    }
    steer_run(w, &s, host, q.path.n > 0 ? q.path : SPAN("/"));
    if (s.verdict.count == 0)
        answer_problem(x, 503, "There is no edge.");
    else
        answer(x, &s, span_eq(q.explain, SPAN("1")));
}
