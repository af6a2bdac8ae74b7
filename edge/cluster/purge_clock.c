/* SPDX-License-Identifier: MIT
 *
 * Numbers of purges under a short lock: asked for once a question between nodes, never for a hit.
 * Remembers at which moments of the store the latest purges were applied. */
#include "edge/cluster/purge_clock.h"

#include "lib/base/mem.h"

#include <pthread.h>

#define KEPT 4096 /* purges whose moment is known */

struct applied {
    uint64_t seq, moment;
};

struct purge_clock {
    pthread_mutex_t lock;
    struct purge_stamp announced, applied;
    struct applied kept[KEPT]; /* by seq % KEPT */
};

struct purge_clock *purge_clock_create(void)
{
    struct purge_clock *c = mem_zalloc(sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void purge_clock_destroy(struct purge_clock **pc)
{
    struct purge_clock *c = *pc;
    *pc = NULL;
    if (c == NULL)
        return;
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static void stamp_set(struct purge_stamp *s, struct span log, uint64_t seq)
{
    size_t n = log.n < HEARTBEAT_NAME_BYTES ? log.n : HEARTBEAT_NAME_BYTES;
    if (n > 0)
        memcpy(s->log, log.p, n);
    s->log[n] = '\0';
    s->seq = seq;
}

void purge_clock_announce(struct purge_clock *c, struct span log, uint64_t seq)
{
    pthread_mutex_lock(&c->lock);
    stamp_set(&c->announced, log, seq);
    pthread_mutex_unlock(&c->lock);
}

void purge_clock_apply(struct purge_clock *c, struct span log, uint64_t seq, uint64_t moment)
{
    pthread_mutex_lock(&c->lock);
    if (!span_eq(span_of(c->applied.log), log))
        memset(c->kept, 0, sizeof(c->kept));
    stamp_set(&c->applied, log, seq);
    stamp_set(&c->announced, log, seq);
    c->kept[seq % KEPT] = (struct applied){seq, moment};
    pthread_mutex_unlock(&c->lock);
}

void purge_clock_stamp(struct purge_clock *c, struct purge_stamp *out)
{
    pthread_mutex_lock(&c->lock);
    *out = c->announced;
    pthread_mutex_unlock(&c->lock);
}

void purge_clock_applied(struct purge_clock *c, struct purge_stamp *out)
{
    pthread_mutex_lock(&c->lock);
    *out = c->applied;
    pthread_mutex_unlock(&c->lock);
}

static bool is_same_log(const struct purge_stamp *a, const struct purge_stamp *b)
{
    return strcmp(a->log, b->log) == 0;
}

bool purge_clock_covers(struct purge_clock *c, const struct purge_stamp *s)
{
    if (s->seq == 0)
        return true;
    pthread_mutex_lock(&c->lock);
    bool is_covered = is_same_log(&c->applied, s) && c->applied.seq >= s->seq;
    pthread_mutex_unlock(&c->lock);
    return is_covered;
}

bool purge_clock_moment(struct purge_clock *c, const struct purge_stamp *s, uint64_t *moment)
{
    bool is_known = false;
    pthread_mutex_lock(&c->lock);
    if (is_same_log(&c->applied, s)) {
        uint64_t seq = s->seq < c->applied.seq ? s->seq : c->applied.seq;
        const struct applied *a = &c->kept[seq % KEPT];
        is_known = a->seq == seq;
        *moment = a->moment;
    }
    pthread_mutex_unlock(&c->lock);
    return is_known;
}

const struct purge_stamp *purge_stamp_later(const struct purge_stamp *a,
                                            const struct purge_stamp *b)
{
    return is_same_log(a, b) && b->seq > a->seq ? b : a;
}
