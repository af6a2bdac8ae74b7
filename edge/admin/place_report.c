/* SPDX-License-Identifier: MIT
 * Who is beside this edge, by id, and how the table of peers finds them, by URL. */
#include "edge/admin/place_report.h"

#define PLACE_BYTES (1 << 20)

void place_report_init(struct place_report *r)
{
    *r = (struct place_report){.v = NULL};
    arena_init(&r->mem, PLACE_BYTES);
}

void place_report_finish(struct place_report *r)
{
    arena_finish(&r->mem);
}

void place_report_set(struct place_report *r, const struct heartbeat_neighbour *v, size_t count)
{
    arena_reset(&r->mem);
    r->v = arena_zalloc(&r->mem, (count + 1) * sizeof *r->v);
    r->count = count;
    for (size_t i = 0; i < count; i++) {
        r->v[i].id = arena_dup(&r->mem, v[i].id);
        r->v[i].url = arena_dup(&r->mem, v[i].url);
    }
}

size_t place_report_fill(const struct place_report *r, struct peers *peers,
                         struct heartbeat_peer out[HEARTBEAT_MAX_PLACE])
{
    size_t count = 0;
    for (size_t i = 0; i < r->count && count < HEARTBEAT_MAX_PLACE; i++) {
        struct url url;
        enum peers_told told =
            url_parse(r->v[i].url, &url) == 0 ? peers_told(peers, &url) : PEERS_UNKNOWN;
        if (told != PEERS_UNKNOWN)
            out[count++] = (struct heartbeat_peer){r->v[i].id, told == PEERS_REACHED};
    }
    return count;
}
