/* SPDX-License-Identifier: MIT
 * Words of neighbours, and what they come to. */
#include "control/registry/voices.h"

static struct voice *place_of(struct voices *s, uint64_t who)
{
    struct voice *oldest = &s->v[0];
    for (size_t i = 0; i < s->count; i++) {
        if (s->v[i].who == who)
            return &s->v[i];
        if (s->v[i].at < oldest->at)
            oldest = &s->v[i];
    }
    return s->count < VOICES_MAX ? &s->v[s->count++] : oldest;
}

void voices_add(struct voices *s, uint64_t who, bool is_reached, msec_t now)
{
    *place_of(s, who) = (struct voice){who, is_reached, now};
}

enum voices_verdict voices_verdict(const struct voices *s, msec_t now)
{
    size_t all = 0, contrary = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (now - s->v[i].at >= VOICES_FRESH_MS)
            continue;
        all++;
        contrary += !s->v[i].is_reached;
    }
    if (all == 0)
        return VOICES_SILENT;
    return contrary >= 2 && 2 * contrary > all ? VOICES_NOT_REACHED : VOICES_REACHED;
}
