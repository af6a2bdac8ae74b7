/* SPDX-License-Identifier: MIT
 *
 * Access log lines. Written by hand into one run of bytes: this is done once for every request. */
#include "edge/observe/access_log.h"

/* Seven text fields, each byte of which may take six, and what stands between them. */
#define TEXT_MAX 1024
_Static_assert(ACCESS_LINE_ROOM - 2 > 6 * 6 * TEXT_MAX + 2048, "a line always fits");

struct line {
    char *p;
    size_t n;
};

static void put_bytes(struct line *l, const char *s, size_t n)
{
    if (l->n + n > ACCESS_LINE_ROOM - 2)
        return;
    memcpy(l->p + l->n, s, n);
    l->n += n;
}

#define PUT(l, literal) put_bytes((l), (literal), sizeof(literal) - 1)

static void put_escaped(struct line *l, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    char pair[2] = {'\\', (char)c};
    if (c == '"' || c == '\\')
        put_bytes(l, pair, 2);
    else
        put_bytes(l, u, 6);
}

/* Bytes outside ASCII are written as \u00XX: what a client sends need not be UTF-8. */
static void put_text(struct line *l, struct span s)
{
    size_t n = s.n < TEXT_MAX ? s.n : TEXT_MAX, plain = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            continue;
        put_bytes(l, s.p + plain, i - plain);
        put_escaped(l, c);
        plain = i + 1;
    }
    if (n > plain)
        put_bytes(l, s.p + plain, n - plain);
}

static void put_u64(struct line *l, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    put_bytes(l, digits + at, sizeof(digits) - at);
}

static void put_key(struct line *l, const char *key)
{
    PUT(l, ",\"");
    put_bytes(l, key, strlen(key));
    PUT(l, "\":");
}

static void put_string(struct line *l, const char *key, struct span value)
{
    if (value.p == NULL)
        return;
    put_key(l, key);
    PUT(l, "\"");
    put_text(l, value);
    PUT(l, "\"");
}

static void put_number(struct line *l, const char *key, uint64_t value)
{
    put_key(l, key);
    put_u64(l, value);
}

static void put_sources(struct line *l, const struct access_entry *e)
{
    const char *before = "{";
    put_key(l, "from");
    for (int s = 0; s < LEDGER_SOURCE_COUNT; s++) {
        const char *name = ledger_source_name((enum ledger_source)s);
        if (e->by_source[s] == 0)
            continue;
        put_bytes(l, before, 1);
        PUT(l, "\"");
        put_bytes(l, name, strlen(name));
        PUT(l, "\":");
        put_u64(l, e->by_source[s]);
        before = ",";
    }
    if (*before == '{')
        PUT(l, "{");
    PUT(l, "}");
}

struct span access_log_line(const struct access_entry *e, char out[ACCESS_LINE_ROOM])
{
    struct line l = {out, 0};
    char time[25];
    char version[3] = {(char)('0' + e->major_version), '.', (char)('0' + e->minor_version)};
    clock_iso(e->wall, time);
    PUT(&l, "{\"time\":\"");
    put_bytes(&l, time, strlen(time));
    PUT(&l, "\"");
    put_number(&l, "id", e->id);
    put_string(&l, "client", e->client);
    put_string(&l, "site", e->site);
    put_string(&l, "method", e->method);
    put_string(&l, "scheme", e->scheme);
    put_string(&l, "host", e->host);
    put_string(&l, "target", e->target);
    put_string(&l, "http", span_make(version, sizeof(version)));
    put_number(&l, "status", (uint64_t)e->status);
    put_number(&l, "head_bytes", e->head_bytes);
    put_number(&l, "body_bytes", e->body_bytes);
    put_number(&l, "took_us", (uint64_t)(e->took_ns / 1000));
    put_string(&l, "cache", e->cache);
    put_sources(&l, e);
    put_string(&l, "upstream", e->upstream);
    put_string(&l, "range", e->range);
    put_string(&l, "referer", e->referer);
    put_string(&l, "user_agent", e->user_agent);
    put_string(&l, "fault", span_of(e->fault));
    l.p[l.n++] = '}';
    l.p[l.n++] = '\n';
    return span_make(l.p, l.n);
}
