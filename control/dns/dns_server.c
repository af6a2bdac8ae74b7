/* SPDX-License-Identifier: MIT
 * The sockets of all zones, and the way of a question: read, held to its network's rate, looked up,
 * answered. Some of a batch take each of these steps together: what one step asks the
 * processor's caches for is there when the next begins, and the code of one step is run for all
 * before that of another. Nothing waits, so what a question needs lives for its call. */
#include "control/dns/dns_server.h"

#include "control/dns/dns_answer.h"
#include "control/dns/dns_limit.h"
#include "control/dns/dns_reply.h"
#include "control/dns/dns_tcp.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/listener.h"
#include "lib/net/udp.h"

#include <errno.h>
#include <unistd.h>

#define QUESTION_BYTES (256 << 10) /* bound on what one question makes us hold */
#define ROUND          8           /* questions that take each step together */

_Static_assert(DNS_UDP_BYTES <= UDP_ANSWER_BYTES, "an answer fits its datagram");
_Static_assert(DNS_HEADER_BYTES + DNS_NAME_BYTES + 4 + DNS_BODY_BYTES + 64 + 4 +
                       DNS_IDENTITY_BYTES <=
                   DNS_TCP_ANSWER_BYTES,
               "the longest answer fits");

struct dns_port {
    struct dns_zone zone;
    struct dns_limit *limit;
    const struct dns_cookies *cookies; /* the server's */
    int *udp_fds, *tcp_fds;            /* [workers] until it has started; then -1 */
};

/* A question on its way. */
struct question {
    const struct addr *peer;
    int rcode;      /* or ERR_SYNTAX: it is none */
    bool is_proven; /* a cookie tells that its sender is who it says */
    bool is_udp;
    struct dns_asked *asked; /* NULL: its rcode is the answer */
    uint64_t who;            /* for the limit, by UDP */
    enum dns_limit_verdict verdict;
    struct dns_query query;
};

/* One port on one worker. */
struct dns_here {
    struct dns_port *port;
    struct loop *loop;
    struct dns_counters *counters;
    struct dns_answerer *answerer;
    struct udp *udp;
    struct listener *listener;
    struct dns_tcp tcp;
    struct arena mem;
    uint32_t now_s; /* Unix time of the round; 0: nobody needed it yet */
    struct question round[ROUND];
    struct dns_asked asked[ROUND]; /* those of the round that are looked up */
    size_t asked_count;
};

struct dns_server {
    size_t count;
    int workers;
    struct dns_port *ports;
    struct dns_here *here;         /* [worker * count + port] */
    struct dns_counters *counters; /* [workers] */
    struct dns_surveyor *surveyor;
    struct dns_cookies cookies;
};

/* ---- the steps ---- */

static void count(struct dns_here *h, const struct dns_body *b)
{
    struct dns_counters *c = h->counters;
    counter_t *which = &c->faulty;
    if (b->rcode == DNS_BADCOOKIE)
        return;
    if (b->rcode == DNS_REFUSED)
        which = &c->refused;
    else if (b->rcode == DNS_NXDOMAIN)
        which = &c->without_name;
    else if (b->rcode == DNS_NOERROR)
        which = b->answers > 0 ? &c->answers : &c->without_data;
    counter_add(which, 1);
}

static uint32_t now_s(struct dns_here *h)
{
    if (h->now_s == 0)
        h->now_s = (uint32_t)(clock_wall_ms() / MSEC_PER_SEC);
    return h->now_s;
}

/* What a question takes is given back before the next; nearly all take nothing. */
static struct arena *fresh_memory(struct dns_here *h)
{
    if (h->mem.used_bytes > 0)
        arena_reset(&h->mem);
    return &h->mem;
}

static void begin_round(struct dns_here *h)
{
    h->now_s = 0;
    h->asked_count = 0;
}

static void read_question(struct dns_here *h, struct question *q, struct span bytes)
{
    const struct dns_query *query = &q->query;
    q->is_proven = false;
    q->asked = NULL;
    q->rcode = dns_query_read(&q->query, bytes, fresh_memory(h));
    if (q->rcode < 0) {
        counter_add(&h->counters->malformed, 1);
        return;
    }
    counter_add(&h->counters->subnets, query->has_subnet);
    if (query->has_cookie) {
        q->is_proven = dns_cookies_prove(h->port->cookies, query, q->peer, now_s(h));
        counter_add(&h->counters->cookies, 1);
        counter_add(&h->counters->proven, q->is_proven);
    }
}

static void want_look_up(struct dns_here *h, struct question *q)
{
    if (q->rcode != DNS_NOERROR || q->query.name_bytes == 0)
        return;
    q->asked = &h->asked[h->asked_count++];
    q->asked->query = &q->query;
    q->asked->sender = q->peer;
}

