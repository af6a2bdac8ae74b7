/* SPDX-License-Identifier: MIT
 *
 * Which other edge is asked, what it is told, whether it is still there. */
#include "edge/upstream/peer_turn.h"

#include "edge/upstream/fetcher.h"
#include "lib/base/log.h"

#define DOUBT_AGAIN_MS 1000

/* Whether it is this tier's turn, the only one. */
static bool is_turn_of(struct peer_turn *t, const struct source *s, enum tier tier)
{
    bool is_done = ((t->done | s->passed_tiers) >> tier) & 1;
    t->done |= 1U << tier;
    return !is_done;
}

static struct peer *sibling_of(struct fetcher *fr, const struct source *s)
{
    msec_t now = loop_now(fr->loop);
    double rate = hot_keys_ask(&fr->hot, s->key, now);
    struct peer *p = members_owner(fr->members, s->key, rate, (uint32_t)now);
    if (p != NULL)
        counter_add(&fr->count.sibling_asks, 1);
    return p;
}

static struct peer *shield_of(const struct source *s)
{
    struct peer *p = upstream_shield(s->upstream);
    if (p != NULL)
        peer_ref(p);
    return p;
}

bool peer_turn_take(struct peer_turn *t, struct fetcher *fr, const struct source *s, bool is_reload)
{
    t->site = source_site(s);
    t->tier = TIER_ORIGIN;
    if (s->is_passed || s->is_from_peer)
        return false;
    if (is_turn_of(t, s, TIER_SIBLING) && !is_reload && (t->peer = sibling_of(fr, s)) != NULL)
        t->tier = TIER_SIBLING;
    else if (is_turn_of(t, s, TIER_SHIELD) && (t->peer = shield_of(s)) != NULL)
        t->tier = TIER_SHIELD;
    return t->peer != NULL;
}

/* Bytes came, or nobody waits for any. */
static bool has_moved(struct peer_turn *t)
{
    uint64_t bytes = call_bytes_in(t->call);
    bool has_moved = bytes != t->seen_bytes || !t->is_hungry;
    t->seen_bytes = bytes;
    return has_moved;
}

static void on_watch(struct timer *timer)
{
    struct peer_turn *t = CONTAINER_OF(timer, struct peer_turn, watch);
    msec_t now = loop_now(timer->loop), patience = t->site->peer_ms;
    timer_set(timer, patience / 4 + 1);
    if (has_moved(t))
        t->moved_at = now;
    if (now - t->moved_at < patience)
        return;
    bool is_late = t->tier == TIER_SIBLING && call_head(t->call) == NULL; /* it had to look only */
    if (is_late || !peer_may_be_asked(t->peer)) {
        timer_stop(timer);
        peer_doubt(t->peer);
        t->on_dead(t);
    } else if (now >= t->doubt_at) {
        peer_doubt(t->peer);
        t->doubt_at = now + DOUBT_AGAIN_MS;
    }
}

void peer_turn_watch(struct peer_turn *t, struct loop *l, struct call *c)
{
    t->call = c;
    t->is_hungry = true;
    t->seen_bytes = 0;
    t->moved_at = loop_now(l);
    t->doubt_at = 0;
    timer_init(&t->watch, l, on_watch);
    timer_set(&t->watch, t->site->peer_ms / 4 + 1);
}

void peer_turn_leave(struct peer_turn *t)
{
    timer_finish(&t->watch);
    t->call = NULL;
    peer_unref(&t->peer);
}

void peer_turn_fields(const struct peer_ask *ask, struct fields *fs)
{
    struct hop_ask own, hop = {.purges = ask->source->purges};
    purge_clock_stamp(ask->purges, &own.purges);
    hop.purges = *purge_stamp_later(&own.purges, &ask->source->purges);
    hop_ask_add(fs, &hop);
    if (ask->tier == TIER_SHIELD && source_site(ask->source)->tier_encode == ENCODE_ZSTD)
        fields_add(fs, FIELD_TE, SPAN("zstd"));
    if (ask->tier == TIER_SIBLING)
        fields_add(fs, FIELD_CACHE_CONTROL, SPAN("only-if-cached"));
    else if (ask->is_reload)
        fields_add(fs, FIELD_CACHE_CONTROL, SPAN("no-cache"));
}

/* A request that nobody but this node has seen came back: the address is our own. What a client
 * wrote into CDN-Loop proves nothing. */
static bool is_own_echo(const struct source *s, int status, struct span node)
{
    return status == 508 && span_eq(fields_value(&s->fields, FIELD_CDN_LOOP), node);
}

static bool is_gateway_fault(int status)
{
    return status == 502 || status == 503 || status == 504;
}

bool peer_turn_judge(const struct peer_turn *t, const struct source *s, int status,
                     struct span node)
{
    peer_answered(t->peer);
    if (is_own_echo(s, status, node))
        atomic_store_explicit(&t->peer->is_self, true, memory_order_relaxed);
    if (status == 421)
        LOG_WARN_LIMITED("peer-without-site", "site=%s peer=%.*s", t->site->name,
                         SPAN_FMT(t->peer->name));
    if (status == 421 || status == 508)
        return false; /* it is alive, and cannot help */
    if (is_gateway_fault(status) && t->tier == TIER_SIBLING)
        return false; /* 504: it has it not */
    return !is_gateway_fault(status) || !upstream_may_retry(s->upstream);
}
