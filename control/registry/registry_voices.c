/* SPDX-License-Identifier: MIT
 * What neighbours report of a node, into its reach. Reports come with heartbeats; they are weighed
 * once a second, so that three in a row are three seconds. Under the registry's lock. */
#include "control/registry/registry_inner.h"

#include "lib/base/hash.h"
#include "lib/base/log.h"

#define WEIGH_MS 1000

void registry_hear(struct registry *r, const struct heartbeat *h, msec_t now)
{
    uint64_t who = hash64(h->node.p, h->node.n);
    for (size_t i = 0; i < h->peer_count; i++) {
        struct node *n = map_get(r->by_id, h->peers[i].id);
        if (n != NULL && !span_eq(h->peers[i].id, h->node))
            voices_add(&n->voices, who, h->peers[i].is_reached, now);
    }
}

/* The families of the URL that neighbours use: its literal address's, else all. */
static bool is_meant(const struct node *n, enum node_family family)
{
    struct node_addresses literal = {0};
    node_addresses_of_url(&literal, n->spec.http_url.n > 0 ? n->spec.http_url : n->seen.http_url);
    return node_addresses_is_empty(&literal) ||
           (family == NODE_IPV6 ? literal.v6_count : literal.v4_count) > 0;
}

static bool weigh(struct node *n, enum node_family family, msec_t now)
{
    struct reach *told = &n->told[family];
    enum voices_verdict verdict = voices_verdict(&n->voices, now);
    bool was_cut = told->is_cut;
    if (verdict == VOICES_SILENT)
        *told = (struct reach){0}; /* nobody is there any more who could take it back */
    else if (is_meant(n, family))
        reach_note(told, verdict == VOICES_REACHED, now);
    if (told->is_cut == was_cut)
        return false;
    LOG_WARN(told->is_cut ? "node-not-reached" : "node-reached",
             "node=%.*s family=%s by=neighbours", SPAN_FMT(n->spec.id),
             family == NODE_IPV6 ? "ipv6" : "ipv4");
    return true;
}

bool registry_weigh(struct registry *r, msec_t now)
{
    bool has_changed = false;
    if (now - r->weighed_at < WEIGH_MS)
        return false;
    r->weighed_at = now;
    for (size_t i = 0; i < r->count; i++) {
        has_changed |= weigh(r->nodes[i], NODE_IPV4, now);
        has_changed |= weigh(r->nodes[i], NODE_IPV6, now);
    }
    return has_changed;
}
