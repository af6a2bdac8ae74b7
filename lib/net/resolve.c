/* SPDX-License-Identifier: MIT
 *
 * The table of names of one loop. A name is
 *
 *   ASKING ── both families answered, or one and 50 ms passed ──> KNOWN ── used late ──> ASKING
 *      └── no address ──> (its lookups fail, the name is forgotten once idle)
 *
 * Queries of evdns are objects of their own: a name that goes leaves them behind, and nobody hears
 * their answers. */
#include "lib/net/resolve.h"

#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/net/loop_part.h"

#include <event2/dns.h>
#include <limits.h>

#define NAMES_MAX     1024
#define TTL_MIN_S     1
#define TTL_MAX_S     3600
#define HOSTS_TTL_S   30
#define RETRY_MS      5000
#define OTHER_WAIT_MS 50 /* for the other family (RFC 8305 s.3) */
#define PATIENCE_MS   1000
#define STALE_MS      ((msec_t)24 * 3600 * 1000)

/* A question to evdns, until it is answered. */
struct query {
    struct name *name; /* NULL: nobody wants to know any more */
    int family;
};

struct name {
    struct list link; /* resolver->names: used last at the end */
    struct resolver *resolver;
    char *host;
    struct resolved answer; /* count 0: none yet */
    msec_t asked, expires, stale_until;
    struct list lookups;
    /* while ASKING */
    bool is_asking;
    int absent; /* of the families, how many have no address by a server's word */
    struct query *queries[2];
    struct resolved v6, v4;
    int ttl_s;
    struct timer timer;
};

struct lookup {
    struct list link; /* name->lookups */
    resolve_fn done;
    void *ctx;
    struct loop_task failing; /* where nobody could even be asked */
};

struct resolver {
    struct loop_part part; /* first */
    struct loop *loop;
    struct map *by_host;
    struct list names;
};

static void name_free(struct name *n)
{
    CHECK(list_is_empty(&n->lookups));
    for (size_t i = 0; i < ARRAY_LEN(n->queries); i++) {
        if (n->queries[i] != NULL)
            n->queries[i]->name = NULL;
    }
    timer_finish(&n->timer);
    list_remove(&n->link);
    map_remove(n->resolver->by_host, span_of(n->host));
    mem_free(n->host);
    mem_free(n);
}

static void resolver_finish(struct loop_part *p)
{
    struct resolver *r = CONTAINER_OF(p, struct resolver, part);
    while (!list_is_empty(&r->names))
        name_free(LIST_THING(r->names.next, struct name, link));
    map_destroy(r->by_host);
    mem_free(r);
}

static struct resolver *resolver_of(struct loop *l)
{
    struct loop_part **at = loop_part_at(l, LOOP_PART_RESOLVER);
    if (*at == NULL) {
        struct resolver *r = mem_zalloc(sizeof(*r));
        r->part.finish = resolver_finish;
        r->loop = l;
        r->by_host = map_create();
        list_init(&r->names);
        *at = &r->part;
    }
    return CONTAINER_OF(*at, struct resolver, part);
}

/* Tells everybody who waits. Each is gone before it is called, and may come again from inside. */
static void tell(struct name *n, const char *why)
{
    struct resolved answer = n->answer;
    struct list due;
    list_init(&due);
    list_move_all(&due, &n->lookups);
    for (struct list *link; (link = list_pop(&due)) != NULL;) {
        struct lookup *u = LIST_THING(link, struct lookup, link);
        resolve_fn done = u->done;
        void *ctx = u->ctx;
        mem_free(u);
        done(ctx, why == NULL ? &answer : NULL, why);
    }
}

/* IPv6 and IPv4 in turn; what connected before stays in front while it is among them. */
static void put_together(struct name *n)
{
    struct addr good = n->answer.v[0];
    bool had_good = n->answer.count > 0;
    struct resolved *out = &n->answer;
    out->count = 0;
    for (int i = 0; i < RESOLVE_ADDRS_MAX; i++) {
        if (i < n->v6.count && out->count < RESOLVE_ADDRS_MAX)
            out->v[out->count++] = n->v6.v[i];
        if (i < n->v4.count && out->count < RESOLVE_ADDRS_MAX)
            out->v[out->count++] = n->v4.v[i];
    }
    if (had_good)
        resolve_prefer(n->resolver->loop, n->host, &good);
}

