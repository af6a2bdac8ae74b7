/* SPDX-License-Identifier: MIT
 *
 * The gate before a storage. One lock over counts and queues, held for a few pointers' changes;
 * whoever is let in from the queue hears of it by mail on its own loop. */
#include "origin/serve/gate.h"

#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"

#include <pthread.h>

/* PASS_WAITS ─granted─> PASS_CALLED ─mail─> PASS_INSIDE
 * A pass that is left while its mail is on the way is PASS_LEFT, and goes when the mail comes. */
enum pass_state { PASS_WAITS, PASS_CALLED, PASS_INSIDE, PASS_REFUSED, PASS_LEFT };

struct gate_key {
    uint32_t inside, refs;
    struct list waiting; /* passes, the oldest first */
    struct list turn;    /* gate->turns, while somebody waits */
    struct span text;
};

struct gate_pass {
    struct mail mail; /* first */
    struct gate *gate;
    struct gate_key *key;
    struct loop *home;
    struct list link; /* key->waiting */
    struct timer timer;
    enum pass_state state;
    bool is_patient; /* its key's rule still holds for it; the oldest of a key lose it first */
    bool is_inside;  /* as its own loop knows */
    msec_t since;    /* when it was let in */
    gate_fn done;
    void *ctx;
};

struct gate {
    struct gate_spec spec;
    pthread_mutex_t lock;
    struct map *keys;
    struct list turns; /* keys with somebody waiting, in the order of their turns */
    int64_t inside, waiting;
    msec_t hold_ms; /* how long a pass is inside, averaged; for Retry-After */
};

#define HOLD_FIRST_MS 100

struct gate *gate_create(const struct gate_spec *spec)
{
    struct gate *g = mem_zalloc(sizeof *g);
    CHECK(spec->reads > 0 && spec->reads_per_key > 0);
    g->spec = *spec;
    g->hold_ms = HOLD_FIRST_MS;
    g->keys = map_create();
    list_init(&g->turns);
    CHECK(pthread_mutex_init(&g->lock, NULL) == 0);
    return g;
}

void gate_destroy(struct gate **pg)
{
    struct gate *g = *pg;
    *pg = NULL;
    if (g == NULL)
        return;
    CHECK(map_count(g->keys) == 0);
    map_destroy(g->keys);
    pthread_mutex_destroy(&g->lock);
    mem_free(g);
}

static struct gate_key *key_hold(struct gate *g, struct span text)
{
    struct gate_key *k = map_get(g->keys, text);
    if (k == NULL) {
        k = mem_zalloc(sizeof *k);
        k->text = span_make(mem_strndup(text.p, text.n), text.n);
        list_init(&k->waiting);
        list_init(&k->turn);
        map_put(g->keys, k->text, k);
    }
    k->refs++;
    return k;
}

static void key_release(struct gate *g, struct gate_key *k)
{
    if (--k->refs > 0)
        return;
    map_remove(g->keys, k->text);
    mem_free((char *)(uintptr_t)k->text.p);
    mem_free(k);
}

static bool has_room(const struct gate *g, const struct gate_pass *p)
{
    return g->inside < g->spec.reads && (p->key->inside < g->spec.reads_per_key || !p->is_patient);
}

static void let_in(struct gate *g, struct gate_pass *p)
{
    g->inside++;
    p->key->inside++;
    p->since = clock_mono_ms();
}

static void stop_waiting(struct gate *g, struct gate_pass *p)
{
    list_remove(&p->link);
    g->waiting--;
    if (list_is_empty(&p->key->waiting))
        list_remove(&p->key->turn);
}

static void on_call(struct mail *m);

/* Keys take turns: the first whose oldest pass has room, and it goes to the end. Under the lock. */
static void call_next(struct gate *g)
{
    LIST_EACH_SAFE(t, next, &g->turns)
    {
        struct gate_key *k = LIST_THING(t, struct gate_key, turn);
        struct gate_pass *p = LIST_THING(k->waiting.next, struct gate_pass, link);
        if (g->inside >= g->spec.reads)
            return;
        if (!has_room(g, p))
            continue;
        stop_waiting(g, p);
        if (!list_is_empty(&k->waiting)) {
            list_remove(&k->turn);
            list_push_back(&g->turns, &k->turn);
        }
        let_in(g, p);
        p->state = PASS_CALLED;
        mailbox_post(loop_mailbox(p->home), &p->mail, on_call);
    }
}

