/* SPDX-License-Identifier: MIT
 * All that is known of an edge, in one word. Pure. */
#include "control/registry/standing.h"

static bool is_cut(const struct standing_facts *f, enum node_family family)
{
    if (family != NODE_ANY_FAMILY)
        return f->is_cut[family];
    bool v4 = f->has_family[NODE_IPV4], v6 = f->has_family[NODE_IPV6];
    if (!v4 && !v6) /* it is known by a name: what is cut off is cut off by all that it leads to */
        v4 = v6 = true;
    return (!v4 || f->is_cut[NODE_IPV4]) && (!v6 || f->is_cut[NODE_IPV6]);
}

enum standing standing_of(const struct standing_facts *f, enum node_family family)
{
    if (f->mode == NODE_DOWN)
        return STANDING_OUT;
    if (f->mode == NODE_FORCED)
        return STANDING_ABLE;
    if (f->health != HEALTH_UP || is_cut(f, family))
        return STANDING_DOUBTFUL;
    if (f->mode == NODE_DRAIN)
        return STANDING_DRAIN;
    return f->is_full ? STANDING_FULL : STANDING_ABLE;
}

const char *standing_name(enum standing s)
{
    static const char *const names[STANDING_COUNT] = {
        [STANDING_ABLE] = "able",   [STANDING_FULL] = "full",         [STANDING_DEAR] = "dear",
        [STANDING_DRAIN] = "drain", [STANDING_DOUBTFUL] = "doubtful", [STANDING_OUT] = "down"};
    return names[s];
}
