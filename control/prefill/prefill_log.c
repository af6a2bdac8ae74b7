/* SPDX-License-Identifier: MIT
 * A few jobs in memory, the same in the state; what nodes tell of them in memory alone. */
#include "control/prefill/prefill_log.h"

#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <pthread.h>

#define ID_RANDOM_BYTES 8
#define FACT_BYTES      (2 * PREFILL_BODY_BYTES)
#define JOB_BYTES       ((size_t)4 << 20)

/* What one node told last. */
struct standing {
    struct span node; /* in the job's mem */
    struct prefill_report report;
    char fault[PREFILL_FAULT_BYTES + 1];
    bool is_known;
};

struct job {
    struct arena mem;
    struct prefill_record record; /* in mem */
    struct standing *standings;   /* [record.node_count] */
};

struct prefill_log {
    pthread_mutex_t lock;
    struct job *jobs[PREFILL_LOG_MAX]; /* the oldest first */
    size_t count;
};

static void job_free(struct job *j)
{
    mem_free(j->standings);
    arena_finish(&j->mem);
    mem_free(j);
}

static struct job *job_of(const struct prefill_record *r)
{
    struct job *j = mem_zalloc(sizeof *j);
    arena_init(&j->mem, JOB_BYTES);
    j->record = *r;
    j->record.order.id = arena_dup(&j->mem, r->order.id);
    j->record.order.urls = arena_zalloc(&j->mem, r->order.url_count * sizeof *r->order.urls);
    for (size_t i = 0; i < r->order.url_count && !arena_overflowed(&j->mem); i++)
        j->record.order.urls[i] = arena_dup(&j->mem, r->order.urls[i]);
    j->standings = mem_zarray(r->node_count, sizeof *j->standings);
    for (size_t i = 0; i < r->node_count; i++)
        j->standings[i].node = arena_dup(&j->mem, r->nodes[i]);
    j->record.nodes = NULL; /* the standings have them */
    return j;
}

static struct job *find_locked(const struct prefill_log *l, struct span id)
{
    for (size_t i = 0; i < l->count; i++)
        if (span_eq(l->jobs[i]->record.order.id, id))
            return l->jobs[i];
    return NULL;
}

static void add_locked(struct prefill_log *l, struct job *j)
{
    if (l->count == PREFILL_LOG_MAX) {
        job_free(l->jobs[0]);
        l->count--;
        memmove(&l->jobs[0], &l->jobs[1], l->count * sizeof l->jobs[0]);
    }
    size_t at = l->count++;
    for (; at > 0 && l->jobs[at - 1]->record.at_wall_ms > j->record.at_wall_ms; at--)
        l->jobs[at] = l->jobs[at - 1]; /* the state has them by id */
    l->jobs[at] = j;
}

/* ---- the state ---- */

static bool write_fact(const struct prefill_record *r, struct buf *out)
{
    struct json_out o;
    json_out_begin(&o, out);
    json_out_object(&o, NULL);
    prefill_order_write(&r->order, &o);
    json_out_array(&o, "nodes");
    for (size_t i = 0; i < r->node_count; i++)
        json_out_text(&o, NULL, r->nodes[i]);
    json_out_end_array(&o);
    json_out_int(&o, "at_ms", r->at_wall_ms);
    json_out_bool(&o, "cancelled", r->is_cancelled);
    json_out_end_object(&o);
    return !buf_overflowed(out);
}

static bool on_fact(void *ctx, struct span key, struct span value)
{
    struct prefill_log *l = ctx;
    struct json_in in;
    struct arena mem;
    struct prefill_record r = {.at_wall_ms = 0};
    arena_init(&mem, JOB_BYTES);
    if (json_in_parse(&in, value, FACT_BYTES) == 0) {
        r.at_wall_ms = (msec_t)json_in_u64(&in, in.root, "at_ms", 0);
        r.is_cancelled = json_in_bool(&in, in.root, "cancelled", false);
        prefill_order_read(&in, in.root, r.at_wall_ms, &r.order, &mem);
        const struct json_t *nodes = json_in_array(&in, in.root, "nodes", PREFILL_LOG_NODES_MAX);
        r.node_count = json_in_count(nodes);
        struct span *v = arena_zalloc(&mem, (r.node_count + 1) * sizeof *v);
        for (size_t i = 0; i < r.node_count; i++)
            v[i] = json_in_text_at(&in, nodes, i, HEARTBEAT_NAME_BYTES);
        r.nodes = v;
    }
    if (json_in_is_faulty(&in))
        LOG_WARN("state-prefill-damaged", "id=%.*s reason=\"%s\"", SPAN_FMT(key), in.fault);
    else
        add_locked(l, job_of(&r));
    json_in_finish(&in);
    arena_finish(&mem);
    return true;
}

