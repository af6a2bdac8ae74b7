/* SPDX-License-Identifier: MIT */

/* Records in a buffer, as in a summary. Threads: the writer's. */
#include "edge/store/disk_orders.h"

/* Whether something that it falls on may still lie there. */
static bool is_needed(const struct disk *d, uint32_t segment, uint64_t reach)
{
    for (uint32_t i = 0; i < d->medium.count; i++) {
        const struct disk_segment *s = &d->segments[i];
        if (i != segment && s->state == DISK_SEGMENT_SEALED && s->sequence < reach)
            return true;
    }
    return false;
}

void disk_orders_keep(struct disk *d, uint32_t segment, const struct disk_record *r,
                      const void *payload)
{
    struct buf *orders = &d->writer.orders;
    struct disk_record again = *r;
    again.index = disk_reach(r);
    if (!is_needed(d, segment, again.index))
        return;
    buf_add(orders, &again, sizeof(again));
    buf_add(orders, payload, r->length);
}

size_t disk_orders_mark(const struct disk *d)
{
    return d->writer.orders.n;
}

void disk_orders_back(struct disk *d, size_t mark)
{
    d->writer.orders.n = mark;
    d->writer.orders.is_overflowed = false;
}

bool disk_orders_next(const struct disk *d, size_t *at, struct disk_record *r,
                      const uint8_t **payload)
{
    const struct buf *orders = &d->writer.orders;
    if (*at == orders->n)
        return false;
    memcpy(r, orders->p + *at, sizeof(*r));
    *payload = (const uint8_t *)orders->p + *at + sizeof(*r);
    *at += sizeof(*r) + r->length;
    return true;
}

void disk_orders_clear(struct disk *d)
{
    buf_clear(&d->writer.orders);
}
