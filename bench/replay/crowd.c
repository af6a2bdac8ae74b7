/* SPDX-License-Identifier: MIT
 *
 * A seat is a connection:
 *
 *   EMPTY ─ask→ ASKING ─whole→ RESTING ─ask→ ASKING ...
 *                  └ broken, or its client goes away → EMPTY          only seat_move moves one
 *
 * What a response's head must say is decided in `judge`; bytes are compared as they come. */
#include "bench/replay/crowd.h"

#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/base/mem.h"
#include "lib/http/h1_read.h"
#include "lib/http/range.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#define READ_BYTES  262144
#define HEAD_BYTES  8192
#define NEIGHBOURS  8
#define TOLD_FAULTS 10 /* that many are written out */

enum seat_state { SEAT_EMPTY, SEAT_RESTING, SEAT_ASKING };

/* What is asked for, and how far the answer has come. */
struct asking {
    uint64_t object, offset, length, taken;
    uint32_t version; /* wanted: exactly it, or in place: it or a later one */
    uint32_t site;
    bool is_whole; /* the whole file is asked for: no Range */
    bool was_kept; /* on a connection that had rested */
    bool has_head;
    bool keeps_alive;
    struct edition edition; /* of the answer */
    uint64_t at, end;       /* in it: next byte to come, byte after the last one */
};

struct seat {
    struct crowd *crowd;
    uint32_t server;
    enum seat_state state;
    bool is_spare;       /* not one of the clients' own: freed when it is over */
    struct list resting; /* of a spare one: in crowd.spares */
    int fd;
    struct event reader, writer;
    struct asking ask;
    struct h1_scan scan;
    char *head; /* of an answer whose head did not come at once; NULL: none */
    size_t head_n;
    struct seat *next_late; /* in crowd.late */
};

struct crowd {
    struct crowd_spec spec;
    struct seat *seats;                    /* [server_count * seats] */
    struct list spares[CROWD_SERVERS_MAX]; /* spare seats that rest, for whoever needs one next */
    struct seat *late;                     /* spare seats that are over: freed at the next ask */
    struct crowd_counts counts;
    uint64_t open_seats, faults;
    struct arena mem; /* of one head */
    char buffer[READ_BYTES];
};

static void on_readable(evutil_socket_t fd, short what, void *ctx);
static void send_request(struct seat *s);

/* Moves */

static void seat_close(struct seat *s)
{
    if (s->fd < 0)
        return;
    event_del(&s->reader);
    event_del(&s->writer);
    close(s->fd);
    s->fd = -1;
    s->crowd->open_seats--;
}

/* A spare seat that has moved. */
static void keep_spare(struct seat *s)
{
    struct crowd *c = s->crowd;
    list_remove(&s->resting);
    if (s->state == SEAT_RESTING)
        list_push_front(&c->spares[s->server], &s->resting);
    if (s->state != SEAT_EMPTY)
        return;
    s->next_late = c->late;
    c->late = s;
}

static void seat_move(struct seat *s, enum seat_state to)
{
    struct crowd *c = s->crowd;
    if (s->state == SEAT_ASKING)
        c->counts.waiting--;
    if (to == SEAT_ASKING)
        c->counts.waiting++;
    s->state = to;
    mem_free(s->head);
    s->head = NULL;
    s->head_n = 0;
    s->scan = (struct h1_scan){0};
    if (s->state == SEAT_EMPTY)
        seat_close(s);
    if (s->is_spare)
        keep_spare(s);
}

static void tell(struct seat *s, const char *what)
{
    const struct asking *a = &s->ask;
    if (s->crowd->faults++ < TOLD_FAULTS)
        fprintf(stderr, "replay: %s: object %016llx version %u bytes %llu+%llu at server %u\n",
                what, (unsigned long long)a->object, a->version, (unsigned long long)a->offset,
                (unsigned long long)a->length, s->server);
}

