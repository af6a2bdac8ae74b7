/* SPDX-License-Identifier: MIT
 * The server of one loop: which sessions there are, what they may do, and their orderly end. Their
 * beginning is server_accept.c's, what they do session_h1.c's and session_h2.c's. Runs on the
 * server's loop. */
#include "lib/web/server.h"

#include "lib/base/mem.h"
#include "lib/web/h1_batch.h"
#include "lib/web/progress.h"
#include "lib/web/server_inner.h"

#include <stdatomic.h>

/* After our own end of a connection, the client's is waited for so long. */
#define LINGER_MS 2000

const struct server_config server_config_default = {
    .head_ms = 10000,
    .idle_ms = 60000,
    .stall_ms = 30000,
    .min_progress_bytes = 1024,
    .head_bytes = LOOP_BUF_BYTES,
    .target_bytes = 8192,
    .requests_per_conn = 0,
    .conns = 100000,
    .server_name = "byeori",
};

static const struct counter_row rows[] = {
#define X(name, help) {#name, help, offsetof(struct server_counters, name)},
    SERVER_COUNTERS(X)
#undef X
};
const struct counter_table server_counter_table = {"byeori_http_server_", rows, ARRAY_LEN(rows)};

static void on_drained(struct loop_task *t)
{
    struct server *s = CONTAINER_OF(t, struct server, drained);
    if (s->session_count == 0 && s->on_drained != NULL)
        s->on_drained(s->drained_ctx);
}

static void set_config(struct server *s, const struct server_config *config)
{
    s->config = *config;
    if (s->config.head_bytes > LOOP_BUF_BYTES)
        s->config.head_bytes = LOOP_BUF_BYTES;
    s->config.server_name = NULL; /* the caller's; server_line has it */
    mem_free(s->server_line);
    bool has_name = config->server_name != NULL && config->server_name[0] != '\0';
    s->server_line = has_name ? mem_printf("Server: %s\r\n", config->server_name) : mem_strdup("");
    s->server_line_bytes = strlen(s->server_line);
}

static counter_t *counter_of(struct server *sv, enum session_wait kind)
{
    if (kind == WAIT_HEAD)
        return &sv->count.timeouts_head;
    return kind == WAIT_IDLE ? &sv->count.timeouts_idle : &sv->count.timeouts_stall;
}

static void on_deadline(struct deadline *d)
{
    struct session *s = CONTAINER_OF(d, struct session, deadline);
    struct server *sv = s->server;
    enum session_wait kind = s->wait;
    if (kind == WAIT_STALL) {
        uint64_t now = progress_bytes(s->conn), before = s->progress_bytes;
        if (now >= before && now - before >= sv->config.min_progress_bytes) {
            s->progress_bytes = now;
            deadline_start(&sv->waits[kind], d);
            return;
        }
    }
    s->wait = WAIT_NOTHING;
    if (kind != WAIT_LINGER)
        counter_add(counter_of(sv, kind), 1);
    s->ops->time_out(s, kind);
}

struct server *server_create(struct loop *l, const struct server_config *config,
                             server_fn on_request, void *app)
{
    static _Atomic uint64_t servers; /* so that exchange ids are unique in the process */
    struct server *s = mem_zalloc(sizeof *s);
    s->magic = SERVER_MAGIC;
    s->loop = l;
    s->on_request = on_request;
    s->app = app;
    s->next_id = atomic_fetch_add(&servers, 1) << 40;
    list_init(&s->sessions);
    spares_init(&s->spare_sessions);
    spares_init(&s->spare_exchanges);
    spares_init(&s->spare_streams);
    h1_batch_init(s);
    loop_task_init(&s->drained, on_drained);
    set_config(s, config);
    deadlines_init(&s->waits[WAIT_HEAD], l, config->head_ms, on_deadline);
    deadlines_init(&s->waits[WAIT_IDLE], l, config->idle_ms, on_deadline);
    deadlines_init(&s->waits[WAIT_STALL], l, config->stall_ms, on_deadline);
    deadlines_init(&s->waits[WAIT_LINGER], l, LINGER_MS, on_deadline);
    return s;
}

void server_set_round(struct server *s, void (*on_round)(void *app))
{
    CHECK_OBJ(s, SERVER_MAGIC);
    s->on_round = on_round;
}

void server_set_config(struct server *s, const struct server_config *config)
{
    CHECK_OBJ(s, SERVER_MAGIC);
    set_config(s, config);
    deadlines_set_after(&s->waits[WAIT_HEAD], config->head_ms);
    deadlines_set_after(&s->waits[WAIT_IDLE], config->idle_ms);
    deadlines_set_after(&s->waits[WAIT_STALL], config->stall_ms);
    if (s->h2_stalls.loop != NULL)
        deadlines_set_after(&s->h2_stalls, config->stall_ms);
}

void server_drain(struct server *s, void (*drained)(void *ctx), void *ctx)
{
    CHECK_OBJ(s, SERVER_MAGIC);
    s->is_draining = true;
    s->on_drained = drained;
    s->drained_ctx = ctx;
    /* Draining one session may end another: walk by taking the first, not by a pointer kept. */
    struct list todo, *l;
    list_init(&todo);
    list_move_all(&todo, &s->sessions);
    while ((l = list_pop(&todo)) != NULL) {
        struct session *each = LIST_THING(l, struct session, link);
        list_push_back(&s->sessions, l);
        each->ops->drain(each);
    }
    if (s->session_count == 0)
        loop_defer(s->loop, &s->drained);
}

void server_destroy(struct server **ps)
{
    struct server *s = *ps;
    *ps = NULL;
    if (s == NULL)
        return;
    CHECK_OBJ(s, SERVER_MAGIC);
    while (!list_is_empty(&s->sessions)) {
        struct session *first = LIST_THING(s->sessions.next, struct session, link);
        first->ops->cut(first);
    }
    spares_finish(&s->spare_sessions);
    spares_finish(&s->spare_exchanges);
    spares_finish(&s->spare_streams);
    pool_finish(&s->pool);
    loop_undefer(&s->drained);
    h1_batch_finish(s);
    for (int i = WAIT_NOTHING + 1; i < WAIT_KINDS; i++)
        deadlines_finish(&s->waits[i]);
    deadlines_finish(&s->h2_stalls);
    s->magic = 0;
    mem_free(s->server_line);
    mem_free(s);
}

const struct server_counters *server_counters_of(const struct server *s)
{
    CHECK_OBJ(s, SERVER_MAGIC);
    return &s->count;
}

struct span server_date_line(struct server *s)
{
    sec_t now = loop_wall(s->loop) / MSEC_PER_SEC;
    if (now != s->date_s) {
        s->date_s = now;
        memcpy(s->date_line, "Date: ", 6);
        date_write(now, s->date_line + 6);
        memcpy(s->date_line + 6 + DATE_BYTES, "\r\n", 2);
    }
    return span_make(s->date_line, sizeof s->date_line);
}

void server_session_ended(struct server *s)
{
    s->session_count--;
    if (s->is_draining && s->session_count == 0)
        loop_defer(s->loop, &s->drained);
}
