/* SPDX-License-Identifier: MIT
 * Time-outs of one duration: a list that is in order of expiry because each new one goes to the
 * end. The timer is set for the head and left alone while things come and go; when it fires too
 * early it is set again. So a connection that starts and stops a deadline on each request costs
 * pointer writes only. On the loop's thread. */
#include "lib/net/deadlines.h"

#define LATE_MAX_MS  100
#define SLACK_SHARE  64 /* of the duration: a smaller move is not made */
#define SLACK_MAX_MS 100

static void arm(struct deadlines *ds, msec_t wait_ms)
{
    timer_set(&ds->timer, wait_ms);
    ds->is_armed = true;
}

/* At most LATE_MAX_MS late, and at most a tenth of the duration, so that many share one firing. */
static void arm_for_head(struct deadlines *ds)
{
    if (list_is_empty(&ds->waiting))
        return;
    struct deadline *head = LIST_THING(ds->waiting.next, struct deadline, link);
    msec_t wait = head->at - loop_now(ds->loop);
    msec_t slack = ds->after_ms / 10 < LATE_MAX_MS ? ds->after_ms / 10 : LATE_MAX_MS;
    arm(ds, wait > slack ? wait : slack + 1);
}

static void on_timer(struct timer *t)
{
    struct deadlines *ds = CONTAINER_OF(t, struct deadlines, timer);
    msec_t now = loop_now(ds->loop);
    ds->is_armed = false;
    while (!list_is_empty(&ds->waiting)) {
        struct deadline *d = LIST_THING(ds->waiting.next, struct deadline, link);
        if (d->at > now)
            break;
        list_remove(&d->link);
        ds->run(d);
    }
    if (!ds->is_armed)
        arm_for_head(ds);
}

static msec_t slack_of(msec_t after_ms)
{
    msec_t slack = after_ms / SLACK_SHARE;
    return slack < SLACK_MAX_MS ? slack : SLACK_MAX_MS;
}

void deadlines_init(struct deadlines *ds, struct loop *l, msec_t after_ms, deadline_fn run)
{
    *ds = (struct deadlines){
        .loop = l, .run = run, .after_ms = after_ms, .slack_ms = slack_of(after_ms)};
    list_init(&ds->waiting);
    timer_init(&ds->timer, l, on_timer);
}

void deadlines_finish(struct deadlines *ds)
{
    if (ds->loop == NULL)
        return;
    while (list_pop(&ds->waiting) != NULL)
        continue;
    timer_finish(&ds->timer);
    ds->is_armed = false;
}

void deadlines_set_after(struct deadlines *ds, msec_t after_ms)
{
    msec_t latest = loop_now(ds->loop) + after_ms;
    ds->after_ms = after_ms;
    ds->slack_ms = slack_of(after_ms);
    LIST_EACH(l, &ds->waiting)
    {
        struct deadline *d = LIST_THING(l, struct deadline, link);
        if (d->at > latest)
            d->at = latest;
    }
    arm_for_head(ds);
}

void deadline_init(struct deadline *d)
{
    d->at = 0;
    list_init(&d->link);
}

/* To leave the list touches both neighbours: other connections, that the processor's caches had
 * forgotten. */
void deadline_start(struct deadlines *ds, struct deadline *d)
{
    msec_t at = loop_now(ds->loop) + ds->after_ms;
    if (deadline_is_started(d) && at >= d->at && at - d->at <= ds->slack_ms)
        return;
    d->at = at;
    list_remove(&d->link);
    list_push_back(&ds->waiting, &d->link);
    if (!ds->is_armed)
        arm(ds, ds->after_ms);
}

void deadline_stop(struct deadline *d)
{
    list_remove(&d->link);
}