int prefill_log_open(struct prefill_log **out, struct state *s)
{
    struct prefill_log *l = mem_zalloc(sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    int err = state_each(s, STATE_PREFILL, SPAN_NONE, on_fact, l);
    if (err != 0)
        prefill_log_close(&l);
    *out = l;
    return err;
}

void prefill_log_close(struct prefill_log **pl)
{
    struct prefill_log *l = *pl;
    *pl = NULL;
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++)
        job_free(l->jobs[i]);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

static struct span fact_of(const struct prefill_record *r, struct arena *mem)
{
    struct buf text;
    buf_init(&text, FACT_BYTES);
    struct span fact = write_fact(r, &text) ? arena_dup(mem, buf_span(&text)) : SPAN_NONE;
    buf_finish(&text);
    return fact;
}

bool prefill_log_has(struct prefill_log *l, struct span id)
{
    pthread_mutex_lock(&l->lock);
    bool has = find_locked(l, id) != NULL;
    pthread_mutex_unlock(&l->lock);
    return has;
}

size_t prefill_log_next(struct prefill_log *l, struct prefill_record *r,
                        struct state_change out[PREFILL_LOG_CHANGES], struct arena *mem)
{
    uint8_t random[ID_RANDOM_BYTES];
    char id[2 * ID_RANDOM_BYTES + 1];
    digest_random(random, sizeof random);
    digest_hex(random, sizeof random, id);
    if (r->order.id.n == 0)
        r->order.id = arena_dup(mem, span_of(id));
    struct span fact = fact_of(r, mem);
    size_t count = fact.p != NULL && !arena_overflowed(mem) ? 1 : 0;
    out[0] = (struct state_change){STATE_PREFILL, r->order.id, fact};
    pthread_mutex_lock(&l->lock);
    if (count > 0 && l->count == PREFILL_LOG_MAX)
        out[count++] = (struct state_change){
            STATE_PREFILL, arena_dup(mem, l->jobs[0]->record.order.id), SPAN_NONE};
    pthread_mutex_unlock(&l->lock);
    return count;
}

void prefill_log_put(struct prefill_log *l, const struct prefill_record *r)
{
    struct job *j = job_of(r);
    pthread_mutex_lock(&l->lock);
    add_locked(l, j);
    pthread_mutex_unlock(&l->lock);
}

bool prefill_log_cancel_change(struct prefill_log *l, struct span id, struct state_change *out,
                               struct arena *mem)
{
    pthread_mutex_lock(&l->lock);
    const struct job *j = find_locked(l, id);
    if (j != NULL) {
        struct prefill_record r = j->record;
        struct span *nodes = arena_zalloc(mem, (r.node_count + 1) * sizeof *nodes);
        for (size_t i = 0; i < r.node_count; i++)
            nodes[i] = j->standings[i].node;
        r.nodes = nodes;
        r.is_cancelled = true;
        *out = (struct state_change){STATE_PREFILL, arena_dup(mem, id), fact_of(&r, mem)};
    }
    pthread_mutex_unlock(&l->lock);
    return j != NULL;
}

void prefill_log_cancel(struct prefill_log *l, struct span id)
{
    pthread_mutex_lock(&l->lock);
    struct job *j = find_locked(l, id);
    if (j != NULL)
        j->record.is_cancelled = true;
    pthread_mutex_unlock(&l->lock);
}

/* ---- heartbeats ---- */

static struct standing *standing_of(const struct job *j, struct span node)
{
    for (size_t i = 0; i < j->record.node_count; i++)
        if (span_eq(j->standings[i].node, node))
            return &j->standings[i];
    return NULL;
}

static void take_locked(struct standing *s, const struct prefill_report *r)
{
    size_t n = r->fault.n < PREFILL_FAULT_BYTES ? r->fault.n : PREFILL_FAULT_BYTES;
    if (n > 0)
        memcpy(s->fault, r->fault.p, n);
    s->report = *r;
    s->report.id = SPAN_NONE;
    s->report.fault = span_make(s->fault, n);
    s->is_known = true;
}

void prefill_log_beat(struct prefill_log *l, const struct heartbeat *h)
{
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < h->prefill_count; i++) {
        const struct job *j = find_locked(l, h->prefills[i].id);
        struct standing *s = j != NULL ? standing_of(j, h->node) : NULL;
        if (s != NULL)
            take_locked(s, &h->prefills[i]);
    }
    pthread_mutex_unlock(&l->lock);
}

static const struct prefill_report *told_of(const struct heartbeat *h, struct span id)
{
    for (size_t i = 0; i < h->prefill_count; i++)
        if (span_eq(h->prefills[i].id, id))
            return &h->prefills[i];
    return NULL;
}

