/* SPDX-License-Identifier: MIT
 * Snapshots of the configuration. Who reads files is control.c. */
#include "control/api/api_config.h"

#include "lib/base/mem.h"

struct api_config *api_config_create(void)
{
    struct api_config *c = mem_zalloc(sizeof *c);
    c->magic = API_CONFIG_MAGIC;
    c->refs = 1;
    arena_init(&c->mem, 64 << 20);
    return c;
}

void api_config_unref(struct api_config **pc)
{
    struct api_config *c = *pc;
    *pc = NULL;
    if (c == NULL)
        return;
    CHECK_OBJ(c, API_CONFIG_MAGIC);
    if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    c->magic = 0;
    override_table_destroy(&c->overrides);
    override_table_destroy(&c->proxies);
    arena_finish(&c->mem);
    mem_free(c);
}

void api_config_box_init(struct api_config_box *b)
{
    *b = (struct api_config_box){0};
    CHECK(pthread_mutex_init(&b->lock, NULL) == 0);
}

void api_config_box_finish(struct api_config_box *b)
{
    api_config_unref(&b->newest);
    pthread_mutex_destroy(&b->lock);
}

void api_config_swap(struct api_config_box *b, struct api_config *c)
{
    pthread_mutex_lock(&b->lock);
    struct api_config *old = b->newest;
    c->version = (old != NULL ? old->version : 0) + 1;
    b->newest = c;
    atomic_store_explicit(&b->version, c->version, memory_order_release);
    pthread_mutex_unlock(&b->lock);
    api_config_unref(&old);
}

const struct api_config *api_config_now(struct api_config_box *b, struct api_config **held)
{
    uint64_t newest = atomic_load_explicit(&b->version, memory_order_acquire);
    if (*held != NULL && (*held)->version == newest)
        return *held;
    api_config_unref(held);
    pthread_mutex_lock(&b->lock);
    *held = b->newest;
    atomic_fetch_add_explicit(&(*held)->refs, 1, memory_order_relaxed);
    pthread_mutex_unlock(&b->lock);
    return *held;
}
