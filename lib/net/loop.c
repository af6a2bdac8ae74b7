/* SPDX-License-Identifier: MIT
 * The loop of one thread. A turn is: wait (epoll_wait), the callbacks of what is ready and of the
 * timers due, the mail, the deferred tasks. Whoever defers from a task or posts to itself gets its
 * turn after one more look at the sockets, so nobody can starve them.
 *
 * libevent: no locks in the base (only this thread touches it, others use the mailbox), the change
 * list (adding and removing within one turn costs at most one epoll_ctl), coarse timers. Threads
 * are announced to libevent all the same: evdns draws its query ids from a generator that all bases
 * of the process share.
 *
 * Moments are read at the first question of a turn. Sockets are conn.c's, durations
 * deadlines.c's. */
#include "lib/net/loop.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/loop_part.h"
#include "lib/net/mailbox_owner.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>

#define LOOP_MAGIC     0x100b7a2dU
#define LOOP_SPARE_MAX 256

struct spare_buf {
    struct spare_buf *next;
};

struct loop {
    uint32_t magic;
    bool is_running, is_stopping, is_now_read, is_wall_read, is_dns_tried;
    msec_t now, wall;
    struct event_base *base;
    struct mailbox *mailbox;
    struct event *wake;
    struct evdns_base *dns;
    struct list tasks;
    struct spare_buf *spare;
    size_t spare_count;
    struct loop_part *parts[LOOP_PARTS];
};

static void on_event_log(int severity, const char *text)
{
    if (severity >= EVENT_LOG_WARN)
        LOG_WARN_LIMITED("libevent", "text=\"%s\"", text);
}

static void on_dns_log(int is_warning, const char *text)
{
    if (is_warning)
        LOG_WARN_LIMITED("dns", "text=\"%s\"", text);
}

static void set_up_libevent(void)
{
    CHECK(evthread_use_pthreads() == 0);
    event_set_log_callback(on_event_log);
    evdns_set_log_fn(on_dns_log);
}

static struct event_base *base_create(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL)
        return NULL;
    /* No changelist: a connection is registered once and taken out once, so there is nothing to
     * merge, and a removal that waits for the next turn could meet the descriptor in other
     * hands. */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
    event_config_require_features(config, EV_FEATURE_ET);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

/* The wake-up itself is the message: the turn that it begins delivers the mail. */
static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    (void)ctx;
}

struct loop *loop_create(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up_libevent);

    struct loop *l = mem_zalloc(sizeof(*l));
    l->magic = LOOP_MAGIC;
    list_init(&l->tasks);
    errno = 0;
    l->base = base_create();
    l->mailbox = l->base != NULL ? mailbox_create() : NULL;
    if (l->mailbox != NULL)
        l->wake =
            event_new(l->base, mailbox_fd(l->mailbox), EV_READ | EV_ET | EV_PERSIST, on_wake, l);
    if (l->wake != NULL && event_add(l->wake, NULL) == 0)
        return l;
    int saved = errno != 0 ? errno : ENOMEM;
    loop_destroy(&l);
    errno = saved;
    return NULL;
}

void loop_destroy(struct loop **pl)
{
    struct loop *l = *pl;
    *pl = NULL;
    if (l == NULL)
        return;
    CHECK_OBJ(l, LOOP_MAGIC);
    for (int i = 0; i < LOOP_PARTS; i++)
        if (l->parts[i] != NULL)
            l->parts[i]->finish(l->parts[i]);
    if (l->dns != NULL) {
        evdns_base_free(l->dns, 1);
        event_base_loop(l->base, EVLOOP_NONBLOCK); /* the lookups hear that they failed */
    }
    if (l->wake != NULL)
        event_free(l->wake);
    mailbox_destroy(&l->mailbox);
    if (l->base != NULL)
        event_base_free(l->base);
    while (l->spare != NULL) {
        struct spare_buf *b = l->spare;
        l->spare = b->next;
        mem_free(b);
    }
    l->magic = 0;
    mem_free(l);
}