static void fail(struct seat *s, uint64_t *counter, const char *what)
{
    (*counter)++;
    tell(s, what);
    seat_move(s, SEAT_EMPTY);
}

/* Answers */

/* NULL, or what is wrong with the edition that an answer claims to be of. */
static const char *judge_edition(struct crowd *c, const struct asking *a)
{
    const struct edition *e = &a->edition;
    struct edition now;
    if (e->object != a->object)
        return "the answer is of another file";
    if (c->spec.catalog == NULL)
        return e->version == a->version ? NULL : "the answer is of another version";
    if (!catalog_current(c->spec.catalog, a->object, &now) || e->version > now.version)
        return "the answer is of a version that never was";
    c->counts.old += e->version < a->version;
    return NULL;
}

/* NULL, or what is wrong with the head; fills in what is to come. */
static const char *judge(struct crowd *c, struct asking *a, const struct response_head *head)
{
    struct span tag = fields_value(&head->fields, FIELD_ETAG);
    struct content_range cr = {0};
    if (tag.n < 2 || edition_read(span_make(tag.p + 1, tag.n - 2), &a->edition) != 0)
        return "the answer has no ETag of ours";
    const char *fault = judge_edition(c, a);
    if (fault != NULL)
        return fault;
    uint64_t size = a->edition.size;
    a->at = a->is_whole ? 0 : a->offset;
    a->end = a->is_whole || a->offset + a->length > size ? size : a->offset + a->length;
    a->keeps_alive = head->keeps_alive;
    if (head->status == 206 &&
        (content_range_parse(fields_value(&head->fields, FIELD_CONTENT_RANGE), &cr) != 0 ||
         (uint64_t)cr.first != a->at || (uint64_t)cr.last != a->end - 1 ||
         (cr.size >= 0 && (uint64_t)cr.size != size)))
        return "the answer is of another range";
    return (uint64_t)head->content_length == a->end - a->at ? NULL : "the length is another";
}

static void take_head(struct seat *s, struct span bytes)
{
    struct crowd *c = s->crowd;
    struct asking *a = &s->ask;
    struct response_head head;
    const char *why = NULL;
    arena_reset(&c->mem);
    c->counts.head_bytes += bytes.n;
    if (h1_parse_response(&head, bytes, METHOD_GET, &c->mem, &why) != 0) {
        fail(s, &c->counts.wrong, why);
        return;
    }
    if (head.status != (a->is_whole ? 200 : 206)) {
        char text[40];
        snprintf(text, sizeof(text), "status %d", head.status);
        fail(s, &c->counts.failed, text);
        return;
    }
    const char *fault = judge(c, a, &head);
    if (fault != NULL)
        fail(s, &c->counts.wrong, fault);
    a->has_head = true;
}

static void take_body(struct seat *s, struct span bytes)
{
    struct asking *a = &s->ask;
    struct crowd_counts *n = &s->crowd->counts;
    if (bytes.n > a->end - a->at) {
        fail(s, &n->wrong, "more came than was announced");
        return;
    }
    if (!edition_agrees(&a->edition, a->at, bytes.p, bytes.n)) {
        fail(s, &n->wrong, "a byte is wrong");
        return;
    }
    a->at += bytes.n;
    n->body_bytes += bytes.n;
    if (a->at == a->end)
        seat_move(s, a->keeps_alive ? SEAT_RESTING : SEAT_EMPTY);
}

