/* SPDX-License-Identifier: MIT */

/* From a request's target to the bytes that name what is stored. */
#include "edge/policy/cache_key.h"

static struct span lower(struct span s, struct arena *mem)
{
    char *p = arena_bytes(mem, s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + ('a' - 'A') : s.p[i]);
    return span_make(p, s.n);
}

struct cache_key cache_key_make(const struct site *site, struct span host, struct span path,
                                struct span query, struct arena *mem)
{
    struct span parts[] = {span_of(site->name),
                           SPAN("\n"),
                           lower(host, mem),
                           SPAN("\n"),
                           url_normal_path(path, mem),
                           query.p != NULL ? SPAN("?") : SPAN(""),
                           query.p != NULL ? query : SPAN("")};
    struct span text = arena_join(mem, parts, ARRAY_LEN(parts));
    return (struct cache_key){.text = text, .hash = hash128(text.p, text.n, 0)};
}