static void run_tasks(struct loop *l)
{
    struct list due;
    list_init(&due);
    list_move_all(&due, &l->tasks);
    for (struct list *link; (link = list_pop(&due)) != NULL;) {
        struct loop_task *t = LIST_THING(link, struct loop_task, link);
        t->run(t);
    }
}

void loop_run(struct loop *l)
{
    CHECK_OBJ(l, LOOP_MAGIC);
    l->is_running = true;
    while (!l->is_stopping) {
        bool may_sleep = list_is_empty(&l->tasks) && mailbox_may_sleep(l->mailbox);
        l->is_now_read = l->is_wall_read = false;
        int flags = EVLOOP_ONCE | (may_sleep ? 0 : EVLOOP_NONBLOCK);
        CHECK(event_base_loop(l->base, flags) >= 0);
        mailbox_deliver(l->mailbox);
        run_tasks(l);
    }
    l->is_running = l->is_stopping = false;
}

void loop_stop(struct loop *l)
{
    l->is_stopping = true;
}

void loop_deliver(struct loop *l)
{
    CHECK_OBJ(l, LOOP_MAGIC);
    mailbox_deliver(l->mailbox);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

struct evdns_base *loop_dns(struct loop *l)
{
    if (l->dns == NULL && !l->is_dns_tried) {
        l->is_dns_tried = true;
        l->dns = evdns_base_new(l->base, EVDNS_BASE_INITIALIZE_NAMESERVERS);
        if (l->dns == NULL)
            LOG_WARN("dns-unavailable", "file=/etc/resolv.conf");
    }
    return l->dns;
}

struct mailbox *loop_mailbox(struct loop *l)
{
    return l->mailbox;
}

struct loop_part **loop_part_at(struct loop *l, enum loop_part_name name)
{
    return &l->parts[name];
}

msec_t loop_now(struct loop *l)
{
    if (UNLIKELY(!l->is_now_read)) {
        l->now = clock_mono_ms();
        l->is_now_read = l->is_running; /* outside of turns every question reads the clock */
    }
    return l->now;
}

msec_t loop_wall(struct loop *l)
{
    if (UNLIKELY(!l->is_wall_read)) {
        l->wall = clock_wall_ms();
        l->is_wall_read = l->is_running;
    }
    return l->wall;
}

void loop_task_init(struct loop_task *t, void (*run)(struct loop_task *t))
{
    list_init(&t->link);
    t->run = run;
}

void loop_defer(struct loop *l, struct loop_task *t)
{
    if (!list_is_linked(&t->link))
        list_push_back(&l->tasks, &t->link);
}

void loop_defer_first(struct loop *l, struct loop_task *t)
{
    loop_undefer(t);
    list_push_front(&l->tasks, &t->link);
}

void loop_undefer(struct loop_task *t)
{
    list_remove(&t->link);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct timer *t = ctx;
    t->run(t);
}

void timer_init(struct timer *t, struct loop *l, void (*run)(struct timer *t))
{
    *t = (struct timer){.loop = l, .run = run};
}

void timer_set(struct timer *t, msec_t after_ms)
{
    if (after_ms < 0)
        after_ms = 0;
    if (t->event == NULL)
        t->event = event_new(t->loop->base, -1, 0, on_timer, t);
    struct timeval tv = {.tv_sec = after_ms / MSEC_PER_SEC,
                         .tv_usec = after_ms % MSEC_PER_SEC * 1000};
    CHECK(t->event != NULL && event_add(t->event, &tv) == 0);
}

void timer_stop(struct timer *t)
{
    if (t->event != NULL)
        event_del(t->event);
}

void timer_finish(struct timer *t)
{
    if (t->event != NULL)
        event_free(t->event);
    t->event = NULL;
}

void *loop_buf_get(struct loop *l)
{
    struct spare_buf *b = l->spare;
    if (b == NULL)
        return mem_alloc(LOOP_BUF_BYTES);
    l->spare = b->next;
    l->spare_count--;
    return b;
}

void loop_buf_put(struct loop *l, void *buf)
{
    struct spare_buf *b = buf;
    if (l->spare_count >= LOOP_SPARE_MAX) {
        mem_free(b);
        return;
    }
    b->next = l->spare;
    l->spare = b;
    l->spare_count++;
}
