/* SPDX-License-Identifier: MIT
 * Probes: who is due, and what came of it. What that means is reach.h's matter. */
#include "control/registry/probe.h"

#include "lib/base/list.h"
#include "lib/base/mem.h"
#include "lib/net/dial.h"

#include <math.h>

#define TICK_MS 100
#define AT_ONCE 512 /* connections that are being made */

struct probe {
    struct list link;
    struct probes *probes;
    struct dial *dial;
    char *node;
    enum node_family family;
};

struct probes {
    struct loop *loop;
    struct registry *registry;
    struct registry_view view;
    struct timer timer;
    msec_t period_ms, timeout_ms;
    struct list running; /* struct probe */
    size_t count;        /* of them */
    size_t next;         /* node and family that are due next, as one number */
    double due;          /* how many, in parts */
};

static void free_probe(struct probe *p)
{
    list_remove(&p->link);
    p->probes->count--;
    mem_free(p->node);
    mem_free(p);
}

static void on_dialled(void *ctx, struct conn *c, int err, const char *text)
{
    struct probe *p = ctx;
    (void)err;
    (void)text;
    bool is_reached = c != NULL;
    if (c != NULL)
        conn_close(&c);
    registry_note_probe(p->probes->registry, span_of(p->node), p->family, is_reached,
                        loop_now(p->probes->loop));
    free_probe(p);
}

static void address_text(const struct node_addresses *a, enum node_family family,
                         char out[ADDR_TEXT_ROOM])
{
    struct addr ip = {.any = {.sa_family = family == NODE_IPV6 ? AF_INET6 : AF_INET}};
    if (family == NODE_IPV6)
        memcpy(&ip.v6.sin6_addr, a->v6[0], sizeof a->v6[0]);
    else
        memcpy(&ip.v4.sin_addr, a->v4[0], sizeof a->v4[0]);
    addr_ip_text(&ip, out);
}

static void start_probe(struct probes *ps, const struct picture_node *n, enum node_family family)
{
    const struct node_addresses *a = &n->spec.addresses;
    struct span url = n->spec.http_url.n > 0 ? n->spec.http_url : n->spec.https_url;
    bool has_family = family == NODE_IPV6 ? a->v6_count > 0 : a->v4_count > 0;
    char host[ADDR_TEXT_ROOM];
    if (!has_family || url.n == 0 || ps->count >= AT_ONCE)
        return;
    address_text(a, family, host);
    struct probe *p = mem_zalloc(sizeof *p);
    p->probes = ps;
    p->node = mem_strndup(n->spec.id.p, n->spec.id.n);
    p->family = family;
    list_push_back(&ps->running, &p->link);
    ps->count++;
    struct dial_spec spec = {
        .host = host, .port = node_url_port(url), .timeout_ms = ps->timeout_ms};
    p->dial = dial_start(ps->loop, &spec, on_dialled, p);
}

static void on_timer(struct timer *t)
{
    struct probes *ps = CONTAINER_OF(t, struct probes, timer);
    const struct picture *p = registry_view_now(&ps->view);
    size_t all = p->node_count * 2;
    timer_set(&ps->timer, TICK_MS);
    if (ps->period_ms == 0 || all == 0)
        return;
    ps->due = fmin(ps->due + (double)all * TICK_MS / (double)ps->period_ms, (double)all);
    for (; ps->due >= 1; ps->due -= 1) {
        size_t at = ps->next++ % all;
        start_probe(ps, &p->nodes[at / 2], at % 2 == 0 ? NODE_IPV4 : NODE_IPV6);
    }
}

struct probes *probes_create(struct loop *l, struct registry *r, msec_t period_ms,
                             msec_t timeout_ms)
{
    struct probes *ps = mem_zalloc(sizeof *ps);
    ps->loop = l;
    ps->registry = r;
    list_init(&ps->running);
    registry_view_init(&ps->view, r);
    timer_init(&ps->timer, l, on_timer);
    probes_set(ps, period_ms, timeout_ms);
    timer_set(&ps->timer, TICK_MS);
    return ps;
}

void probes_destroy(struct probes **pp)
{
    struct probes *ps = *pp;
    *pp = NULL;
    if (ps == NULL)
        return;
    timer_finish(&ps->timer);
    while (!list_is_empty(&ps->running)) {
        struct probe *p = LIST_THING(ps->running.next, struct probe, link);
        dial_cancel(&p->dial);
        free_probe(p);
    }
    registry_view_finish(&ps->view);
    mem_free(ps);
}

void probes_set(struct probes *ps, msec_t period_ms, msec_t timeout_ms)
{
    ps->period_ms = period_ms;
    ps->timeout_ms = timeout_ms;
    if (period_ms == 0)
        registry_forget_probes(ps->registry);
}
