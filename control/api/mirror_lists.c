/* SPDX-License-Identifier: MIT
 * Lists of mirrors: fetched from edges, completed for each who asks. */
#include "control/api/mirror_lists.h"

#include "control/api/mirrors.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/http/url.h"
#include "lib/proto/mirrors.h"
#include "lib/web/client.h"

#define KEPT_MAX    256        /* documents */
#define KEPT_BYTES  (32 << 20) /* of them */
#define FRESH_MS    10000
#define EDGES_MAX   3 /* that are asked one after the other */
#define CONNECT_MS  2000
#define ANSWER_MS   10000
#define READ_STEP   65536
#define ANSWER_ROOM (64 << 20)

/*  FETCHING ─> KEPT ─asked for when it is old─> FETCHING ... ─> dropped, the oldest first
 *  While FETCHING what was known before is still there, for when no edge answers. */
struct mirror_list {
    struct mirror_lists *all;
    struct list link; /* of KEPT ones, by fetched_at */
    char *key;        /* host and path */
    size_t host_bytes;
    struct buf text; /* empty: there is none, users are redirected */
    msec_t fetched_at;
    bool is_fetching;
    struct list waiting; /* struct waiting */
    /* while it is fetched */
    char *edges[EDGES_MAX]; /* URLs */
    size_t edge_count, edge;
    struct call *call;
    struct arena mem; /* of the request */
    struct buf coming;
};

struct waiting {
    struct list link;
    struct exchange *x;
    mirror_lists_fn otherwise;
};

struct mirror_lists {
    struct api_worker *worker;
    struct client *client;
    struct tls_client *tls; /* NULL: could not be made; https edges are not asked */
    struct map *lists;      /* by key */
    struct list kept;       /* the oldest first */
    size_t kept_bytes;
};

bool mirror_lists_is_one(const struct request_head *r)
{
    return (r->method == METHOD_GET || r->method == METHOD_HEAD) && r->query.p == NULL &&
           span_ends(r->path, SPAN(MIRRORS_SUFFIX));
}

static struct span host_of(const struct mirror_list *l)
{
    return span_make(l->key, l->host_bytes);
}

static struct span path_of(const struct mirror_list *l)
{
    return span_of(l->key + l->host_bytes);
}

static void list_free(struct mirror_list *l)
{
    list_remove(&l->link);
    for (size_t i = 0; i < EDGES_MAX; i++)
        mem_free(l->edges[i]);
    if (l->call != NULL)
        call_end(&l->call);
    l->all->kept_bytes -= l->is_fetching ? 0 : l->text.n;
    buf_finish(&l->text);
    buf_finish(&l->coming);
    arena_finish(&l->mem);
    mem_free(l->key);
    mem_free(l);
}

static void respond(struct exchange *x, const struct steer *s, struct span text)
{
    struct response_head head = {.status = 200, .content_length = (int64_t)text.n};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_CONTENT_TYPE, SPAN(MIRRORS_TYPE));
    fields_add(&head.fields, FIELD_CACHE_CONTROL, s->config->redirect_cache_control);
    exchange_respond(x, &head, x->request.method == METHOD_GET ? body_of_bytes(text) : NULL);
}

/* For this user, by what is known of the edges now. */
static void answer(struct mirror_list *l, struct exchange *x, mirror_lists_fn otherwise)
{
    struct api_worker *w = l->all->worker;
    struct steer s;
    bool is_https = x->request.scheme == SCHEME_HTTPS;
    steer_begin(w, &s);
    if (l->text.n == 0 || !steer_site(&s, host_of(l))) {
        otherwise(w, x);
        return;
    }
    s.client = steer_client(s.config, x);
    s.tells_place = false;
    s.question.wanted = MIRRORS_MAX;
    s.question.scheme = is_https ? DECIDE_HTTPS : DECIDE_ANY;
    /* As for the file itself, so that its edges are those that have it. */
    struct span file = path_of(l);
    file.n -= sizeof MIRRORS_SUFFIX - 1;
    steer_run(w, &s, host_of(l), file);
    struct mirrors_spec spec = {&s.verdict, host_of(l), is_https};
    struct buf out;
    buf_init(&out, ANSWER_ROOM);
    mirrors_complete(&spec, buf_span(&l->text), &out);
    counter_add(&w->counters.mirror_lists, 1);
    if (buf_overflowed(&out))
        otherwise(w, x);
    else
        respond(x, &s, buf_span(&out));
    buf_finish(&out);
}

