/* SPDX-License-Identifier: MIT
 * What edges report, the plan's stage, and two documents. */
#include "control/rollout/rollout.h"

#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/codec/json_out.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define SILENT_MS   3000
#define FAULT_BYTES 128

struct rollout_document {
    atomic_uint refs;
    uint64_t version;
    struct buf open, telling; /* telling is empty where it would be the same */
};

/* The last heartbeat of a node, and its counters when the stage's hold began. */
struct report {
    char node[HEARTBEAT_NAME_BYTES + 1];
    uint64_t hash, boot;
    msec_t heard_at;
    uint64_t version, refused;
    char fault[FAULT_BYTES];
    uint64_t requests, errors;
    uint64_t base_requests, base_errors;
    bool is_member;
};

struct rollout {
    pthread_mutex_t lock;
    struct plan_rules rules;
    struct map *by_node; /* struct report */
    struct report **v;
    size_t count;
    struct rollout_document *newest, *stable; /* the same where the stage is PLAN_DONE; or NULL */
    enum plan_stage stage;
    msec_t held_since;   /* < 0: not every member has it yet */
    msec_t silent_until; /* after an act for the caller */
};

/* ---- documents ---- */

static struct rollout_document *ref(struct rollout_document *d)
{
    if (d != NULL)
        atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

void rollout_document_unref(struct rollout_document **pd)
{
    struct rollout_document *d = *pd;
    *pd = NULL;
    if (d == NULL || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (d->telling.n > 0)
        explicit_bzero(d->telling.p, d->telling.n);
    buf_finish(&d->telling);
    buf_finish(&d->open);
    mem_free(d);
}

struct span rollout_document_text(const struct rollout_document *d, bool tells)
{
    return buf_span(tells && d->telling.n > 0 ? &d->telling : &d->open);
}

uint64_t rollout_document_version(const struct rollout_document *d)
{
    return d->version;
}

static struct rollout_document *document_of(uint64_t version, const struct rollout_text *text)
{
    struct rollout_document *d = mem_zalloc(sizeof *d);
    d->refs = 1;
    d->version = version;
    buf_init(&d->open, text->open.n);
    buf_add_span(&d->open, text->open);
    buf_init(&d->telling, text->telling.n);
    if (!span_eq(text->telling, text->open))
        buf_add_span(&d->telling, text->telling);
    return d;
}

/* ---- the whole ---- */

struct rollout *rollout_create(const struct plan_rules *rules)
{
    struct rollout *r = mem_zalloc(sizeof *r);
    CHECK(pthread_mutex_init(&r->lock, NULL) == 0);
    r->rules = *rules;
    r->by_node = map_create();
    r->held_since = -1;
    return r;
}

void rollout_destroy(struct rollout **pr)
{
    struct rollout *r = *pr;
    *pr = NULL;
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->count; i++)
        mem_free(r->v[i]);
    mem_free(r->v);
    map_destroy(r->by_node);
    rollout_document_unref(&r->newest);
    rollout_document_unref(&r->stable);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

void rollout_set_rules(struct rollout *r, const struct plan_rules *rules)
{
    pthread_mutex_lock(&r->lock);
    r->rules = *rules;
    pthread_mutex_unlock(&r->lock);
}

/* Counters from here on are those of the stage. */
static void begin_counting(struct rollout *r)
{
    for (size_t i = 0; i < r->count; i++) {
        r->v[i]->base_requests = r->v[i]->requests;
        r->v[i]->base_errors = r->v[i]->errors;
    }
}

static void enter(struct rollout *r, enum plan_stage stage)
{
    r->stage = stage;
    r->held_since = -1;
    r->silent_until = 0;
    begin_counting(r);
}

/* The caller holds the lock, and frees what it gets. */
static struct plan_node *nodes_of(struct rollout *r, msec_t now)
{
    struct plan_node *v = mem_zarray(r->count + 1, sizeof *v);
    uint64_t version = r->newest != NULL ? r->newest->version : 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct report *n = r->v[i];
        v[i] = (struct plan_node){.hash = n->hash,
                                  .is_heard = now - n->heard_at<SILENT_MS, .refuses = version> 0 &&
                                              n->refused == version,
                                  .has_it = n->version == version,
                                  .requests = n->requests - n->base_requests,
                                  .errors = n->errors - n->base_errors,
                                  .old_requests = n->base_requests,
                                  .old_errors = n->base_errors};
    }
    return v;
}

/* true: more edges shall have it than before. */
static bool choose(struct rollout *r, struct plan_node *v)
{
    bool has_more = false;
    plan_choose(r->stage, &r->rules, v, r->count);
    for (size_t i = 0; i < r->count; i++) {
        has_more = has_more || (v[i].is_member && !r->v[i]->is_member);
        r->v[i]->is_member = v[i].is_member;
    }
    return has_more;
}

bool rollout_would_hold(struct rollout *r)
{
    pthread_mutex_lock(&r->lock);
    bool would = r->rules.hold_ms > 0 && r->stable != NULL;
    pthread_mutex_unlock(&r->lock);
    return would;
}

void rollout_put(struct rollout *r, uint64_t version, const struct rollout_text *text,
                 bool is_direct)
{
    struct rollout_document *fresh = document_of(version, text), *old, *old_stable = NULL;
    pthread_mutex_lock(&r->lock);
    bool holds = !is_direct && r->rules.hold_ms > 0 && r->stable != NULL;
    old = r->newest;
    r->newest = fresh;
    if (!holds) {
        old_stable = r->stable;
        r->stable = ref(fresh);
    }
    enter(r, holds ? PLAN_CANARY : PLAN_DONE);
    for (size_t i = 0; i < r->count; i++)
        r->v[i]->is_member = false; /* the next tick chooses */
    pthread_mutex_unlock(&r->lock);
    rollout_document_unref(&old);
    rollout_document_unref(&old_stable);
}

void rollout_settle(struct rollout *r, uint64_t version)
{
    struct rollout_document *old = NULL;
    pthread_mutex_lock(&r->lock);
    if (r->newest != NULL && r->newest->version == version) {
        old = r->stable;
        r->stable = ref(r->newest);
        enter(r, PLAN_DONE);
    }
    pthread_mutex_unlock(&r->lock);
    rollout_document_unref(&old);
}

uint64_t rollout_stable(struct rollout *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t version = r->stable != NULL ? r->stable->version : 0;
    pthread_mutex_unlock(&r->lock);
    return version;
}

struct rollout_document *rollout_stable_document(struct rollout *r)
{
    pthread_mutex_lock(&r->lock);
    struct rollout_document *d = ref(r->stable);
    pthread_mutex_unlock(&r->lock);
    return d;
}

/* ---- heartbeats ---- */

static struct report *report_of(struct rollout *r, struct span node)
{
    struct report *n = map_get(r->by_node, node);
    if (n != NULL)
        return n;
    CHECK(node.n <= HEARTBEAT_NAME_BYTES);
    n = mem_zalloc(sizeof *n);
    memcpy(n->node, node.p, node.n);
    n->hash = hash64(node.p, node.n);
    r->v = mem_grow(r->v, r->count + 1, sizeof(struct report *));
    r->v[r->count++] = n;
    map_put(r->by_node, node, n);
    return n;
}

void rollout_beat(struct rollout *r, const struct heartbeat *h, msec_t now)
{
    pthread_mutex_lock(&r->lock);
    struct report *n = report_of(r, h->node);
    uint64_t boot = hash64(h->boot.p, h->boot.n);
    if (boot != n->boot || h->load.requests < n->base_requests || h->load.errors < n->base_errors)
        n->base_requests = n->base_errors = 0;
    n->boot = boot;
    n->heard_at = now;
    n->version = h->config_version;
    n->refused = h->config_refused;
    n->requests = h->load.requests;
    n->errors = h->load.errors;
    size_t bytes = h->config_fault.n < FAULT_BYTES ? h->config_fault.n : FAULT_BYTES - 1;
    if (bytes > 0)
        memcpy(n->fault, h->config_fault.p, bytes);
    n->fault[bytes] = '\0';
    pthread_mutex_unlock(&r->lock);
}

uint64_t rollout_for(struct rollout *r, const struct heartbeat *h, struct rollout_document **out)
{
    pthread_mutex_lock(&r->lock);
    const struct report *n = map_get(r->by_node, h->node);
    bool has_newest = r->stage == PLAN_DONE || (n != NULL && n->is_member);
    struct rollout_document *d = has_newest ? r->newest : r->stable;
    uint64_t version = d != NULL ? d->version : 0;
    bool knows = h->config_version == version || h->config_refused == version;
    *out = knows ? NULL : ref(d);
    pthread_mutex_unlock(&r->lock);
    return version;
}

/* ---- the plan ---- */

/* What the edge that refuses says is worth more than that one does. */
static void explain_refusal(const struct rollout *r, struct rollout_step *step)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct report *n = r->v[i];
        if (!n->is_member || n->refused != r->newest->version)
            continue;
        snprintf(step->why, sizeof step->why, "%s refuses it: %s", n->node, n->fault);
        return;
    }
}

