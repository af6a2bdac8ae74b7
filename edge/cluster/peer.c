/* SPDX-License-Identifier: MIT
 *
 * The table of peers: by URL, counted. Their states are a word each; how one is found to be alive
 * again is peer_probe.c's. */
#include "edge/cluster/peer_inner.h"

#include "lib/base/mem.h"

static const char *const state_names[] = {"well", "doubted", "broken"};

struct peers *peers_create(void)
{
    struct peers *ps = mem_zalloc(sizeof(*ps));
    pthread_mutex_init(&ps->lock, NULL);
    ps->by_url = map_create();
    return ps;
}

void peers_destroy(struct peers **pps)
{
    struct peers *ps = *pps;
    *pps = NULL;
    if (ps == NULL)
        return;
    CHECK(map_count(ps->by_url) == 0);
    map_destroy(ps->by_url);
    pthread_mutex_destroy(&ps->lock);
    mem_free(ps);
}

static char *key_of(const struct url *url)
{
    return mem_printf("%s://%.*s:%d", url->scheme == SCHEME_HTTPS ? "https" : "http",
                      SPAN_FMT(url->host), url->port);
}

static struct peer *peer_new(struct peers *ps, const struct url *url, struct tls_client *tls)
{
    struct peer *p = mem_zalloc(sizeof(*p));
    p->refs = 1;
    p->home = ps;
    p->target = (struct client_target){
        .scheme = url->scheme, .host = mem_strndup(url->host.p, url->host.n), .port = url->port};
    if (url->scheme == SCHEME_HTTPS && tls != NULL) {
        tls_client_ref(tls);
        p->target.tls = tls;
    }
    p->name = span_of(mem_printf("%s:%d", p->target.host, p->target.port));
    return p;
}

struct peer *peers_get(struct peers *ps, const struct url *url, struct tls_client *tls)
{
    char *key = key_of(url);
    pthread_mutex_lock(&ps->lock);
    struct peer *p = map_get(ps->by_url, span_of(key));
    if (p != NULL) {
        peer_ref(p);
    } else {
        p = peer_new(ps, url, tls);
        map_put(ps->by_url, span_of(key), p);
    }
    pthread_mutex_unlock(&ps->lock);
    mem_free(key);
    return p;
}

void peer_ref(struct peer *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
}

/* The last reference goes under the lock: the table may be giving out another meanwhile. */
void peer_unref(struct peer **pp)
{
    struct peer *p = *pp;
    *pp = NULL;
    if (p == NULL)
        return;
    struct peers *ps = p->home;
    pthread_mutex_lock(&ps->lock);
    bool is_last = atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1;
    if (is_last) {
        struct url url = {
            .scheme = p->target.scheme, .host = span_of(p->target.host), .port = p->target.port};
        char *key = key_of(&url);
        map_remove(ps->by_url, span_of(key));
        mem_free(key);
    }
    pthread_mutex_unlock(&ps->lock);
    if (!is_last)
        return;
    if (p->target.tls != NULL)
        tls_client_unref(&p->target.tls);
    mem_free((void *)(uintptr_t)p->target.host);
    mem_free((void *)(uintptr_t)p->name.p);
    mem_free(p);
}

static int state_of(const struct peer *p)
{
    return atomic_load_explicit(&p->state, memory_order_relaxed);
}

bool peer_may_be_asked(const struct peer *p)
{
    return state_of(p) != PEER_BROKEN && !atomic_load_explicit(&p->is_self, memory_order_relaxed);
}

bool peer_is_well(const struct peer *p)
{
    return state_of(p) == PEER_WELL && peer_may_be_asked(p);
}

void peer_doubt(struct peer *p)
{
    int well = PEER_WELL;
    atomic_compare_exchange_strong_explicit(&p->state, &well, PEER_DOUBTED, memory_order_relaxed,
                                            memory_order_relaxed);
}

void peer_failed(struct peer *p)
{
    atomic_store_explicit(&p->has_answered, false, memory_order_relaxed);
    atomic_store_explicit(&p->state, PEER_BROKEN, memory_order_relaxed);
}

void peer_answered(struct peer *p)
{
    if (state_of(p) != PEER_WELL) /* the usual case writes nothing that workers share */
        atomic_store_explicit(&p->state, PEER_WELL, memory_order_relaxed);
    if (!atomic_load_explicit(&p->has_answered, memory_order_relaxed))
        atomic_store_explicit(&p->has_answered, true, memory_order_relaxed);
}

static enum peers_told told_of(const struct peer *p)
{
    if (atomic_load_explicit(&p->is_self, memory_order_relaxed))
        return PEERS_UNKNOWN;
    if (state_of(p) == PEER_BROKEN)
        return PEERS_NOT_REACHED;
    bool is_sure =
        state_of(p) == PEER_WELL && atomic_load_explicit(&p->has_answered, memory_order_relaxed);
    return is_sure ? PEERS_REACHED : PEERS_UNKNOWN;
}

enum peers_told peers_told(struct peers *ps, const struct url *url)
{
    char *key = key_of(url);
    pthread_mutex_lock(&ps->lock);
    const struct peer *p = map_get(ps->by_url, span_of(key));
    enum peers_told told = p != NULL ? told_of(p) : PEERS_UNKNOWN;
    pthread_mutex_unlock(&ps->lock);
    mem_free(key);
    return told;
}

const char *peer_state_name(const struct peer *p)
{
    return state_names[state_of(p)];
}

void peers_write_metrics(struct peers *ps, struct buf *out)
{
    size_t at = 0;
    struct span key;
    void *value;
    buf_printf(out, "# HELP byeori_edge_peer_well whether a shield or sibling may be asked\n"
                    "# TYPE byeori_edge_peer_well gauge\n");
    pthread_mutex_lock(&ps->lock);
    while (map_next(ps->by_url, &at, &key, &value)) {
        const struct peer *p = value;
        buf_printf(out, "byeori_edge_peer_well{peer=\"%.*s\"} %d\n", SPAN_FMT(p->name),
                   peer_may_be_asked(p));
    }
    pthread_mutex_unlock(&ps->lock);
}