/* Under the lock. */
static void go_out(struct gate *g, struct gate_pass *p)
{
    g->inside--;
    p->key->inside--;
    g->hold_ms = (7 * g->hold_ms + clock_mono_ms() - p->since) / 8;
    call_next(g);
}

static void pass_free(struct gate_pass *p)
{
    timer_finish(&p->timer);
    mem_free(p);
}

static void on_call(struct mail *m)
{
    struct gate_pass *p = CONTAINER_OF(m, struct gate_pass, mail);
    struct gate *g = p->gate;
    timer_stop(&p->timer);
    pthread_mutex_lock(&g->lock);
    bool is_left = p->state == PASS_LEFT;
    if (is_left) {
        go_out(g, p);
        key_release(g, p->key);
    } else {
        p->state = PASS_INSIDE;
        p->is_inside = true;
    }
    pthread_mutex_unlock(&g->lock);
    if (is_left)
        pass_free(p);
    else
        p->done(p->ctx, 0);
}

/* First its key's turn has been waited for long enough, then everything has. */
static void on_timer(struct timer *t)
{
    struct gate_pass *p = CONTAINER_OF(t, struct gate_pass, timer);
    struct gate *g = p->gate;
    bool is_refused = false;
    pthread_mutex_lock(&g->lock);
    if (p->state == PASS_WAITS && p->is_patient) {
        p->is_patient = false;
        timer_set(&p->timer, g->spec.wait_ms - g->spec.key_wait_ms);
        call_next(g);
    } else if (p->state == PASS_WAITS) {
        stop_waiting(g, p);
        p->state = PASS_REFUSED;
        is_refused = true;
    }
    pthread_mutex_unlock(&g->lock);
    if (is_refused)
        p->done(p->ctx, ERR_BUSY);
}

struct gate_pass *gate_enter(struct gate *g, struct loop *home, struct span key, gate_fn done,
                             void *ctx)
{
    struct gate_pass *p = mem_zalloc(sizeof *p);
    *p = (struct gate_pass){.gate = g, .home = home, .is_patient = true, .done = done, .ctx = ctx};
    list_init(&p->link);
    timer_init(&p->timer, home, on_timer);
    pthread_mutex_lock(&g->lock);
    p->key = key_hold(g, key);
    bool is_first = list_is_empty(&p->key->waiting);
    p->is_inside = is_first && has_room(g, p);
    bool is_full = !p->is_inside && g->waiting >= g->spec.queue;
    bool waits = !p->is_inside && !is_full;
    if (p->is_inside) {
        p->state = PASS_INSIDE;
        let_in(g, p);
    } else if (waits) {
        list_push_back(&p->key->waiting, &p->link);
        if (is_first)
            list_push_back(&g->turns, &p->key->turn);
        g->waiting++;
    } else {
        key_release(g, p->key);
    }
    pthread_mutex_unlock(&g->lock);
    if (is_full) {
        pass_free(p);
        return NULL;
    }
    if (waits)
        timer_set(&p->timer, g->spec.key_wait_ms);
    return p;
}

bool gate_is_inside(const struct gate_pass *pass)
{
    return pass->is_inside;
}

void gate_leave(struct gate_pass **pp)
{
    struct gate_pass *p = *pp;
    *pp = NULL;
    if (p == NULL)
        return;
    struct gate *g = p->gate;
    pthread_mutex_lock(&g->lock);
    bool is_called = p->state == PASS_CALLED;
    if (p->state == PASS_INSIDE)
        go_out(g, p);
    else if (p->state == PASS_WAITS)
        stop_waiting(g, p);
    if (is_called)
        p->state = PASS_LEFT;
    else
        key_release(g, p->key);
    pthread_mutex_unlock(&g->lock);
    if (!is_called)
        pass_free(p);
}

sec_t gate_retry_after_s(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    msec_t wait = g->hold_ms * (g->waiting / g->spec.reads + 1);
    pthread_mutex_unlock(&g->lock);
    sec_t s = (wait + MSEC_PER_SEC - 1) / MSEC_PER_SEC;
    return s < 1 ? 1 : s < 60 ? s : 60;
}