static size_t reply(struct dns_here *h, const struct question *q, uint8_t *out)
{
    uint8_t cookie[DNS_COOKIE_BYTES];
    struct dns_body fault;
    struct dns_answer answer = {.body = &fault};
    if (q->asked != NULL)
        answer = dns_answer_find(h->answerer, q->asked, fresh_memory(h));
    else
        dns_body_empty(&fault, (enum dns_rcode)q->rcode);
    count(h, answer.body);
    struct dns_reply r = {.body = answer.body,
                          .scope_bits = answer.scope_bits,
                          .room = DNS_TCP_ANSWER_BYTES,
                          .is_udp = q->is_udp,
                          .is_proven = q->is_proven};
    if (q->query.has_nsid)
        r.identity = span_of(h->port->zone.identity);
    if (q->query.has_cookie) {
        dns_cookies_make(h->port->cookies, &q->query, q->peer, now_s(h), cookie);
        r.cookie = cookie;
    }
    return dns_reply_write(&q->query, &r, out);
}

/* ---- by UDP ---- */

static void read_all(struct dns_here *h, const struct udp_question *v, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct question *q = &h->round[i];
        q->peer = v[i].peer;
        q->is_udp = true;
        read_question(h, q, v[i].bytes);
        if (q->rcode >= 0 && !q->is_proven)
            q->who = dns_limit_who(h->port->limit, q->peer);
    }
}

/* Beyond the rate: who has cookies shall come again with ours (RFC 7873 s.5.2.3), and nobody else
 * can; others by TCP. */
static void limit(struct dns_here *h, struct question *q)
{
    q->verdict = DNS_LIMIT_PASS;
    if (!q->is_proven)
        q->verdict = dns_limit_take(h->port->limit, q->who, loop_now(h->loop));
    if (q->verdict == DNS_LIMIT_DROP)
        counter_add(&h->counters->limited, 1);
    if (q->verdict == DNS_LIMIT_CUT && q->query.has_cookie) {
        counter_add(&h->counters->limited_cookie, 1);
        q->rcode = DNS_BADCOOKIE;
        q->verdict = DNS_LIMIT_PASS;
    }
}

static void limit_all(struct dns_here *h, size_t count)
{
    for (struct question *q = h->round; q < h->round + count; q++) {
        if (q->rcode < 0)
            continue;
        limit(h, q);
        if (q->verdict == DNS_LIMIT_PASS)
            want_look_up(h, q);
    }
}

static size_t answer(struct dns_here *h, const struct question *q, uint8_t *out)
{
    if (q->rcode < 0 || q->verdict == DNS_LIMIT_DROP)
        return 0;
    if (q->verdict == DNS_LIMIT_CUT) {
        counter_add(&h->counters->limited_cut, 1);
        return dns_reply_cut(&q->query, out);
    }
    size_t n = reply(h, q, out);
    if (dns_reply_is_cut(out))
        counter_add(&h->counters->truncated, 1);
    return n;
}

static void run_round(struct dns_here *h, struct udp_question *v, size_t count)
{
    begin_round(h);
    read_all(h, v, count);
    limit_all(h, count);
    dns_answer_look(h->answerer, h->asked, h->asked_count);
    for (size_t i = 0; i < count; i++)
        v[i].answer_bytes = answer(h, &h->round[i], v[i].answer);
}

static void on_udp(void *ctx, struct udp_question *v, size_t count)
{
    struct dns_here *h = ctx;
    counter_add(&h->counters->udp_questions, count);
    for (size_t at = 0, n; at < count; at += n) {
        n = count - at < ROUND ? count - at : ROUND;
        run_round(h, v + at, n);
    }
}

/* ---- by TCP ---- */

static size_t on_tcp(void *ctx, const struct addr *peer, struct span question, uint8_t *out)
{
    struct dns_here *h = ctx;
    struct question *q = &h->round[0];
    begin_round(h);
    counter_add(&h->counters->tcp_questions, 1);
    q->peer = peer;
    q->is_udp = false;
    read_question(h, q, question);
    if (q->rcode < 0)
        return 0;
    want_look_up(h, q);
    dns_answer_look(h->answerer, h->asked, h->asked_count);
    return reply(h, q, out);
}

static void on_accept(void *ctx, int fd, const struct addr *peer)
{
    struct dns_here *h = ctx;
    counter_add(&h->counters->tcp_connections, 1);
    dns_tcp_accept(&h->tcp, fd, peer);
}

/* ---- start and stop ---- */

static int bind_sockets(struct dns_port *p, int worker)
{
    int err = udp_bind(&p->zone.address, worker == 0, &p->udp_fds[worker]);
    return err != 0 ? err : listener_bind(&p->zone.address, worker == 0, &p->tcp_fds[worker]);
}