static void on_gone(void *owner, struct exchange *x, int err)
{
    struct waiting *asked = owner;
    (void)x;
    (void)err;
    list_remove(&asked->link);
    mem_free(asked);
}

static const struct exchange_events waiting_events = {on_gone};

static void drop_oldest(struct mirror_lists *m)
{
    while (!list_is_empty(&m->kept) &&
           (map_count(m->lists) > KEPT_MAX || m->kept_bytes > KEPT_BYTES)) {
        struct mirror_list *l = LIST_THING(m->kept.next, struct mirror_list, link);
        map_remove(m->lists, span_of(l->key));
        list_free(l);
    }
}

/* Fetched, or not: everybody who waits is answered by what there is. */
static void fetched(struct mirror_list *l)
{
    struct mirror_lists *m = l->all;
    struct list now;
    l->is_fetching = false;
    l->fetched_at = loop_now(m->worker->loop);
    m->kept_bytes += l->text.n;
    arena_finish(&l->mem);
    buf_finish(&l->coming);
    l->coming = (struct buf){.n = 0};
    list_init(&now);
    list_move_all(&now, &l->waiting);
    for (struct list *link; (link = list_pop(&now)) != NULL;) {
        struct waiting asked = *LIST_THING(link, struct waiting, link);
        mem_free(LIST_THING(link, struct waiting, link));
        asked.x->events = &router_no_events;
        answer(l, asked.x, asked.otherwise);
    }
    list_push_back(&m->kept, &l->link);
    drop_oldest(m);
}

static void ask_next(struct mirror_list *l);

static void failed(struct mirror_list *l, const char *text)
{
    LOG_WARN_LIMITED("mirrors-not-fetched", "edge=%s path=%.*s reason=\"%s\"", l->edges[l->edge],
                     SPAN_FMT(path_of(l)), text);
    counter_add(&l->all->worker->counters.mirror_failures, 1);
    call_end(&l->call);
    l->edge++;
    ask_next(l);
}

static void on_failed(void *ctx, struct call *c, int err, const char *text)
{
    (void)c;
    failed(ctx, text != NULL ? text : err_text(err));
}

static void on_readable(void *ctx, struct call *c)
{
    struct mirror_list *l = ctx;
    for (;;) {
        char *room = buf_room(&l->coming, READ_STEP);
        ssize_t n = room != NULL ? call_read(c, room, READ_STEP) : ERR_TOO_BIG;
        if (n == ERR_AGAIN)
            return;
        if (n < 0) {
            failed(l, err_text((int)n));
            return;
        }
        if (n == 0)
            break;
        buf_filled(&l->coming, (size_t)n);
    }
    call_end(&l->call);
    buf_finish(&l->text);
    l->text = l->coming;
    l->coming = (struct buf){.n = 0};
    if (!mirrors_has_mark(buf_span(&l->text)))
        buf_clear(&l->text);
    fetched(l);
}

/* Below 500 an answer that is no document says that there is none. */
static void on_head(void *ctx, struct call *c, const struct response_head *head)
{
    struct mirror_list *l = ctx;
    struct span type = fields_value(&head->fields, FIELD_CONTENT_TYPE);
    if (head->status >= 500) {
        failed(l, "it answered with an error");
    } else if (head->status == 200 && span_eq(type, SPAN(MIRRORS_TYPE))) {
        on_readable(l, c);
    } else {
        call_end(&l->call);
        buf_clear(&l->text);
        fetched(l);
    }
}

static const struct call_events events = {
    .on_head = on_head, .on_readable = on_readable, .on_failed = on_failed};

static void ask(struct mirror_list *l, const struct url *edge)
{
    struct arena *mem = &l->mem;
    const struct span parts[] = {edge->path.n > 1 ? edge->path : SPAN_NONE, SPAN("/"),
                                 span_of(l->key)};
    struct request_head head = {
        .method = METHOD_GET,
        .method_text = SPAN("GET"),
        .scheme = edge->scheme,
        .host = edge->host,
        .port = edge->port,
        .path = arena_join(mem, parts, ARRAY_LEN(parts)),
        .major_version = 1,
        .minor_version = 1,
        .keeps_alive = true,
    };
    fields_init(&head.fields, mem);
    fields_add(&head.fields, FIELD_ACCEPT, SPAN(MIRRORS_TYPE));
    struct client_target target = {.scheme = edge->scheme,
                                   .host = arena_cstr(mem, edge->host),
                                   .port = edge->port,
                                   .tls = l->all->tls};
    struct call_spec spec = {.target = &target,
                             .request = &head,
                             .connect_ms = CONNECT_MS,
                             .first_byte_ms = ANSWER_MS,
                             .stall_ms = ANSWER_MS};
    buf_clear(&l->coming);
    l->call = call_start(l->all->client, &spec, &events, l);
}

