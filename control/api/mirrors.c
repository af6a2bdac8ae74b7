/* SPDX-License-Identifier: MIT
 * The edges near a user, as the mirrors of a file. Pure. */
#include "control/api/mirrors.h"

#include "lib/proto/mirrors.h"

/* Host names, paths and URLs of nodes hold neither quotes nor angle brackets; '&' may stand in a
 * path. */
static void put_escaped(struct buf *out, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '&')
            buf_add_span(out, SPAN("&amp;"));
        else
            buf_add_char(out, s.p[i]);
    }
}

static void put_country(struct buf *out, const char *name, struct span country)
{
    if (country.n != 2)
        return;
    buf_printf(out, "%s%c%c", name, country.p[0] | 0x20, country.p[1] | 0x20);
}

/* How many of the verdict are as able as the first. */
static size_t count_of(const struct decide_verdict *v)
{
    size_t n = 0;
    while (n < v->count && n < MIRRORS_MAX && v->v[n].standing <= v->v[0].standing)
        n++;
    return n;
}

static void put_urls(const struct mirrors_spec *spec, struct span path, struct buf *out)
{
    for (size_t i = 0; i < count_of(spec->verdict); i++) {
        const struct picture_node *n = spec->verdict->v[i].node;
        buf_printf(out, "<url priority=\"%zu\"", i + 1);
        put_country(out, " location=\"", n->spec.country);
        buf_printf(out, "%s>", n->spec.country.n == 2 ? "\"" : "");
        put_escaped(out, steer_edge_url(n, spec->is_https));
        buf_add_char(out, '/');
        put_escaped(out, spec->host);
        put_escaped(out, path);
        buf_add_span(out, SPAN("</url>\n"));
    }
}

static ptrdiff_t find(struct span s, struct span what)
{
    const char *at = s.n >= what.n ? memmem(s.p, s.n, what.p, what.n) : NULL;
    return at != NULL ? at - s.p : -1;
}

bool mirrors_has_mark(struct span document)
{
    return find(document, SPAN(MIRRORS_MARK)) >= 0;
}

void mirrors_complete(const struct mirrors_spec *spec, struct span document, struct buf *out)
{
    struct span rest = document;
    for (ptrdiff_t at; (at = find(rest, SPAN(MIRRORS_MARK))) >= 0;) {
        struct span path = span_skip(rest, (size_t)at + sizeof MIRRORS_MARK - 1);
        ptrdiff_t end = find(path, SPAN(MIRRORS_MARK_END));
        if (end < 0)
            break;
        buf_add(out, rest.p, (size_t)at);
        put_urls(spec, span_make(path.p, (size_t)end), out);
        rest = span_skip(path, (size_t)end + sizeof MIRRORS_MARK_END - 1);
    }
    buf_add_span(out, rest);
}

bool mirrors_are_wanted(const struct request_head *r)
{
    const struct field *f = fields_find(&r->fields, FIELD_ACCEPT, 0);
    return f != NULL && find(f->value, SPAN(MIRRORS_TYPE)) >= 0;
}

void mirrors_links(const struct steer *s, const struct request_head *r, struct span host,
                   struct fields *fs)
{
    struct buf text;
    buf_init(&text, 8192);
    for (size_t i = 0; i < count_of(&s->verdict); i++) {
        const struct picture_node *n = s->verdict.v[i].node;
        buf_clear(&text);
        buf_printf(&text, "<%.*s/%.*s%.*s%s%.*s>; rel=duplicate; pri=%zu",
                   SPAN_FMT(steer_edge_url(n, r->scheme == SCHEME_HTTPS)), SPAN_FMT(host),
                   SPAN_FMT(r->path), r->query.p != NULL ? "?" : "", SPAN_FMT(r->query), i + 1);
        put_country(&text, "; geo=", n->spec.country);
        if (!buf_overflowed(&text))
            fields_add_named(fs, SPAN("Link"), arena_dup(fs->mem, buf_span(&text)));
    }
    buf_finish(&text);
}