/* Bytes until the head is whole; what follows it is left in *bytes. */
static void gather_head(struct seat *s, struct span *bytes)
{
    struct crowd *c = s->crowd;
    size_t had = s->head_n;
    struct span all = *bytes;
    if (had > 0 || h1_scan(&s->scan, bytes->p, bytes->n) == 0) {
        size_t part = bytes->n < HEAD_BYTES - had ? bytes->n : HEAD_BYTES - had;
        s->head = s->head != NULL ? s->head : mem_alloc(HEAD_BYTES);
        memcpy(s->head + had, bytes->p, part);
        s->head_n += part;
        all = span_make(s->head, s->head_n);
    }
    s->scan = (struct h1_scan){0};
    int n = h1_scan(&s->scan, all.p, all.n);
    if (n < 0 || (n == 0 && s->head_n == HEAD_BYTES)) {
        fail(s, &c->counts.wrong, "the head is malformed");
    } else if (n == 0) {
        *bytes = SPAN_NONE;
    } else {
        *bytes = span_skip(*bytes, (size_t)n - had);
        take_head(s, span_make(all.p, (size_t)n));
    }
}

static void take(struct seat *s, struct span bytes)
{
    if (!s->ask.has_head)
        gather_head(s, &bytes);
    if (s->state == SEAT_ASKING && s->ask.has_head && bytes.n > 0)
        take_body(s, bytes);
}

/* Takes some of what has come; false: there was nothing (or the seat is over). */
static bool receive(struct seat *s)
{
    ssize_t n = recv(s->fd, s->crowd->buffer, READ_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n > 0) {
        take(s, span_make(s->crowd->buffer, (size_t)n));
        return s->state == SEAT_ASKING;
    }
    if (s->ask.was_kept && !s->ask.has_head && s->head == NULL) {
        s->crowd->counts.again++;
        s->ask.was_kept = false;
        seat_close(s);
        send_request(s);
        return false;
    }
    fail(s, &s->crowd->counts.failed, n == 0 ? "the answer ended early" : strerror(errno));
    return false;
}

