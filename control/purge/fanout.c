/* SPDX-License-Identifier: MIT
 * The result of a purge, told from the positions that nodes report. */
#include "control/purge/fanout.h"

#include "lib/codec/json_out.h"

static bool has_applied(const struct registry_position *node, struct span log, uint64_t seq)
{
    return span_eq(node->purge_log, log) && node->purge_seq >= seq;
}

struct fanout fanout_of(const struct registry_position *nodes, size_t count, struct span log,
                        uint64_t seq)
{
    struct fanout f = {0};
    for (size_t i = 0; i < count; i++) {
        if (has_applied(&nodes[i], log, seq))
            f.applied++;
        else if (nodes[i].is_heard)
            f.waiting++;
        else
            f.away++;
    }
    return f;
}

static const char *state_of(const struct registry_position *n, const struct fanout_spec *spec)
{
    if (has_applied(n, spec->log, spec->seq))
        return "applied";
    return n->is_heard ? "waiting" : "away";
}

void fanout_write(const struct fanout_spec *spec, struct json_out *o)
{
    struct fanout f = fanout_of(spec->nodes, spec->count, spec->log, spec->seq);
    json_out_bool(o, "complete", f.waiting == 0);
    json_out_u64(o, "applied", f.applied);
    json_out_u64(o, "waiting", f.waiting);
    json_out_u64(o, "away", f.away);
    json_out_array(o, "nodes");
    for (size_t i = 0; i < spec->count; i++) {
        json_out_object(o, NULL);
        json_out_text(o, "id", spec->nodes[i].id);
        json_out_text(o, "state", span_of(state_of(&spec->nodes[i], spec)));
        json_out_end_object(o);
    }
    json_out_end_array(o);
}
