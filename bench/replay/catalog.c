/* SPDX-License-Identifier: MIT */

/* What is published: a map under a lock. */
#include "bench/replay/catalog.h"

#include "lib/base/map.h"
#include "lib/base/mem.h"

#include <pthread.h>

struct catalog {
    pthread_mutex_t lock;
    struct map *editions; /* by the bytes of the object's number */
};

struct catalog *catalog_create(void)
{
    struct catalog *c = mem_zalloc(sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    c->editions = map_create();
    return c;
}

void catalog_destroy(struct catalog **pc)
{
    struct catalog *c = *pc;
    struct span key;
    void *e;
    *pc = NULL;
    if (c == NULL)
        return;
    for (size_t at = 0; map_next(c->editions, &at, &key, &e);)
        mem_free(e);
    map_destroy(c->editions);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static struct span key_of(const uint64_t *object)
{
    return span_make(object, sizeof(*object));
}

uint32_t catalog_publish(struct catalog *c, const struct edition *e)
{
    pthread_mutex_lock(&c->lock);
    struct edition *now = map_get(c->editions, key_of(&e->object));
    if (now == NULL) {
        now = mem_zalloc(sizeof(*now));
        *now = *e;
        map_put(c->editions, key_of(&e->object), now);
    } else if (e->version > now->version) {
        *now = *e;
    }
    uint32_t version = now->version;
    pthread_mutex_unlock(&c->lock);
    return version;
}

bool catalog_current(struct catalog *c, uint64_t object, struct edition *out)
{
    pthread_mutex_lock(&c->lock);
    const struct edition *now = map_get(c->editions, key_of(&object));
    if (now != NULL)
        *out = *now;
    pthread_mutex_unlock(&c->lock);
    return now != NULL;
}
