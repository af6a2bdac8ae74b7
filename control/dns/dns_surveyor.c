/* SPDX-License-Identifier: MIT
 * Keeps the atlas new: judges on the main thread whether it still holds, makes it on a thread of
 * its own, and hands it to the workers by a version they can look at without the lock. */
#include "control/dns/dns_surveyor.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/iopool.h"

#include <pthread.h>
#include <stdatomic.h>

#define PAUSE_MS 1000 /* between two, so that a fleet that comes and goes costs no whole core */

struct dns_surveyor {
    struct iojob job; /* is_busy: all of it belongs to the job */
    bool is_busy;
    struct loop *loop;
    struct iopool *pool;
    size_t wanted;
    struct dns_view view; /* what the atlas is being made from */
    struct dns_atlas *made;
    uint64_t failed_config; /* its database has no tree to draw */
    msec_t began_at;
    /* shared */
    pthread_mutex_t lock;
    struct dns_atlas *newest;
    _Atomic uint64_t version;
};

static void make(struct iojob *j)
{
    struct dns_surveyor *s = CONTAINER_OF(j, struct dns_surveyor, job);
    int err = dns_atlas_create(&s->made, &s->view, s->wanted);
    (void)err; /* *made says it */
}

static void publish(struct dns_surveyor *s, struct dns_atlas *a)
{
    pthread_mutex_lock(&s->lock);
    struct dns_atlas *old = s->newest;
    s->newest = a;
    atomic_fetch_add_explicit(&s->version, 1, memory_order_release);
    pthread_mutex_unlock(&s->lock);
    dns_atlas_unref(&old);
}

static void on_made(struct iojob *j)
{
    struct dns_surveyor *s = CONTAINER_OF(j, struct dns_surveyor, job);
    s->is_busy = false;
    if (s->made == NULL) {
        s->failed_config = s->view.config_version;
        LOG_WARN("dns-atlas-not-made", "note=\"answers are for single addresses\"");
        return;
    }
    LOG_DEBUG("dns-atlas", "regions=%zu networks=%zu took_ms=%lld", dns_atlas_regions(s->made),
              dns_atlas_networks(s->made), (long long)(loop_now(s->loop) - s->began_at));
    publish(s, s->made);
    s->made = NULL;
}

struct dns_surveyor *dns_surveyor_create(struct loop *l, size_t wanted)
{
    struct dns_surveyor *s = mem_zalloc(sizeof *s);
    s->loop = l;
    s->wanted = wanted;
    s->began_at = -PAUSE_MS;
    s->pool = iopool_create(1, 1);
    list_init(&s->job.link);
    CHECK(s->pool != NULL && pthread_mutex_init(&s->lock, NULL) == 0);
    return s;
}

void dns_surveyor_destroy(struct dns_surveyor **ps)
{
    struct dns_surveyor *s = *ps;
    *ps = NULL;
    if (s == NULL)
        return;
    iopool_destroy(&s->pool);
    dns_atlas_unref(&s->made);
    dns_atlas_unref(&s->newest);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

void dns_surveyor_look(struct dns_surveyor *s, dns_view_fn view, void *ctx)
{
    msec_t now = loop_now(s->loop);
    if (s->is_busy || now - s->began_at < PAUSE_MS)
        return;
    s->view = view(ctx);
    if (dns_atlas_fits(s->newest, &s->view) || s->failed_config == s->view.config_version)
        return;
    s->began_at = now;
    s->job.run = make;
    s->job.done = on_made;
    s->is_busy = iopool_submit(s->pool, s->loop, &s->job) == 0;
}

const struct dns_atlas *dns_surveyor_now(struct dns_surveyor *s, struct dns_survey *mine)
{
    if (mine->version == atomic_load_explicit(&s->version, memory_order_acquire))
        return mine->held;
    dns_atlas_unref(&mine->held);
    pthread_mutex_lock(&s->lock);
    if (s->newest != NULL)
        mine->held = dns_atlas_ref(s->newest);
    mine->version = atomic_load_explicit(&s->version, memory_order_relaxed);
    pthread_mutex_unlock(&s->lock);
    return mine->held;
}

void dns_survey_finish(struct dns_survey *mine)
{
    dns_atlas_unref(&mine->held);
    mine->version = 0;
}