static int bind_port(struct dns_port *p, const struct dns_options *o, int workers, struct buf *why)
{
    char text[ADDR_TEXT_ROOM];
    if (dns_zone_read(&p->zone, o, why) != 0)
        return ERR_CONFIG;
    p->limit = dns_limit_create(o->rate, o->slip);
    p->udp_fds = mem_zarray((size_t)workers, sizeof *p->udp_fds);
    p->tcp_fds = mem_zarray((size_t)workers, sizeof *p->tcp_fds);
    for (int i = 0; i < workers; i++)
        p->udp_fds[i] = p->tcp_fds[i] = -1;
    for (int i = 0; i < workers; i++) {
        int err = bind_sockets(p, i);
        if (err == 0)
            continue;
        buf_printf(why, "dns \"%s\": cannot listen on %s: %s\n", o->name, o->address,
                   strerror(-err));
        return ERR_IO;
    }
    addr_text(&p->zone.address, text);
    LOG_INFO("listening", "name=%s address=%s zone=%s", o->name, text, o->zone);
    return 0;
}

int dns_server_bind(struct dns_server **out, const struct option_records *sections,
                    struct loop *main_loop, int workers, struct buf *why)
{
    const struct dns_options *v = sections->v;
    struct dns_server *s = mem_zalloc(sizeof *s);
    size_t wanted = 1;
    int err = 0;
    s->count = sections->count;
    s->workers = workers;
    s->ports = mem_zarray(s->count + 1, sizeof *s->ports);
    s->here = mem_zarray(s->count * (size_t)workers + 1, sizeof *s->here);
    s->counters = mem_zarray((size_t)workers, sizeof *s->counters);
    dns_cookies_init(&s->cookies);
    for (size_t i = 0; i < s->count && err == 0; i++) {
        s->ports[i].cookies = &s->cookies;
        err = bind_port(&s->ports[i], &v[i], workers, why);
        if (s->ports[i].zone.answers > wanted)
            wanted = s->ports[i].zone.answers;
    }
    if (err == 0 && s->count > 0)
        s->surveyor = dns_surveyor_create(main_loop, wanted);
    if (err != 0)
        dns_server_destroy(&s);
    *out = s;
    return err;
}

void dns_server_start(struct dns_server *s, int worker, struct loop *l, dns_view_fn view, void *ctx)
{
    for (size_t i = 0; i < s->count; i++) {
        struct dns_here *h = &s->here[(size_t)worker * s->count + i];
        struct dns_port *p = &s->ports[i];
        *h = (struct dns_here){.port = p, .loop = l, .counters = &s->counters[worker]};
        arena_init(&h->mem, QUESTION_BYTES);
        h->answerer = dns_answerer_create(
            &(struct dns_answerer_spec){&p->zone, s->surveyor, view, ctx, h->counters});
        dns_tcp_init(&h->tcp, l, on_tcp, h);
        h->udp =
            udp_start(l, &(struct udp_spec){p->udp_fds[worker], on_udp, h, &h->counters->dropped});
        h->listener = listener_start(l, p->tcp_fds[worker], on_accept, h);
        p->udp_fds[worker] = p->tcp_fds[worker] = -1;
    }
}

void dns_server_stop(struct dns_server *s, int worker)
{
    for (size_t i = 0; i < s->count; i++) {
        struct dns_here *h = &s->here[(size_t)worker * s->count + i];
        udp_stop(&h->udp);
        listener_stop(&h->listener);
        dns_tcp_finish(&h->tcp);
        dns_answerer_destroy(&h->answerer);
        arena_finish(&h->mem);
    }
}

void dns_server_look(struct dns_server *s, dns_view_fn view, void *ctx)
{
    if (s->surveyor != NULL)
        dns_surveyor_look(s->surveyor, view, ctx);
}

const struct dns_counters *dns_server_counters(const struct dns_server *s, int worker)
{
    return &s->counters[worker];
}

static void close_all(const int *fds, int workers)
{
    for (int i = 0; fds != NULL && i < workers; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

void dns_server_destroy(struct dns_server **ps)
{
    struct dns_server *s = *ps;
    *ps = NULL;
    if (s == NULL)
        return;
    dns_surveyor_destroy(&s->surveyor);
    for (size_t i = 0; i < s->count; i++) {
        close_all(s->ports[i].udp_fds, s->workers);
        close_all(s->ports[i].tcp_fds, s->workers);
        mem_free(s->ports[i].udp_fds);
        mem_free(s->ports[i].tcp_fds);
        dns_limit_destroy(&s->ports[i].limit);
    }
    mem_free(s->ports);
    mem_free(s->here);
    mem_free(s->counters);
    mem_free(s);
}
