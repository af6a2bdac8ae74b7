/* SPDX-License-Identifier: MIT
 *
 * Listing, storing and removing in a storage across a network. Runs on the asking loop. */
#include "origin/connect/remote_write.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "origin/connect/remote_remains.h"
#include "origin/connect/remote_upload.h"

struct listing {
    struct remote_talk talk; /* first */
    struct connector_list *list;
};

static void listed(struct remote_talk *t, int err)
{
    struct listing *g = CONTAINER_OF(t, struct listing, talk);
    struct connector_list *l = g->list;
    struct remote_loop *at = t->ask.at;
    l->entries = NULL;
    l->count = 0;
    l->next = SPAN_NONE;
    if (err == 0)
        err = at->remote->kind->read_list(at, l, buf_span(&t->answer));
    if (err == 0 && arena_overflowed(&l->mem))
        err = ERR_TOO_BIG;
    if (err == 0 && l->next.n > 0 && span_eq(l->next, l->after))
        err = ERR_PROTOCOL; /* this page once more, for ever */
    remote_talk_end(t);
    mem_free(g);
    l->done(l, err);
}

void remote_list(struct connector *c, struct connector_list *l)
{
    struct remote_loop *at = remote_at(c, l->home);
    const struct remote_kind *kind = at->remote->kind;
    bool can_list =
        kind->ask_list != NULL && (kind->can_list == NULL || kind->can_list(at->remote->options));
    if (!can_list) {
        l->done(l, ERR_UNSUPPORTED);
        return;
    }
    struct listing *g = mem_zalloc(sizeof *g);
    g->list = l;
    g->talk.done = listed;
    remote_ask_init(&g->talk.ask, at, METHOD_GET, SPAN_NONE);
    kind->ask_list(at, &g->talk.ask, l);
    remote_talk_start(&g->talk);
}

struct removal {
    struct remote_talk talk;
    struct remote_remains remains;
    struct connector_remove *remove;
};

static void removal_over(struct removal *g, int err)
{
    struct connector_remove *r = g->remove;
    remote_remains_finish(&g->remains);
    mem_free(g);
    r->done(r, err);
}

/* The object is gone in any case. */
static void swept(struct remote_remains *r, int err)
{
    (void)err;
    removal_over(CONTAINER_OF(r, struct removal, remains), 0);
}

static void removed(struct remote_talk *t, int err)
{
    struct removal *g = CONTAINER_OF(t, struct removal, talk);
    remote_talk_end(t);
    if (err != 0) {
        removal_over(g, err);
        return;
    }
    g->remains.done = swept;
    remote_remains_sweep(&g->remains);
}

static void looked(struct remote_remains *r, int err)
{
    struct removal *g = CONTAINER_OF(r, struct removal, remains);
    if (err != 0) {
        removal_over(g, err);
        return;
    }
    g->talk = (struct remote_talk){.done = removed};
    remote_ask_init(&g->talk.ask, r->at, METHOD_DELETE, g->remove->path);
    remote_talk_start(&g->talk);
}

void remote_remove(struct connector *c, struct connector_remove *r)
{
    struct remote_loop *at = remote_at(c, r->home);
    if (!at->remote->kind->can_write) {
        r->done(r, ERR_UNSUPPORTED);
        return;
    }
    struct removal *g = mem_zalloc(sizeof *g);
    g->remove = r;
    g->remains = (struct remote_remains){.at = at, .path = r->path, .done = looked};
    remote_remains_look(&g->remains);
}

void remote_put(struct connector *c, struct connector_put *p)
{
    struct remote_loop *at = remote_at(c, p->home);
    if (!at->remote->kind->can_write)
        p->done(p, ERR_UNSUPPORTED);
    else
        remote_upload_start(at, p);
}