/* As crowd.h tells. */
static void leave(struct seat *s)
{
    struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
    const struct sock_fprog program = {1, &drop};
    const struct linger at_once = {.l_onoff = 1};
    int on = 1;
    if (setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
        tell(s, "SO_ATTACH_FILTER");
    while (receive(s)) {
    }
    if (s->state == SEAT_ASKING) { /* else all of it had come */
        s->crowd->counts.left++;
        setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    if (s->state != SEAT_EMPTY)
        seat_move(s, SEAT_EMPTY);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    struct seat *s = ctx;
    const struct asking *a = &s->ask;
    (void)fd;
    (void)what;
    if (s->state == SEAT_RESTING) { /* its end, or what nobody asked for: either way it is over */
        seat_move(s, SEAT_EMPTY);
        return;
    }
    receive(s);
    if (s->state == SEAT_ASKING && a->has_head && a->at >= a->offset + a->taken)
        leave(s);
}

/* Requests */

static size_t write_request(const struct seat *s, char *out, size_t room)
{
    const struct asking *a = &s->ask;
    const struct crowd_spec *spec = &s->crowd->spec;
    char range[64] = "";
    if (!a->is_whole)
        snprintf(range, sizeof(range), "Range: bytes=%llu-%llu\r\n", (unsigned long long)a->offset,
                 (unsigned long long)(a->offset + a->length - 1));
    char name[EDITION_ROOM];
    size_t n = edition_write(&a->edition, name);
    if (spec->catalog != NULL)
        n = 16; /* the object alone */
    return (size_t)snprintf(out, room, "GET /%u/%.*s HTTP/1.1\r\nHost: %s\r\n%s\r\n", a->site,
                            (int)n, name, spec->host, range);
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    send_request(ctx);
}

static bool dial(struct seat *s)
{
    struct crowd *c = s->crowd;
    const struct addr *to = &c->spec.servers[s->server];
    int on = 1;
    s->fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        return false;
    c->counts.dialled++;
    c->open_seats++;
    if (c->open_seats > c->counts.most_seats)
        c->counts.most_seats = c->open_seats;
    event_assign(&s->reader, c->spec.base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
    event_assign(&s->writer, c->spec.base, s->fd, EV_WRITE, on_writable, s);
    event_add(&s->reader, NULL);
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connect(s->fd, &to->any, addr_bytes(to)) == 0 || errno == EINPROGRESS;
}

static void send_request(struct seat *s)
{
    char text[512];
    size_t n = write_request(s, text, sizeof(text));
    if (s->fd < 0 && !dial(s)) {
        fail(s, &s->crowd->counts.failed, strerror(errno));
        return;
    }
    ssize_t sent = send(s->fd, text, n, MSG_NOSIGNAL);
    if (sent == (ssize_t)n)
        return;
    if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN))
        event_add(&s->writer, NULL);
    else if (s->ask.was_kept)
        return; /* its end will be read */
    else
        fail(s, &s->crowd->counts.failed, sent < 0 ? strerror(errno) : "half a request went out");
}

static void seat_init(struct seat *s, struct crowd *c, uint32_t server)
{
    *s = (struct seat){.crowd = c, .server = server, .fd = -1};
    list_init(&s->resting);
}

/* The seat of this client; while that is busy, one of its neighbours'; else a spare one. */
static struct seat *seat_of(struct crowd *c, const struct trace_row *row)
{
    uint32_t server = row->place % c->spec.server_count;
    for (uint32_t i = 0; i < NEIGHBOURS; i++) {
        uint32_t number = (row->client + i) % c->spec.seats;
        struct seat *s = &c->seats[server * c->spec.seats + number];
        if (s->state != SEAT_ASKING)
            return s;
    }
    if (!list_is_empty(&c->spares[server]))
        return LIST_THING(c->spares[server].next, struct seat, resting);
    struct seat *s = mem_alloc(sizeof(*s));
    seat_init(s, c, server);
    s->is_spare = true;
    return s;
}

static void free_late(struct crowd *c)
{
    for (struct seat *s; (s = c->late) != NULL;) {
        c->late = s->next_late;
        mem_free(s);
    }
}

void crowd_ask(struct crowd *c, const struct trace_row *row)
{
    free_late(c);
    struct seat *s = seat_of(c, row);
    struct edition e = {.object = row->object, .size = row->size, .version = row->version};
    s->ask = (struct asking){.object = row->object,
                             .offset = row->offset,
                             .length = row->length,
                             .taken = row->taken,
                             .version = row->version,
                             .site = row->site,
                             .is_whole = row->offset == 0 && row->length == row->size,
                             .was_kept = s->state == SEAT_RESTING,
                             .edition = e};
    if (c->spec.catalog != NULL)
        s->ask.version = catalog_publish(c->spec.catalog, &e);
    c->counts.requests++;
    seat_move(s, SEAT_ASKING);
    send_request(s);
}

struct crowd *crowd_create(const struct crowd_spec *spec)
{
    struct crowd *c = mem_zalloc(sizeof(*c));
    uint32_t count = spec->server_count * spec->seats;
    c->spec = *spec;
    arena_init(&c->mem, 65536);
    c->seats = mem_zarray(count, sizeof(*c->seats));
    for (uint32_t i = 0; i < spec->server_count; i++)
        list_init(&c->spares[i]);
    for (uint32_t i = 0; i < count; i++)
        seat_init(&c->seats[i], c, i / spec->seats);
    return c;
}

void crowd_destroy(struct crowd **pc)
{
    struct crowd *c = *pc;
    *pc = NULL;
    if (c == NULL)
        return;
    for (uint32_t i = 0; i < c->spec.server_count * c->spec.seats; i++)
        seat_move(&c->seats[i], SEAT_EMPTY);
    for (uint32_t i = 0; i < c->spec.server_count; i++) {
        while (!list_is_empty(&c->spares[i]))
            seat_move(LIST_THING(c->spares[i].next, struct seat, resting), SEAT_EMPTY);
    }
    free_late(c);
    arena_finish(&c->mem);
    mem_free(c->seats);
    mem_free(c);
}

const struct crowd_counts *crowd_counts_of(const struct crowd *c)
{
    return &c->counts;
}
