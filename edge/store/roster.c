/* SPDX-License-Identifier: MIT */

/* Chained buckets. Who is found while it is being freed is not found: freeing takes it out of here
 * before its memory goes. Threads: any. */
#include "edge/store/roster.h"

#include "lib/base/check.h"
#include "lib/base/mem.h"

size_t roster_init(struct roster *r, uint32_t buckets, bool (*take)(struct roster_link *l))
{
    CHECK((buckets & (buckets - 1)) == 0);
    r->buckets = mem_zarray(buckets, sizeof(*r->buckets));
    r->mask = buckets - 1;
    r->take = take;
    pthread_mutex_init(&r->lock, NULL);
    return buckets * sizeof(*r->buckets);
}

void roster_finish(struct roster *r)
{
    if (r->buckets == NULL)
        return;
    pthread_mutex_destroy(&r->lock);
    mem_free(r->buckets);
    r->buckets = NULL;
}

/* Ids count up from a random number. */
static struct address *bucket_of(struct roster *r, uint64_t id)
{
    return &r->buckets[id & r->mask];
}

void roster_add(struct roster *r, struct roster_link *l)
{
    pthread_mutex_lock(&r->lock);
    struct address *bucket = bucket_of(r, l->id);
    l->next = *bucket;
    address_set(bucket, l);
    pthread_mutex_unlock(&r->lock);
}

void roster_remove(struct roster *r, struct roster_link *l)
{
    pthread_mutex_lock(&r->lock);
    struct address *at = bucket_of(r, l->id);
    for (struct roster_link *other; (other = address_get(at)) != l;)
        at = &other->next;
    *at = l->next;
    pthread_mutex_unlock(&r->lock);
}

struct roster_link *roster_find(struct roster *r, uint64_t id)
{
    pthread_mutex_lock(&r->lock);
    struct roster_link *l = address_get(bucket_of(r, id));
    while (l != NULL && l->id != id)
        l = address_get(&l->next);
    if (l != NULL && !r->take(l))
        l = NULL;
    pthread_mutex_unlock(&r->lock);
    return l;
}
