/* SPDX-License-Identifier: MIT
 * Routes as a table. Tables are short, so a row is found by trying them in order; each pattern is
 * compared segment by segment with the path as it came, and only what braces matched is decoded: a
 * %2F in an argument is not a new segment. Pure but for what the row's function does. */
#include "lib/web/router.h"

#include "lib/base/err.h"

const struct exchange_events router_no_events = {NULL};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool has_escape(struct span s)
{
    return s.n > 0 && (memchr(s.p, '%', s.n) != NULL || memchr(s.p, '+', s.n) != NULL);
}

/* False: a bad escape, or a zero byte. What has no escape is out itself. */
static bool decode(struct span s, bool plus_is_space, struct arena *mem, struct span *out)
{
    *out = s;
    if (!has_escape(s))
        return true;
    char *to = arena_bytes(mem, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        to[n++] = c;
    }
    *out = span_make(to, n);
    return true;
}

/* rest: after a '/', or SPAN_NONE when there is no more. */
static bool next_segment(struct span *rest, struct span *segment)
{
    if (rest->p == NULL)
        return false;
    *segment = span_cut(*rest, '/', rest);
    return true;
}

static bool is_argument(struct span pattern)
{
    return pattern.n >= 2 && pattern.p[0] == '{' && pattern.p[pattern.n - 1] == '}';
}

static bool fits(const char *pattern, struct span path, struct arena *mem, struct router_match *m)
{
    struct span want = span_of(pattern), have = path, w, h;
    m->count = 0;
    for (;;) {
        bool more = next_segment(&want, &w);
        if (more != next_segment(&have, &h))
            return false;
        if (!more)
            return true;
        if (!is_argument(w)) {
            if (!span_eq(w, h))
                return false;
            continue;
        }
        CHECK(m->count < ROUTER_ARGS);
        if (h.n == 0 || !decode(h, false, mem, &m->arg[m->count++]))
            return false;
    }
}

static bool serves(const struct router_row *row, enum method method)
{
    return row->method == method || (row->method == METHOD_GET && method == METHOD_HEAD);
}

const struct router_row *router_find(const struct router_row *rows, struct exchange *x,
                                     struct router_match *m, int *status)
{
    *status = 404;
    for (const struct router_row *row = rows; row->pattern != NULL; row++) {
        if (!fits(row->pattern, x->request.path, &x->mem, m))
            continue;
        m->query = x->request.query;
        if (serves(row, x->request.method))
            return row;
        *status = 405;
    }
    return NULL;
}

/* RFC 9110 s.10.2.1: every method that the path knows. */
static struct span allowed(const struct router_row *rows, struct exchange *x)
{
    struct span list = SPAN_NONE;
    struct router_match unused;
    for (const struct router_row *row = rows; row->pattern != NULL; row++) {
        if (!fits(row->pattern, x->request.path, &x->mem, &unused))
            continue;
        struct span name = row->method == METHOD_GET ? SPAN("GET, HEAD") : method_text(row->method);
        list = list.n == 0 ? name
                           : arena_printf(&x->mem, "%.*s, %.*s", SPAN_FMT(list), SPAN_FMT(name));
    }
    return list;
}

static void refuse(const struct router_row *rows, struct exchange *x, int status)
{
    struct span text = status == 404 ? SPAN("not found\n") : SPAN("method not allowed\n");
    struct response_head head = {
        .status = status, .reason = status_reason(status), .content_length = (int64_t)text.n};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_CONTENT_TYPE, SPAN("text/plain; charset=utf-8"));
    if (status == 405)
        fields_add(&head.fields, FIELD_ALLOW, allowed(rows, x));
    x->events = &router_no_events;
    exchange_respond(x, &head, body_of_constant(text));
}

void router_run(const struct router_row *rows, router_before_fn before, void *app,
                struct exchange *x)
{
    struct router_match m;
    int status;
    const struct router_row *row = router_find(rows, x, &m, &status);
    if (row == NULL) {
        refuse(rows, x, status);
        return;
    }
    x->events = &router_no_events;
    if (before == NULL || before(app, x, row))
        row->run(app, x, &m);
}

int router_query_next(struct span *rest, struct arena *mem, struct span *name, struct span *value)
{
    if (rest->p == NULL)
        return 0;
    struct span pair = span_cut(*rest, '&', rest), text;
    bool is_plain = !has_escape(pair);
    *name = span_cut(pair, '=', &text);
    *value = text.p != NULL ? text : SPAN("");
    if (is_plain)
        return 1;
    return decode(*name, true, mem, name) && decode(*value, true, mem, value) ? 1 : ERR_SYNTAX;
}

struct span router_query(struct span query, const char *name, struct arena *mem, int *err)
{
    struct span key, value, wanted = span_of(name);
    while ((*err = router_query_next(&query, mem, &key, &value)) == 1)
        if (span_eq(key, wanted)) {
            *err = 0;
            return value;
        }
    return SPAN_NONE;
}