/* The next edge that can be asked at all; none is left: what was known before holds. */
static void ask_next(struct mirror_list *l)
{
    struct url url;
    for (; l->edge < l->edge_count; l->edge++) {
        if (url_parse(span_of(l->edges[l->edge]), &url) != 0 ||
            (url.scheme == SCHEME_HTTPS && l->all->tls == NULL))
            continue;
        ask(l, &url);
        return;
    }
    fetched(l);
}

/* From the edges that this user would be sent to. */
static void fetch(struct mirror_list *l, struct exchange *x)
{
    struct api_worker *w = l->all->worker;
    struct steer s;
    list_remove(&l->link);
    l->all->kept_bytes -= l->text.n;
    l->is_fetching = true;
    l->edge = l->edge_count = 0;
    arena_init(&l->mem, 65536);
    buf_init(&l->coming, MIRRORS_BYTES_MAX);
    steer_begin(w, &s);
    if (steer_site(&s, host_of(l))) {
        s.client = steer_client(s.config, x);
        s.tells_place = false;
        s.question.wanted = EDGES_MAX;
        s.question.scheme = DECIDE_ANY;
        steer_run(w, &s, host_of(l), path_of(l));
        for (; l->edge_count < s.verdict.count; l->edge_count++) {
            struct span url = steer_edge_url(s.verdict.v[l->edge_count].node, false);
            mem_free(l->edges[l->edge_count]);
            l->edges[l->edge_count] = mem_strndup(url.p, url.n);
        }
    }
    ask_next(l);
}

static struct mirror_list *list_of(struct mirror_lists *m, struct span host, struct span path)
{
    char *key = mem_printf("%.*s%.*s", SPAN_FMT(host), SPAN_FMT(path));
    struct mirror_list *l = map_get(m->lists, span_of(key));
    if (l != NULL) {
        mem_free(key);
        return l;
    }
    l = mem_zalloc(sizeof *l);
    l->all = m;
    l->key = key;
    l->host_bytes = host.n;
    l->fetched_at = loop_now(m->worker->loop) - FRESH_MS;
    list_init(&l->link);
    list_init(&l->waiting);
    map_put(m->lists, span_of(key), l);
    return l;
}

void mirror_lists_answer(struct mirror_lists *m, struct exchange *x, struct span host,
                         mirror_lists_fn otherwise)
{
    struct mirror_list *l = list_of(m, host, x->request.path);
    if (!l->is_fetching && loop_now(m->worker->loop) - l->fetched_at < FRESH_MS) {
        answer(l, x, otherwise);
        return;
    }
    struct waiting *asked = mem_zalloc(sizeof *asked);
    asked->x = x;
    asked->otherwise = otherwise;
    x->events = &waiting_events;
    x->owner = asked;
    list_push_back(&l->waiting, &asked->link);
    if (!l->is_fetching)
        fetch(l, x);
}

struct mirror_lists *mirror_lists_create(struct api_worker *w)
{
    struct mirror_lists *m = mem_zalloc(sizeof *m);
    struct buf why;
    buf_init(&why, 1024);
    m->worker = w;
    m->client = client_create(w->loop, &client_config_default);
    if (tls_client_create(&m->tls, &(struct tls_client_spec){.ca_file = NULL}, &why) != 0)
        LOG_WARN("mirrors-without-tls", "reason=\"%.*s\"", SPAN_FMT(buf_span(&why)));
    buf_finish(&why);
    m->lists = map_create();
    list_init(&m->kept);
    return m;
}

void mirror_lists_destroy(struct mirror_lists **pm)
{
    struct mirror_lists *m = *pm;
    struct span key;
    void *value;
    size_t at = 0;
    *pm = NULL;
    if (m == NULL)
        return;
    while (map_next(m->lists, &at, &key, &value)) {
        CHECK(list_is_empty(&((struct mirror_list *)value)->waiting));
        list_free(value);
    }
    map_destroy(m->lists);
    client_destroy(&m->client);
    tls_client_unref(&m->tls);
    mem_free(m);
}