static struct prefill_order *copy_order(const struct prefill_order *from, struct arena *mem)
{
    struct prefill_order *o = arena_zalloc(mem, sizeof *o);
    *o = *from;
    o->id = arena_dup(mem, from->id);
    o->urls = arena_zalloc(mem, from->url_count * sizeof *o->urls);
    for (size_t i = 0; i < from->url_count && !arena_overflowed(mem); i++)
        o->urls[i] = arena_dup(mem, from->urls[i]);
    return o;
}

static bool is_over(const struct standing *s)
{
    return s->is_known && prefill_is_over(s->report.state);
}

void prefill_log_answer(struct prefill_log *l, const struct heartbeat *h, msec_t wall,
                        struct heartbeat_answer *out, struct arena *mem)
{
    const msec_t long_ago = wall - PREFILL_LOG_DAYS * 86400 * MSEC_PER_SEC;
    struct span *cancels = arena_zalloc(mem, PREFILL_LOG_MAX * sizeof *cancels);
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->count; i++) {
        const struct job *j = l->jobs[i];
        const struct standing *s = standing_of(j, h->node);
        const struct prefill_report *told = told_of(h, j->record.order.id);
        if (s == NULL || j->record.at_wall_ms < long_ago)
            continue;
        if (j->record.is_cancelled && told != NULL && !prefill_is_over(told->state))
            cancels[out->prefill_cancel_count++] = arena_dup(mem, j->record.order.id);
        if (j->record.is_cancelled || told != NULL || is_over(s) || out->prefill_count > 0)
            continue;
        out->prefills = copy_order(&j->record.order, mem);
        out->prefill_count = 1;
    }
    pthread_mutex_unlock(&l->lock);
    out->prefill_cancels = cancels;
}

/* ---- telling ---- */

static void add(struct prefill_report *sum, const struct prefill_report *r)
{
#define X(name, meaning) sum->name += r->name;
    PREFILL_SUMS(X)
#undef X
}

/* Over all nodes. */
static struct prefill_report sum_of(const struct job *j)
{
    struct prefill_report sum = {.id = j->record.order.id, .state = PREFILL_DONE};
    bool is_running = false, has_failed = false;
    for (size_t i = 0; i < j->record.node_count; i++) {
        const struct standing *s = &j->standings[i];
        add(&sum, &s->report);
        is_running = is_running || !is_over(s);
        has_failed = has_failed || (s->is_known && s->report.state == PREFILL_FAILED);
    }
    sum.urls = j->record.order.url_count * j->record.node_count;
    if (j->record.is_cancelled)
        sum.state = PREFILL_CANCELLED;
    else if (is_running)
        sum.state = PREFILL_RUNNING;
    else if (has_failed)
        sum.state = PREFILL_FAILED;
    return sum;
}

static void write_job(const struct job *j, struct json_out *o)
{
    char text[CLOCK_ISO_BYTES + 1];
    struct prefill_report sum = sum_of(j);
    prefill_report_write(&sum, o);
    clock_iso(j->record.at_wall_ms, text);
    json_out_text(o, "at", span_of(text));
    json_out_u64(o, "rate", j->record.order.rate_per_s);
    json_out_u64(o, "parallel", j->record.order.parallel);
    if (j->record.order.pin_until == 0)
        return;
    clock_iso(j->record.order.pin_until, text);
    json_out_text(o, "pin_until", span_of(text));
}

static void write_standing(const struct job *j, const struct standing *s, struct json_out *o)
{
    struct prefill_report r = s->report;
    r.id = s->node;
    if (!s->is_known) {
        r.state = j->record.is_cancelled ? PREFILL_CANCELLED : PREFILL_WAITING;
        r.urls = j->record.order.url_count;
    }
    json_out_object(o, NULL);
    prefill_report_write(&r, o);
    json_out_end_object(o);
}

bool prefill_log_write(struct prefill_log *l, struct span id, struct json_out *o)
{
    pthread_mutex_lock(&l->lock);
    const struct job *j = find_locked(l, id);
    if (j != NULL) {
        write_job(j, o);
        json_out_array(o, "nodes");
        for (size_t i = 0; i < j->record.node_count; i++)
            write_standing(j, &j->standings[i], o);
        json_out_end_array(o);
    }
    pthread_mutex_unlock(&l->lock);
    return j != NULL;
}

void prefill_log_write_all(struct prefill_log *l, struct json_out *o)
{
    pthread_mutex_lock(&l->lock);
    for (size_t i = l->count; i-- > 0;) {
        json_out_object(o, NULL);
        write_job(l->jobs[i], o);
        json_out_end_object(o);
    }
    pthread_mutex_unlock(&l->lock);
}
