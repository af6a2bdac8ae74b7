/* SPDX-License-Identifier: MIT
 * Routing told as JSON. */
#include "control/api/api_route.h"

#include "control/api/answer.h"
#include "control/api/round.h"
#include "control/route/explain.h"
#include "lib/codec/json_out.h"

#define DEFAULT_WANTED 3

enum parameter { CLIENT, HOST, PATH, COUNT, SCHEME, EXPLAIN, PARAMETERS };

struct asked {
    struct span v[PARAMETERS]; /* p == NULL: not given */
};

static void note_parameter(struct asked *q, struct span name, struct span value)
{
    static const struct span names[] = {
        [CLIENT] = SPAN("client"), [HOST] = SPAN("host"),     [PATH] = SPAN("path"),
        [COUNT] = SPAN("n"),       [SCHEME] = SPAN("scheme"), [EXPLAIN] = SPAN("explain")};
    for (size_t i = 0; i < PARAMETERS; i++)
        if (span_eq(name, names[i]) && q->v[i].p == NULL) /* the first counts */
            q->v[i] = value;
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
    if (q->v[HOST].n == 0)
        return "host must be given.";
    return NULL;
}

static const char *set_question(const struct exchange *x, const struct asked *q, struct steer *s)
{
    uint64_t wanted = DEFAULT_WANTED;
    struct span client = q->v[CLIENT], count = q->v[COUNT], scheme = q->v[SCHEME];
    if (client.p == NULL)
        s->client = steer_client(s->config, x);
    else if (addr_parse_ip(client, &s->client) != 0)
        return "client is no IP address.";
    if (count.p != NULL && (!span_u64(count, &wanted) || wanted < 1 || wanted > DECIDE_MAX))
        return "n is a number from 1 to 16.";
    s->question.wanted = (size_t)wanted;
    s->tells_place = true;
    if (scheme.p == NULL)
        s->question.scheme = DECIDE_ANY;
    else if (span_eq(scheme, SPAN("http")))
        s->question.scheme = DECIDE_HTTP;
    else if (span_eq(scheme, SPAN("https")))
        s->question.scheme = DECIDE_HTTPS;
    else
        return "scheme is http or https.";
    return NULL;
}

static void write_answer(const struct steer *s, bool is_long, struct buf *text)
{
    char client[ADDR_TEXT_ROOM];
    struct json_out o;
    size_t n = addr_ip_text(&s->client, client);
    json_out_begin(&o, text);
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
}

/* Usual answers are written in the worker's buffer; one that tells of each node is as long as there
 * are nodes, and has its own. */
static void answer(struct api_worker *w, struct exchange *x, const struct round_question *q)
{
    struct buf own, *text = q->is_long ? &own : &w->text;
    if (q->is_long)
        buf_init(&own, ANSWER_MAX_BYTES);
    else
        buf_clear(text);
    write_answer(&q->steer, q->is_long, text);
    answer_json(x, 200, text);
    if (q->is_long)
        buf_finish(&own);
}

static const struct round_kind kind = {api_route_ask, answer};

bool api_route_ask(struct api_worker *w, struct exchange *x, struct round_question *q)
{
    struct asked asked = {0};
    struct steer *s = &q->steer;
    q->kind = &kind;
    counter_add(&w->counters.routes, 1);
    const char *fault = read_query(x, q->query, &asked);
    if (fault == NULL)
        fault = set_question(x, &asked, s);
    if (fault != NULL) {
        answer_problem(x, 400, "%s", fault);
        return false;
    }
    q->host = steer_host(asked.v[HOST], &x->mem);
    if (!steer_site(s, q->host)) {
        counter_add(&w->counters.unknown_hosts, 1);
        answer_problem(x, 404, "No site has the host %.*s.", SPAN_FMT(q->host));
        return false;
    }
    steer_ask(s, q->host, asked.v[PATH].n > 0 ? asked.v[PATH] : SPAN("/"));
    q->is_long = span_eq(asked.v[EXPLAIN], SPAN("1"));
    return true;
}

void api_route(void *app, struct exchange *x, const struct router_match *m)
{
    struct api_worker *w = app;
    round_add(w->round, x, &kind, m->query);
}