static void settle(struct name *n)
{
    msec_t now = loop_now(n->resolver->loop);
    int ttl_s = n->ttl_s < TTL_MIN_S ? TTL_MIN_S : n->ttl_s > TTL_MAX_S ? TTL_MAX_S : n->ttl_s;
    put_together(n);
    n->asked = now;
    n->expires = now + (msec_t)ttl_s * MSEC_PER_SEC;
    n->stale_until = n->expires + STALE_MS;
    tell(n, NULL);
}

static bool is_being_asked(const struct name *n)
{
    return n->queries[0] != NULL || n->queries[1] != NULL;
}

static bool may_be_stale(const struct name *n)
{
    return n->answer.count > 0 && loop_now(n->resolver->loop) < n->stale_until;
}

static void go_on_with_old(struct name *n)
{
    n->asked = loop_now(n->resolver->loop);
    n->expires = n->asked + RETRY_MS;
    tell(n, NULL);
}

/* Both families are through, and neither has an address. */
static void fail(struct name *n)
{
    bool is_gone = n->absent == ARRAY_LEN(n->queries);
    if (!is_gone && may_be_stale(n)) {
        go_on_with_old(n);
        return;
    }
    n->answer.count = 0;
    tell(n, is_gone ? "no such name" : "no answer");
}

static void on_timer(struct timer *t)
{
    struct name *n = CONTAINER_OF(t, struct name, timer);
    if (n->v6.count + n->v4.count > 0)
        settle(n);
    else if (may_be_stale(n))
        go_on_with_old(n); /* who waits has waited enough */
}

static void take_addresses(struct query *q, int count, const void *addresses)
{
    struct resolved *to = q->family == AF_INET6 ? &q->name->v6 : &q->name->v4;
    for (int i = 0; i < count && to->count < RESOLVE_ADDRS_MAX; i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        if (q->family == AF_INET6) {
            v6.sin6_addr = ((const struct in6_addr *)addresses)[i];
            addr_from_sockaddr(&to->v[to->count++], (struct sockaddr *)&v6);
        } else {
            v4.sin_addr = ((const struct in_addr *)addresses)[i];
            addr_from_sockaddr(&to->v[to->count++], (struct sockaddr *)&v4);
        }
    }
}

/* limit: libevent's callback */
static void on_answer(int result, char type, int count, int ttl, void *addresses, void *ctx)
{
    struct query *q = ctx;
    struct name *n = q->name;
    (void)type;
    if (n != NULL) {
        n->queries[q->family == AF_INET6] = NULL;
        if (result == DNS_ERR_NONE && count > 0) {
            take_addresses(q, count, addresses);
            n->ttl_s = ttl < n->ttl_s ? ttl : n->ttl_s;
        }
        n->absent += result == DNS_ERR_NOTEXIST || result == DNS_ERR_NODATA;
    }
    mem_free(q);
    if (n == NULL)
        return;
    bool has_some = n->v6.count + n->v4.count > 0;
    if (is_being_asked(n)) {
        if (has_some)
            timer_set(&n->timer, OTHER_WAIT_MS);
        return;
    }
    timer_stop(&n->timer);
    n->is_asking = false;
    if (has_some)
        settle(n);
    else
        fail(n);
}

/* False: nobody could be asked. May not call anybody back. */
static bool ask_family(struct name *n, struct evdns_base *dns, int family)
{
    struct query *q = mem_zalloc(sizeof(*q));
    struct evdns_request *request;
    q->name = n;
    q->family = family;
    if (family == AF_INET6)
        request = evdns_base_resolve_ipv6(dns, n->host, 0, on_answer, q);
    else
        request = evdns_base_resolve_ipv4(dns, n->host, 0, on_answer, q);
    if (request == NULL) {
        mem_free(q);
        return false;
    }
    n->queries[family == AF_INET6] = q;
    return true;
}

