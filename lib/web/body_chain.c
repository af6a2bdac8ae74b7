/* SPDX-License-Identifier: MIT
 *
 * A body made of bodies, one after the other. */
#include "lib/web/body_chain.h"

#include "lib/base/mem.h"

struct chain {
    struct body body;
    struct body_chain_source source;
    struct body *now; /* NULL: the next one is still to be asked for, or the end was reached */
    int asked;
    bool is_ended;
};

static struct chain *chain_of(struct body *b)
{
    return CONTAINER_OF(b, struct chain, body);
}

static void on_part_ready(void *ctx)
{
    struct chain *c = ctx;
    body_ready(&c->body);
}

static int chain_peek(struct body *b, struct body_piece *out)
{
    struct chain *c = chain_of(b);
    while (!c->is_ended) {
        if (c->now == NULL) {
            c->now = c->source.next(c->source.ctx, c->asked++);
            c->is_ended = c->now == NULL;
            if (c->is_ended)
                break;
            c->now->on_ready = on_part_ready;
            c->now->ctx = c;
        }
        int rc = body_peek(c->now, out);
        if (rc != 0)
            return rc;
        body_close(&c->now);
    }
    return 0;
}

static void chain_advance(struct body *b, size_t n)
{
    body_advance(chain_of(b)->now, n);
}

static void chain_close(struct body *b)
{
    struct chain *c = chain_of(b);
    body_close(&c->now);
    if (c->source.close != NULL)
        c->source.close(c->source.ctx);
    mem_free(c);
}

static const struct body_ops chain_ops = {"chain", chain_peek, chain_advance, chain_close};

struct body *body_chain(const struct body_chain_source *source)
{
    struct chain *c = mem_zalloc(sizeof *c);
    c->body.ops = &chain_ops;
    c->source = *source;
    return &c->body;
}
