/* SPDX-License-Identifier: MIT
 *
 * Who is asked for what is not here: memcached, the sibling that owns it, shields, origins. */
#include "edge/admin/admin_rows.h"

#include "lib/codec/json_out.h"

static void put(struct json_out *o, const char *tier, struct span name, const char *state)
{
    json_out_object(o, NULL);
    json_out_text(o, "tier", span_of(tier));
    if (name.n > 0)
        json_out_text(o, "name", name);
    if (state != NULL)
        json_out_text(o, "state", span_of(state));
    json_out_end_object(o);
}

static void put_peer(struct json_out *o, const char *tier, const struct peer *p)
{
    bool is_self = atomic_load_explicit(&p->is_self, memory_order_relaxed);
    put(o, tier, p->name, is_self ? "this node" : peer_state_name(p));
}

void admin_put_tiers(struct json_out *o, const struct admin *a, const struct upstream *u,
                     const uint64_t *resource)
{
    msec_t now = clock_mono_ms();
    struct peer *owner = resource != NULL ? members_owner(a->spec.members, *resource, 0, 0) : NULL;
    json_out_array(o, "tiers");
    if (a->spec.has_mcache)
        put(o, "memcached", SPAN_NONE, NULL);
    if (owner != NULL)
        put_peer(o, "sibling", owner);
    for (size_t i = 0; i < u->shield_count; i++)
        put_peer(o, "shield", u->shields[i]);
    for (size_t i = 0; i < u->count; i++)
        put(o, "origin", u->origins[i].name, upstream_state_name(&u->origins[i], now));
    json_out_end_array(o);
    peer_unref(&owner);
}