static bool ask(struct name *n)
{
    struct evdns_base *dns;
    struct resolved found;
    n->v4.count = n->v6.count = 0;
    n->ttl_s = INT_MAX;
    n->absent = 0;
    if (resolve_hosts("/etc/hosts", span_of(n->host), &found)) {
        for (int i = 0; i < found.count; i++) {
            struct resolved *to = found.v[i].any.sa_family == AF_INET6 ? &n->v6 : &n->v4;
            to->v[to->count++] = found.v[i];
        }
        n->ttl_s = HOSTS_TTL_S;
        settle(n);
        return true;
    }
    dns = loop_dns(n->resolver->loop);
    if (dns == NULL)
        return false;
    bool is_asked = ask_family(n, dns, AF_INET6);
    is_asked |= ask_family(n, dns, AF_INET);
    n->is_asking = is_asked;
    if (is_asked)
        timer_set(&n->timer, PATIENCE_MS);
    return is_asked;
}

/* Room for one more; who is waited for stays. */
static void make_room(struct resolver *r)
{
    LIST_EACH_SAFE(link, next, &r->names)
    {
        struct name *n = LIST_THING(link, struct name, link);
        if (map_count(r->by_host) < NAMES_MAX)
            return;
        if (list_is_empty(&n->lookups))
            name_free(n);
    }
}

static struct name *name_of(struct resolver *r, const char *host)
{
    struct name *n = map_get(r->by_host, span_of(host));
    if (n == NULL) {
        make_room(r);
        n = mem_zalloc(sizeof(*n));
        n->resolver = r;
        n->host = mem_strndup(host, strlen(host));
        list_init(&n->lookups);
        timer_init(&n->timer, r->loop, on_timer);
        map_put(r->by_host, span_of(n->host), n);
    } else {
        list_remove(&n->link);
    }
    list_push_back(&r->names, &n->link);
    return n;
}

/* Whether its answer holds; asks anew where it is late. */
static bool is_fresh(struct name *n)
{
    msec_t now = loop_now(n->resolver->loop);
    if (n->answer.count == 0 || now >= n->expires)
        return false;
    if (!n->is_asking && n->expires - now < (n->expires - n->asked) / 5)
        (void)ask(n);
    return true;
}

static void on_failing(struct loop_task *t)
{
    struct lookup *u = CONTAINER_OF(t, struct lookup, failing);
    resolve_fn done = u->done;
    void *ctx = u->ctx;
    list_remove(&u->link);
    mem_free(u);
    done(ctx, NULL, "/etc/resolv.conf gives no server");
}

struct lookup *resolve_start(struct loop *l, const char *host, struct resolved *known,
                             resolve_fn done, void *ctx)
{
    struct name *n = name_of(resolver_of(l), host);
    bool is_asked = true;
    if (!is_fresh(n) && !n->is_asking)
        is_asked = ask(n);
    if (n->answer.count > 0 && loop_now(l) < n->expires) {
        *known = n->answer;
        return NULL;
    }
    struct lookup *u = mem_zalloc(sizeof(*u));
    u->done = done;
    u->ctx = ctx;
    loop_task_init(&u->failing, on_failing);
    list_push_back(&n->lookups, &u->link);
    if (!is_asked)
        loop_defer(l, &u->failing);
    return u;
}

void resolve_cancel(struct lookup **pu)
{
    struct lookup *u = *pu;
    *pu = NULL;
    if (u == NULL)
        return;
    list_remove(&u->link);
    loop_undefer(&u->failing);
    mem_free(u);
}

static int place_of(const struct resolved *r, const struct addr *a)
{
    for (int i = 0; i < r->count; i++) {
        if (addr_ip_eq(&r->v[i], a))
            return i;
    }
    return -1;
}

void resolve_prefer(struct loop *l, const char *host, const struct addr *a)
{
    struct name *n = map_get(resolver_of(l)->by_host, span_of(host));
    int at = n != NULL ? place_of(&n->answer, a) : -1;
    if (at <= 0)
        return;
    struct addr good = n->answer.v[at];
    for (; at > 0; at--)
        n->answer.v[at] = n->answer.v[at - 1];
    n->answer.v[0] = good;
}

bool resolve_has(struct loop *l, const char *host, const struct addr *a)
{
    struct name *n = map_get(resolver_of(l)->by_host, span_of(host));
    if (n == NULL)
        return true;
    if (!is_fresh(n)) {
        if (!n->is_asking)
            (void)ask(n);
        return true; /* until it is known better */
    }
    return place_of(&n->answer, a) >= 0;
}
