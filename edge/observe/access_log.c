/* SPDX-License-Identifier: MIT
 *
 * Access log lines. Written by hand into one run of bytes: this is done once for every request. The
 * room has a place for the longest line there can be, so nothing is compared with it on the way. */
#include "edge/observe/access_log.h"

#include "lib/base/mem.h"

#define BATCH_BYTES (48u << 10) /* handed over before the turn ends */
#define TEXT_MAX    1024
#define TEXTS       12
/* Each byte of a text may take six; numbers, keys and what stands between them take the rest. */
_Static_assert(ACCESS_LINE_ROOM >= 6 * TEXTS * TEXT_MAX + 2048, "a line always fits");

#define PUT(at, literal) ((at) = mempcpy((at), (literal), sizeof(literal) - 1))
#define PUT_STRING(at, key, value)                                                                 \
    do {                                                                                           \
        if ((value).p != NULL) {                                                                   \
            PUT(at, ",\"" key "\":\"");                                                            \
            (at) = put_text((at), (value));                                                        \
            *(at)++ = '"';                                                                         \
        }                                                                                          \
    } while (0)
/* For what is known to hold plain bytes only. */
#define PUT_PLAIN(at, key, value)                                                                  \
    do {                                                                                           \
        if ((value).p != NULL) {                                                                   \
            PUT(at, ",\"" key "\":\"");                                                            \
            (at) = mempcpy((at), (value).p, (value).n);                                            \
            *(at)++ = '"';                                                                         \
        }                                                                                          \
    } while (0)
#define PUT_NUMBER(at, key, value)                                                                 \
    do {                                                                                           \
        PUT(at, ",\"" key "\":");                                                                  \
        (at) = u64_write((at), (value));                                                           \
    } while (0)

#define WORD_BYTES sizeof(uint64_t)

/* What stands as it is in a JSON string: ASCII without controls, quotes and backslashes. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* The same of all bytes of a word at once: the top bit of each tells. */
static bool are_plain(uint64_t w)
{
    const uint64_t ones = ~UINT64_C(0) / 255, top = ones * 0x80, low = ones * 0x7f;
    uint64_t yes = (w + ones * 0x60) & ((w ^ ones * '"') + low) & ((w ^ ones * '\\') + low);
    return (yes & ~(w | (w + ones)) & top) == top;
}

/* Bytes outside ASCII are written as \u00XX: what a client sends need not be UTF-8. */
static char *put_special(char *at, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    *at++ = '\\';
    if (c != '"' && c != '\\') {
        PUT(at, "u00");
        *at++ = hex[c >> 4];
        c = (unsigned char)hex[c & 15];
    }
    *at++ = (char)c;
    return at;
}

static char *put_escaped(char *at, const char *p, size_t n)
{
    for (const char *end = p + n; p < end; p++)
        at = is_plain((unsigned char)*p) ? mempcpy(at, p, 1) : put_special(at, (unsigned char)*p);
    return at;
}

static char *put_text(char *at, struct span s)
{
    size_t n = s.n < TEXT_MAX ? s.n : TEXT_MAX;
    char *end = mempcpy(at, s.p, n);
    uint64_t w;
    memset(end, ' ', WORD_BYTES); /* so that the last word is whole */
    for (char *p = at; p < end; p += WORD_BYTES) {
        memcpy(&w, p, WORD_BYTES);
        if (!are_plain(w))
            return put_escaped(at, s.p, n);
    }
    return end;
}

static char *put_sources(char *at, const struct access_entry *e)
{
    char before = '{';
    PUT(at, ",\"from\":");
    for (int s = 0; s < LEDGER_SOURCE_COUNT; s++) {
        if (e->by_source[s] == 0)
            continue;
        const char *name = ledger_source_name((enum ledger_source)s);
        *at++ = before;
        *at++ = '"';
        at = mempcpy(at, name, strlen(name));
        PUT(at, "\":");
        at = u64_write(at, e->by_source[s]);
        before = ',';
    }
    if (before == '{')
        *at++ = '{';
    *at++ = '}';
    return at;
}

struct span access_log_line(const struct access_entry *e, const char time[CLOCK_ISO_BYTES],
                            char out[ACCESS_LINE_ROOM])
{
    char *at = out;
    PUT(at, "{\"time\":\"");
    at = mempcpy(at, time, CLOCK_ISO_BYTES);
    *at++ = '"';
    PUT_NUMBER(at, "id", e->id);
    PUT_PLAIN(at, "client", e->client);
    PUT_PLAIN(at, "site", e->site);
    PUT_STRING(at, "method", e->method);
    PUT_PLAIN(at, "scheme", e->scheme);
    PUT_STRING(at, "host", e->host);
    PUT_STRING(at, "target", e->target);
    PUT(at, ",\"http\":\"");
    *at++ = (char)('0' + e->major_version);
    *at++ = '.';
    *at++ = (char)('0' + e->minor_version);
    *at++ = '"';
    PUT_NUMBER(at, "status", (uint64_t)e->status);
    PUT_NUMBER(at, "head_bytes", e->head_bytes);
    PUT_NUMBER(at, "body_bytes", e->body_bytes);
    PUT_NUMBER(at, "took_us", (uint64_t)(e->took_ns / 1000));
    PUT_PLAIN(at, "cache", e->cache);
    at = put_sources(at, e);
    PUT_STRING(at, "upstream", e->upstream);
    PUT_STRING(at, "range", e->range);
    PUT_STRING(at, "referer", e->referer);
    PUT_STRING(at, "user_agent", e->user_agent);
    PUT_STRING(at, "fault", span_of(e->fault));
    PUT(at, "}\n");
    return span_make(out, (size_t)(at - out));
}

static void hand_over(struct access_log *l)
{
    sink_add(l->sink, span_make(l->lines, l->n));
    l->n = 0;
}

static void on_turn_end(struct loop_task *t)
{
    hand_over(CONTAINER_OF(t, struct access_log, hand_over));
}

void access_log_init(struct access_log *l, struct loop *loop, struct sink *sink)
{
    *l = (struct access_log){.loop = loop, .sink = sink, .wall = -1};
    loop_task_init(&l->hand_over, on_turn_end);
    if (sink != NULL)
        l->lines = mem_alloc(BATCH_BYTES + ACCESS_LINE_ROOM);
}

void access_log_add(struct access_log *l, const struct access_entry *e)
{
    if (l->n == 0)
        loop_defer(l->loop, &l->hand_over);
    if (e->wall != l->wall)
        clock_iso(l->wall = e->wall, l->time);
    l->n += access_log_line(e, l->time, l->lines + l->n).n;
    if (l->n >= BATCH_BYTES)
        hand_over(l);
}

void access_log_finish(struct access_log *l)
{
    if (l->sink == NULL)
        return;
    loop_undefer(&l->hand_over);
    hand_over(l);
    mem_free(l->lines);
    l->sink = NULL;
}
