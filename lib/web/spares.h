/* SPDX-License-Identifier: MIT */
/* Private to lib/web: things of one kind that the next request takes where the last one left them,
 * instead of asking the allocator. What was put last is taken first: the processor's caches still
 * have it. */
#ifndef LIB_WEB_SPARES_H
#define LIB_WEB_SPARES_H

#include "lib/base/list.h"

#include <stdint.h>

#define SPARES_MAX 256 /* more are freed */
typedef void (*spares_free_fn)(struct list *link);
struct spares {
    struct list things; /* by a link of theirs, which no other list needs meanwhile */
    uint32_t count;
    spares_free_fn free_thing; /* of who put the first */
};

void spares_init(struct spares *s);
/* spares_finish: frees what is there. */
void spares_finish(struct spares *s);
/* spares_take: as it was put; NULL: there is none. spares_put: takes it; under AddressSanitizer it
 * is freed at once, so that a use after that is seen. */
struct list *spares_take(struct spares *s);
void spares_put(struct spares *s, struct list *link, spares_free_fn free_thing);

#endif
