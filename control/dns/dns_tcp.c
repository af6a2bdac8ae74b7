/* SPDX-License-Identifier: MIT
 * Connections with questions. A connection reads no further question while an answer waits to be
 * sent, so it holds one of each at most. */
#include "control/dns/dns_tcp.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/net/conn.h"

#define QUIET_MS     10000
#define CONNS        512 /* of a worker and address */
#define LENGTH_BYTES 2
/* A connection's share of one turn of the loop; then the others have theirs. */
#define TURN_QUESTIONS 64

struct dns_conn {
    struct list link;
    struct dns_tcp *tcp;
    struct conn *conn;
    struct deadline quiet;
    struct loop_task turn; /* deferred while it has more than its share */
    size_t in_bytes, out_bytes, out_sent;
    uint8_t in[LENGTH_BYTES + DNS_TCP_QUESTION_BYTES];
    uint8_t out[LENGTH_BYTES + DNS_TCP_ANSWER_BYTES];
};

static void destroy(struct dns_conn *c)
{
    deadline_stop(&c->quiet);
    loop_undefer(&c->turn);
    list_remove(&c->link);
    c->tcp->count--;
    conn_close(&c->conn);
    mem_free(c);
}

static void on_quiet(struct deadline *d)
{
    destroy(CONTAINER_OF(d, struct dns_conn, quiet));
}

/* 0: all is sent; ERR_AGAIN; or what broke. */
static int send_out(struct dns_conn *c)
{
    while (c->out_sent < c->out_bytes) {
        struct iovec rest = {c->out + c->out_sent, c->out_bytes - c->out_sent};
        ssize_t n = conn_writev(c->conn, &rest, 1, false);
        if (n < 0)
            return (int)n;
        c->out_sent += (size_t)n;
    }
    c->out_bytes = c->out_sent = 0;
    return 0;
}

static size_t length_of(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

/* The question that is whole, if one is. 0, ERR_AGAIN: none yet; ERR_PROTOCOL. */
static int answer_next(struct dns_conn *c)
{
    if (c->in_bytes < LENGTH_BYTES)
        return ERR_AGAIN;
    size_t n = length_of(c->in);
    if (n > DNS_TCP_QUESTION_BYTES)
        return ERR_PROTOCOL;
    if (c->in_bytes < LENGTH_BYTES + n)
        return ERR_AGAIN;
    size_t answer = c->tcp->on_question(c->tcp->ctx, conn_peer(c->conn),
                                        span_make(c->in + LENGTH_BYTES, n), c->out + LENGTH_BYTES);
    if (answer == 0)
        return ERR_PROTOCOL;
    c->out[0] = (uint8_t)(answer >> 8);
    c->out[1] = (uint8_t)answer;
    c->out_bytes = LENGTH_BYTES + answer;
    c->in_bytes -= LENGTH_BYTES + n;
    memmove(c->in, c->in + LENGTH_BYTES + n, c->in_bytes);
    return 0;
}

/* Until there is nothing to read, or no room to write, or the turn is over. A negative code other
 * than ERR_AGAIN: over. */
static int run(struct dns_conn *c)
{
    for (int answered = 0; answered < TURN_QUESTIONS;) {
        int err = send_out(c);
        if (err == 0)
            err = answer_next(c);
        answered += err == 0;
        if (err == 0)
            continue;
        if (err != ERR_AGAIN || c->out_bytes > 0)
            return err;
        ssize_t n = conn_read(c->conn, c->in + c->in_bytes, sizeof c->in - c->in_bytes);
        if (n <= 0)
            return n == 0 ? ERR_CLOSED : (int)n;
        c->in_bytes += (size_t)n;
        deadline_start(&c->tcp->quiet, &c->quiet);
        list_remove(&c->link);
        list_push_back(&c->tcp->conns, &c->link);
    }
    loop_defer(c->tcp->loop, &c->turn);
    return ERR_AGAIN;
}

static void on_turn(struct loop_task *t)
{
    struct dns_conn *c = CONTAINER_OF(t, struct dns_conn, turn);
    if (run(c) != ERR_AGAIN)
        destroy(c);
}

static void on_ready(void *ctx, struct conn *conn, unsigned ready)
{
    struct dns_conn *c = ctx;
    (void)conn;
    (void)ready;
    if (run(c) != ERR_AGAIN)
        destroy(c);
}

void dns_tcp_init(struct dns_tcp *t, struct loop *l, dns_tcp_fn on_question, void *ctx)
{
    *t = (struct dns_tcp){.loop = l, .on_question = on_question, .ctx = ctx};
    deadlines_init(&t->quiet, l, QUIET_MS, on_quiet);
    list_init(&t->conns);
}

void dns_tcp_finish(struct dns_tcp *t)
{
    if (t->loop == NULL)
        return;
    for (struct list *link; (link = list_pop(&t->conns)) != NULL;)
        destroy(LIST_THING(link, struct dns_conn, link));
    deadlines_finish(&t->quiet);
    t->loop = NULL;
}

void dns_tcp_accept(struct dns_tcp *t, int fd, const struct addr *peer)
{
    static const struct conn_events events = {.on_ready = on_ready};
    if (t->count == CONNS)
        destroy(LIST_THING(t->conns.next, struct dns_conn, link));
    struct dns_conn *c = mem_zalloc(sizeof *c);
    c->tcp = t;
    list_init(&c->link);
    loop_task_init(&c->turn, on_turn);
    list_push_back(&t->conns, &c->link);
    t->count++;
    deadline_init(&c->quiet);
    deadline_start(&t->quiet, &c->quiet);
    c->conn = conn_create_plain(t->loop, fd, peer);
    conn_set_events(c->conn, &events, c);
}
