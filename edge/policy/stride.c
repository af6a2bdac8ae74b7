/* SPDX-License-Identifier: MIT
 *
 * Two trails, since a client that reads on is often beside one that jumps about. */
#include "edge/policy/stride.h"

#include "lib/base/check.h"

#include <stddef.h>

static struct stride_trail *trail_to(struct stride *s, int64_t first)
{
    for (uint32_t i = 0; i < ARRAY_LEN(s->trails); i++) {
        if (first > 0 && s->trails[i].next == first)
            return &s->trails[i];
    }
    return NULL;
}

int64_t stride_want(struct stride *s, int64_t first, int64_t count, int64_t most)
{
    s->wants += s->wants < UINT32_MAX;
    if (first + count >= UINT32_MAX || most >= UINT32_MAX)
        return 0;
    struct stride_trail *t = trail_to(s, first);
    int64_t ahead = 0;
    if (t != NULL) {
        s->turn = (uint32_t)(t - s->trails) + 1; /* the other gives way: this one leads on */
        ahead = t->ahead > 0 ? 2 * (int64_t)t->ahead : count;
        ahead = ahead < most ? ahead : most;
    } else {
        t = &s->trails[s->turn % ARRAY_LEN(s->trails)];
    }
    s->turn = (uint32_t)(t - s->trails) + 1; /* the other one gives way next */
    ahead = first + count + ahead < UINT32_MAX ? ahead : 0;
    *t = (struct stride_trail){(uint32_t)(first + count + ahead), (uint32_t)ahead};
    return ahead;
}