static void judge(struct rollout *r, const struct plan_node *v, msec_t now,
                  struct rollout_step *step)
{
    struct plan_view view = {v, r->count, r->held_since < 0 ? -1 : now - r->held_since};
    enum plan_verdict verdict = plan_judge(&view, &r->rules, step->why);
    if (verdict == PLAN_WAIT)
        return;
    if (verdict == PLAN_GO_ON && r->stage == PLAN_CANARY) {
        enter(r, PLAN_SHARE);
        return;
    }
    step->act = verdict == PLAN_RETURN ? ROLLOUT_RETURN : ROLLOUT_SETTLE;
    if (verdict == PLAN_RETURN)
        explain_refusal(r, step);
    r->silent_until = now + ROLLOUT_RETRY_MS;
}

struct rollout_step rollout_tick(struct rollout *r, msec_t now)
{
    struct rollout_step step = {.act = ROLLOUT_NOTHING};
    pthread_mutex_lock(&r->lock);
    if (r->stage != PLAN_DONE && now >= r->silent_until) {
        struct plan_node *v = nodes_of(r, now);
        bool has_more = choose(r, v);
        bool have_all = plan_have_all(v, r->count);
        if (have_all && r->held_since < 0)
            begin_counting(r);
        r->held_since = !have_all ? -1 : r->held_since < 0 ? now : r->held_since;
        judge(r, v, now, &step);
        if (step.act == ROLLOUT_NOTHING && has_more)
            step.act = ROLLOUT_TELL;
        step.version = r->newest->version;
        step.stable = r->stable->version;
        mem_free(v);
    }
    pthread_mutex_unlock(&r->lock);
    return step;
}

void rollout_write(struct rollout *r, struct json_out *o)
{
    pthread_mutex_lock(&r->lock);
    uint64_t version = r->newest != NULL ? r->newest->version : 0;
    size_t running = 0, refusing = 0;
    for (size_t i = 0; i < r->count; i++) {
        running += version > 0 && r->v[i]->version == version;
        refusing += version > 0 && r->v[i]->refused == version;
    }
    json_out_u64(o, "version", version);
    json_out_u64(o, "stable", r->stable != NULL ? r->stable->version : 0);
    json_out_text(o, "stage", span_of(plan_stage_name(r->stage)));
    json_out_u64(o, "edges", r->count);
    json_out_u64(o, "running", running);
    json_out_u64(o, "refusing", refusing);
    pthread_mutex_unlock(&r->lock);
}
