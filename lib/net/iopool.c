/* SPDX-License-Identifier: MIT
 * Threads for calls that block. One queue with one lock, held for pointer writes only; a job goes
 * home by mail. */
#include "lib/net/iopool.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define IOPOOL_MAGIC 0x10b00137U

struct iopool {
    uint32_t magic;
    int thread_count;
    size_t queue_bound;
    pthread_t *threads;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t has_work;
    struct list queue;
    size_t queued;
    bool is_ending;
};

static void bring_home(struct mail *m)
{
    struct iojob *j = CONTAINER_OF(m, struct iojob, mail);
    j->done(j);
}

/* Waits for a job. NULL: the pool ends and nothing is left to do. */
static struct iojob *take_job(struct iopool *p)
{
    pthread_mutex_lock(&p->lock);
    while (list_is_empty(&p->queue) && !p->is_ending)
        pthread_cond_wait(&p->has_work, &p->lock);
    struct list *link = list_pop(&p->queue);
    if (link != NULL)
        p->queued--;
    pthread_mutex_unlock(&p->lock);
    return link != NULL ? LIST_THING(link, struct iojob, link) : NULL;
}

static void *run_jobs(void *ctx)
{
    struct iopool *p = ctx;
    for (struct iojob *j; (j = take_job(p)) != NULL;) {
        j->run(j);
        mailbox_post(loop_mailbox(j->home), &j->mail, bring_home);
    }
    return NULL;
}

static int start_threads(struct iopool *p, int wanted)
{
    int e = 0;
    while (p->thread_count < wanted && e == 0) {
        char name[16];
        snprintf(name, sizeof(name), "io-%d", p->thread_count);
        e = thread_start(&p->threads[p->thread_count], run_jobs, p, name);
        p->thread_count += e == 0;
    }
    return e;
}

struct iopool *iopool_create(int threads, size_t queue_bound)
{
    CHECK(threads > 0 && queue_bound > 0);
    struct iopool *p = mem_zalloc(sizeof(*p));
    p->magic = IOPOOL_MAGIC;
    p->queue_bound = queue_bound;
    p->threads = mem_zarray((size_t)threads, sizeof(*p->threads));
    list_init(&p->queue);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->has_work, NULL);
    int e = start_threads(p, threads);
    if (e != 0) {
        iopool_destroy(&p);
        errno = e;
    }
    return p;
}

void iopool_destroy(struct iopool **pp)
{
    struct iopool *p = *pp;
    *pp = NULL;
    if (p == NULL)
        return;
    CHECK_OBJ(p, IOPOOL_MAGIC);
    pthread_mutex_lock(&p->lock);
    p->is_ending = true;
    pthread_cond_broadcast(&p->has_work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->has_work);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->threads);
    p->magic = 0;
    mem_free(p);
}

int iopool_submit(struct iopool *p, struct loop *home, struct iojob *j)
{
    CHECK_OBJ(p, IOPOOL_MAGIC);
    j->home = home;
    pthread_mutex_lock(&p->lock);
    bool has_room = p->queued < p->queue_bound;
    if (has_room) {
        list_push_back(&p->queue, &j->link);
        p->queued++;
        pthread_cond_signal(&p->has_work);
    }
    pthread_mutex_unlock(&p->lock);
    return has_room ? 0 : ERR_BUSY;
}
