/* SPDX-License-Identifier: MIT
 *
 * Places at an origin. A ticket that was left while its mail was on the way lives until the mail
 * comes, and then passes its place on. The lock is held for a few pointers; mail is posted after
 * it. */
#include "edge/upstream/gate.h"

#include "lib/base/list.h"
#include "lib/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

#define LANES  64
#define SPARED 4 /* one place in so many, where there are several, is not for the background */

struct gate {
    uint32_t magic;
    _Atomic uint32_t refs;
    uint32_t places, background_places;
    _Atomic uint32_t taken;   /* written under the lock */
    _Atomic uint32_t waiting; /* in the lanes */
    pthread_mutex_t lock;
    uint32_t turn; /* lane that is served next */
    struct list lanes[LANES], background;
};
#define GATE_MAGIC 0x6a7e0b1aU

enum ticket_state { WAITING, CALLED, IN };

struct gate_ticket {
    struct mail mail; /* first */
    struct list link; /* while WAITING */
    struct gate *gate;
    struct mailbox *home;
    _Atomic int state; /* enum ticket_state; WAITING -> CALLED under the lock, the rest by home */
    bool is_left, is_background;
    void (*admitted)(void *ctx);
    void *ctx;
};

struct gate *gate_create(uint32_t places)
{
    struct gate *g = mem_zalloc(sizeof(*g));
    g->magic = GATE_MAGIC;
    atomic_init(&g->refs, 1);
    g->places = places;
    g->background_places = places - (places > 1 ? (places + SPARED - 1) / SPARED : 0);
    list_init(&g->background);
    pthread_mutex_init(&g->lock, NULL);
    for (int i = 0; i < LANES; i++)
        list_init(&g->lanes[i]);
    return g;
}

void gate_unref(struct gate **pg)
{
    struct gate *g = *pg;
    *pg = NULL;
    if (g == NULL || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) > 1)
        return;
    CHECK_OBJ(g, GATE_MAGIC);
    CHECK(atomic_load(&g->taken) == 0);
    pthread_mutex_destroy(&g->lock);
    g->magic = 0;
    mem_free(g);
}

bool gate_is_full(const struct gate *g)
{
    return atomic_load_explicit(&g->taken, memory_order_relaxed) >= g->places;
}

static struct list *pop_lane_locked(struct gate *g)
{
    for (uint32_t i = 0; i < LANES; i++) {
        struct list *l = list_pop(&g->lanes[(g->turn + i) % LANES]);
        if (l == NULL)
            continue;
        g->turn = (g->turn + i + 1) % LANES;
        atomic_fetch_sub_explicit(&g->waiting, 1, memory_order_relaxed);
        return l;
    }
    return NULL;
}

/* Who has the place that is left: the first of the first lane in turn that has anybody. */
static struct gate_ticket *next_locked(struct gate *g)
{
    struct list *l = pop_lane_locked(g);
    if (l == NULL && g->taken - 1 < g->background_places)
        l = list_pop(&g->background);
    if (l == NULL)
        return NULL;
    struct gate_ticket *t = LIST_THING(l, struct gate_ticket, link);
    t->state = CALLED;
    return t;
}

static void on_called(struct mail *m);

/* A place is free: the next one's, or nobody's. */
static void pass_on(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    struct gate_ticket *next = next_locked(g);
    if (next == NULL)
        atomic_fetch_sub_explicit(&g->taken, 1, memory_order_relaxed);
    pthread_mutex_unlock(&g->lock);
    if (next != NULL)
        mailbox_post(next->home, &next->mail, on_called);
}

static void ticket_free(struct gate_ticket *t)
{
    gate_unref(&t->gate);
    mem_free(t);
}

static void on_called(struct mail *m)
{
    struct gate_ticket *t = CONTAINER_OF(m, struct gate_ticket, mail);
    if (t->is_left) {
        pass_on(t->gate);
        ticket_free(t);
        return;
    }
    t->state = IN;
    t->admitted(t->ctx);
}

struct gate_ticket *gate_enter(struct gate *g, const struct gate_entry *entry)
{
    struct gate_ticket *t = mem_zalloc(sizeof(*t));
    CHECK_OBJ(g, GATE_MAGIC);
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    t->gate = g;
    t->home = entry->home;
    t->admitted = entry->admitted;
    t->ctx = entry->ctx;
    t->is_background = entry->is_background;
    list_init(&t->link);
    pthread_mutex_lock(&g->lock);
    if (g->taken < (t->is_background ? g->background_places : g->places)) {
        t->state = IN;
        atomic_fetch_add_explicit(&g->taken, 1, memory_order_relaxed);
    } else if (t->is_background) {
        list_push_back(&g->background, &t->link);
    } else {
        list_push_back(&g->lanes[entry->key % LANES], &t->link);
        atomic_fetch_add_explicit(&g->waiting, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&g->lock);
    return t;
}

bool gate_is_in(const struct gate_ticket *t)
{
    return t->state == IN;
}

void gate_leave(struct gate_ticket **pt)
{
    struct gate_ticket *t = *pt;
    *pt = NULL;
    if (t == NULL)
        return;
    struct gate *g = t->gate;
    pthread_mutex_lock(&g->lock);
    int state = t->state;
    if (state == WAITING) {
        list_remove(&t->link);
        if (!t->is_background)
            atomic_fetch_sub_explicit(&g->waiting, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&g->lock);
    t->is_left = true;
    if (state == CALLED)
        return; /* its mail frees it */
    if (state == IN)
        pass_on(g);
    ticket_free(t);
}

bool gate_has_waiting(const struct gate_ticket *t)
{
    return atomic_load_explicit(&t->gate->waiting, memory_order_relaxed) > 0;
}
