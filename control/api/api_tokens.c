/* SPDX-License-Identifier: MIT
 * Tokens: told, made, taken away. */
#include "control/api/api_tokens.h"

#include "control/api/answer.h"
#include "control/api/api_job.h"
#include "lib/base/err.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#define BODY_BYTES 4096
#define MAX_RIGHTS 8

void api_tokens_list(void *app, struct exchange *x, const struct router_match *m)
{
    struct api_worker *w = app;
    struct answer a;
    (void)m;
    struct json_out *o = answer_open(&a);
    json_out_array(o, "tokens");
    tokens_write(w->api->tokens, o);
    json_out_end_array(o);
    answer_close(&a, x, 200);
}

struct token_job {
    struct api_job api; /* first */
    struct token token;
    char text[TOKEN_TEXT_BYTES + 1];
};

static struct token_job *self_of(struct api_job *j)
{
    return CONTAINER_OF(j, struct token_job, api);
}

static void take_name(struct json_in *in, const char *key, char out[TOKEN_NAME_BYTES + 1])
{
    struct span s = json_in_text(in, in->root, key, TOKEN_NAME_BYTES);
    if (s.n > 0 && !site_doc_name_is_valid(s))
        json_in_fault(in, key, "must be 1 to 64 letters, digits, '.', '_' or '-'");
    else if (s.n > 0)
        memcpy(out, s.p, s.n);
}

static void read_token(struct json_in *in, struct token *t)
{
    const struct json_t *rights = json_in_array(in, in->root, "rights", MAX_RIGHTS);
    take_name(in, "name", t->name);
    take_name(in, "node", t->node);
    if (t->name[0] == '\0')
        json_in_fault(in, "name", "must be given");
    for (size_t i = 0; i < json_in_count(rights); i++) {
        unsigned right = token_right_of(json_in_text_at(in, rights, i, TOKEN_NAME_BYTES));
        if (right == 0)
            json_in_fault(in, "rights", "are of read, purge and admin");
        t->rights |= right;
    }
    if ((t->rights != 0) == (t->node[0] != '\0'))
        json_in_fault(in, "rights, node", "one of them must be given");
    if (t->node[0] != '\0')
        t->rights = TOKEN_NODE;
}

static int read_make(struct api_job *j, struct span body)
{
    struct token_job *job = self_of(j);
    struct json_in in;
    int err = json_in_parse(&in, body, BODY_BYTES);
    if (err == 0)
        read_token(&in, &job->token);
    err = json_in_end(&in, err, NULL, &j->why);
    j->about = span_of(job->token.name);
    return err;
}

static int run_make(struct api_job *j, struct state *s)
{
    struct token_job *job = self_of(j);
    struct tokens *tokens = j->worker->api->tokens;
    struct token *t = &job->token;
    if (tokens_has(tokens, span_of(t->name))) {
        buf_printf(&j->why, "There is a token %s: delete it first.", t->name);
        return ERR_EXISTS;
    }
    memcpy(t->by, j->who.p, j->who.n);
    t->at_wall_ms = clock_wall_ms();
    token_make(t, job->text);
    struct state_change change = tokens_change(span_of(t->name), t, &j->mem);
    int err = api_job_commit(j, s, &change, 1);
    if (err == 0)
        tokens_put(tokens, t);
    return err;
}

static void answer_made(struct api_job *j)
{
    struct token_job *job = self_of(j);
    struct answer a;
    struct json_out *o = answer_open(&a);
    token_write(&job->token, o);
    json_out_text(o, "token", span_of(job->text));
    explicit_bzero(job->text, sizeof job->text);
    answer_close(&a, j->x, 201);
}

static const struct api_job_ops make_ops = {.bytes = sizeof(struct token_job),
                                            .body_bytes = BODY_BYTES,
                                            .read = read_make,
                                            .run = run_make,
                                            .answer = answer_made};

void api_tokens_make(void *app, struct exchange *x, const struct router_match *m)
{
    (void)m;
    api_job_start(api_job_create(app, x, &make_ops, SPAN_NONE));
}

static int run_delete(struct api_job *j, struct state *s)
{
    struct tokens *tokens = j->worker->api->tokens;
    if (!tokens_has(tokens, j->subject)) {
        buf_printf(&j->why, "There is no token %.*s.", SPAN_FMT(j->subject));
        return ERR_NOT_FOUND;
    }
    struct state_change change = tokens_change(j->subject, NULL, &j->mem);
    int err = api_job_commit(j, s, &change, 1);
    if (err == 0)
        tokens_take_out(tokens, j->subject);
    return err;
}

static void answer_deleted(struct api_job *j)
{
    answer_nothing(j->x);
}

static const struct api_job_ops delete_ops = {
    .bytes = sizeof(struct api_job), .run = run_delete, .answer = answer_deleted};

void api_tokens_delete(void *app, struct exchange *x, const struct router_match *m)
{
    api_job_start(api_job_create(app, x, &delete_ops, m->arg[0]));
}
