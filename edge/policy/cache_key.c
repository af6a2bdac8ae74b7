/* SPDX-License-Identifier: MIT */

/* From a request's target to the bytes that name what is stored. */
#include "edge/policy/cache_key.h"

#include <stdlib.h>

static struct span lower(struct span s, struct arena *mem)
{
    char *p = arena_bytes(mem, s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + ('a' - 'A') : s.p[i]);
    return span_make(p, s.n);
}

struct span cache_key_host(const struct site *site, struct span host, struct arena *mem)
{
    return lower(site->shares_hosts ? span_of(site->hosts.v[0]) : host, mem);
}

/* A name of the options is one parameter, or, with '*' at its end, all that begin so. */
static bool is_listed(const struct option_texts *names, struct span parameter)
{
    struct span name = span_cut(parameter, '=', &parameter);
    for (size_t i = 0; i < names->count; i++) {
        struct span listed = span_of(names->v[i]);
        bool is_start = span_ends(listed, SPAN("*"));
        if (is_start ? span_starts(name, span_make(listed.p, listed.n - 1)) : span_eq(name, listed))
            return true;
    }
    return false;
}

static bool is_in_key(const struct site *site, struct span parameter)
{
    bool is_kept = site->query_keep.count == 0 || is_listed(&site->query_keep, parameter);
    return is_kept && !is_listed(&site->query_drop, parameter);
}

/* By name alone: of equal names the order means something, and stays. */
static int by_name(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    struct span value;
    int order = span_cmp(span_cut(*x, '=', &value), span_cut(*y, '=', &value));
    return order != 0 ? order : (x->p > y->p) - (x->p < y->p);
}

/* The query as it stands in the key. */
static struct span key_query(const struct site *site, struct span query, struct arena *mem)
{
    bool is_ruled = site->query_keep.count > 0 || site->query_drop.count > 0 || site->sorts_query;
    if (query.p == NULL || !is_ruled)
        return query;
    size_t count = 0, room = 1;
    for (size_t i = 0; i < query.n; i++)
        room += query.p[i] == '&';
    struct span *parts = arena_alloc(mem, room * sizeof(*parts)), rest = query;
    char *text = arena_bytes(mem, query.n + 1), *at = text;
    while (rest.p != NULL && !arena_overflowed(mem)) {
        struct span parameter = span_cut(rest, '&', &rest);
        if (is_in_key(site, parameter))
            parts[count++] = parameter;
    }
    if (site->sorts_query)
        qsort(parts, count, sizeof(*parts), by_name);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *at++ = '&';
        memcpy(at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    return count > 0 ? span_make(text, (size_t)(at - text)) : SPAN_NONE;
}

struct cache_key cache_key_make(const struct site *site, const struct cache_target *target,
                                struct arena *mem)
{
    struct span host = cache_key_host(site, target->host, mem);
    struct span query = key_query(site, target->query, mem);
    bool has_scheme = site->splits_schemes && target->scheme == SCHEME_HTTPS;
    struct span parts[] = {span_of(site->name),
                           SPAN("\n"),
                           host,
                           SPAN("\n"),
                           url_normal_path(target->path, mem),
                           query.p != NULL ? SPAN("?") : SPAN(""),
                           query.p != NULL ? query : SPAN(""),
                           has_scheme ? SPAN("\nhttps") : SPAN("")};
    struct span text = arena_join(mem, parts, ARRAY_LEN(parts));
    return (struct cache_key){
        .text = text, .hash = hash128(text.p, text.n, 0), .host = host, .query = query};
}
