/* SPDX-License-Identifier: MIT
 * Connections kept alive between calls (RFC 9112 s.9.3). Knows no HTTP: that a connection may be
 * used again is its caller's judgement. Runs on the client's loop. */
#include "lib/web/client_pool.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct pool_target {
    struct list conns; /* the freshest first */
    uint32_t count;
    size_t key_bytes;
    char key[];
};

struct pool_conn {
    struct list link;
    struct deadline idle;
    struct client_pool *pool;
    struct pool_target *target;
    struct conn *conn;
};

/* Out of the pool; the connection is the caller's. */
static struct conn *take_out(struct pool_conn *pc)
{
    struct conn *c = pc->conn;
    struct pool_target *t = pc->target;
    deadline_stop(&pc->idle);
    list_remove(&pc->link);
    conn_set_events(c, NULL, NULL);
    if (--t->count == 0) {
        map_remove(pc->pool->targets, span_make(t->key, t->key_bytes));
        mem_free(t);
    }
    mem_free(pc);
    return c;
}

static void drop(struct pool_conn *pc)
{
    struct conn *c = take_out(pc);
    conn_close(&c);
}

static void on_idle(struct deadline *d)
{
    drop(CONTAINER_OF(d, struct pool_conn, idle));
}

/* True: the peer has ended, or said something out of turn. */
static bool is_spoilt(struct conn *c)
{
    char byte;
    return conn_may_read(c) && conn_read(c, &byte, 1) != ERR_AGAIN;
}

static void on_ready(void *ctx, struct conn *c, unsigned ready)
{
    (void)ready;
    if (is_spoilt(c))
        drop(ctx);
}

static const struct conn_events pool_events = {on_ready};

void client_pool_init(struct client_pool *p, struct loop *l, uint32_t per_target, msec_t idle_ms)
{
    p->targets = map_create();
    p->per_target = per_target;
    deadlines_init(&p->idle, l, idle_ms, on_idle);
}

void client_pool_finish(struct client_pool *p)
{
    size_t at = 0;
    struct span key;
    void *value;
    while (map_next(p->targets, &at, &key, &value)) {
        struct pool_target *t = value;
        bool is_last;
        do {
            is_last = t->count == 1;
            drop(LIST_THING(t->conns.next, struct pool_conn, link));
        } while (!is_last);
        at = 0; /* the table has changed */
    }
    map_destroy(p->targets);
    deadlines_finish(&p->idle);
}

struct conn *client_pool_get(struct client_pool *p, struct span key)
{
    struct pool_target *t = map_get(p->targets, key);
    while (t != NULL) {
        bool is_last = t->count == 1;
        struct conn *c = take_out(LIST_THING(t->conns.next, struct pool_conn, link));
        if (!is_spoilt(c))
            return c;
        conn_close(&c);
        t = is_last ? NULL : t;
    }
    return NULL;
}

static struct pool_target *target_of(struct client_pool *p, struct span key)
{
    struct pool_target *t = map_get(p->targets, key);
    if (t != NULL)
        return t;
    t = mem_alloc(sizeof *t + key.n);
    list_init(&t->conns);
    t->count = 0;
    t->key_bytes = key.n;
    memcpy(t->key, key.p, key.n);
    map_put(p->targets, key, t);
    return t;
}

void client_pool_put(struct client_pool *p, struct span key, struct conn **pc)
{
    struct conn *c = *pc;
    *pc = NULL;
    if (p->per_target == 0 || is_spoilt(c)) {
        conn_close(&c);
        return;
    }
    struct pool_target *t = target_of(p, key);
    struct pool_conn *rest = mem_alloc(sizeof *rest);
    *rest = (struct pool_conn){.pool = p, .target = t, .conn = c};
    deadline_init(&rest->idle);
    list_push_front(&t->conns, &rest->link);
    t->count++;
    conn_set_events(c, &pool_events, rest);
    deadline_start(&p->idle, &rest->idle);
    if (t->count > p->per_target) /* the oldest gives way */
        drop(LIST_THING(t->conns.prev, struct pool_conn, link));
}
