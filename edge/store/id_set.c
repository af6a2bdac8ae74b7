/* SPDX-License-Identifier: MIT */

/* A set of numbers; 0 stands for an empty place, and is kept apart. Pure but for memory. */
#include "edge/store/id_set.h"

#include "lib/base/mem.h"

#define ROOM_MIN 64u

/* Where id is, or may go. */
static size_t place_of(const struct id_set *s, uint64_t id)
{
    size_t at = (size_t)((id * 0x9e3779b97f4a7c15u) >> 20) & (s->room - 1);
    while (s->v[at] != 0 && s->v[at] != id)
        at = (at + 1) & (s->room - 1);
    return at;
}

static void grow(struct id_set *s)
{
    struct id_set old = *s;
    s->room = old.room > 0 ? 2 * old.room : ROOM_MIN;
    s->v = mem_zarray(s->room, sizeof(*s->v));
    for (size_t i = 0; i < old.room; i++) {
        if (old.v[i] != 0)
            s->v[place_of(s, old.v[i])] = old.v[i];
    }
    mem_free(old.v);
}

bool id_set_add(struct id_set *s, uint64_t id)
{
    if (id == 0) {
        bool is_new = !s->has_zero;
        s->has_zero = true;
        return is_new;
    }
    if (2 * s->count >= s->room)
        grow(s);
    size_t at = place_of(s, id);
    if (s->v[at] == id)
        return false;
    s->v[at] = id;
    s->count++;
    return true;
}

bool id_set_has(const struct id_set *s, uint64_t id)
{
    if (id == 0)
        return s->has_zero;
    return s->room > 0 && s->v[place_of(s, id)] == id;
}

void id_set_finish(struct id_set *s)
{
    mem_free(s->v);
    *s = (struct id_set){0};
}
