/* SPDX-License-Identifier: MIT */

/* Forwarded, X-Forwarded-For and X-Forwarded-Proto. What reaches an origin in them is ours, or was
 * said by a proxy in front of us that the site names. */
#include "edge/policy/forwarded.h"

bool forwarded_trusts(const struct site *site, struct span ip)
{
    for (size_t i = 0; i < site->trusted_proxies.count; i++) {
        if (network_has(&site->trusted[i], ip))
            return true;
    }
    return false;
}

/* The list that is there, and ours behind it. */
static struct span appended(const struct fields *request, struct span name, struct span ours,
                            struct arena *mem)
{
    struct span before = fields_joined(request, name, mem);
    const struct span parts[] = {before, SPAN(", "), ours};
    return before.n > 0 ? arena_join(mem, parts, ARRAY_LEN(parts)) : ours;
}

/* RFC 7239 s.4, s.6: an IPv6 address stands in brackets, and so in quotes. */
static struct span element_of(const struct forwarded_ask *ask, bool tells_scheme, struct arena *mem)
{
    bool is_v6 = memchr(ask->client_ip.p, ':', ask->client_ip.n) != NULL;
    struct span proto = tells_scheme ? scheme_text(ask->request->scheme) : SPAN("");
    return arena_printf(mem, "for=%s%.*s%s%s%.*s", is_v6 ? "\"[" : "", SPAN_FMT(ask->client_ip),
                        is_v6 ? "]\"" : "", tells_scheme ? ";proto=" : "", SPAN_FMT(proto));
}

/* A trusted proxy's word for the scheme holds for its own request only: the key has ours. */
static struct span proto_of(const struct forwarded_ask *ask, bool trusts)
{
    struct span theirs = fields_value(&ask->request->fields, FIELD_X_FORWARDED_PROTO);
    bool is_scheme = span_ieq(theirs, SPAN("http")) || span_ieq(theirs, SPAN("https"));
    return trusts && ask->is_passed && is_scheme ? theirs : scheme_text(ask->request->scheme);
}

void forwarded_add(struct fields *to, const struct forwarded_ask *ask, struct arena *mem)
{
    const struct site *site = ask->site;
    const struct fields *came = &ask->request->fields;
    bool trusts = forwarded_trusts(site, ask->client_ip),
         tells_scheme = ask->is_passed || site->splits_schemes;
    if (site->forwarded == FORWARDED_X || site->forwarded == FORWARDED_BOTH) {
        struct span ours = arena_dup(mem, ask->client_ip), name = SPAN("X-Forwarded-For");
        fields_add(to, FIELD_X_FORWARDED_FOR, trusts ? appended(came, name, ours, mem) : ours);
        if (tells_scheme)
            fields_add(to, FIELD_X_FORWARDED_PROTO, arena_dup(mem, proto_of(ask, trusts)));
    }
    if (site->forwarded == FORWARDED_STANDARD || site->forwarded == FORWARDED_BOTH) {
        struct span ours = element_of(ask, tells_scheme, mem), name = SPAN("Forwarded");
        fields_add(to, FIELD_FORWARDED, trusts ? appended(came, name, ours, mem) : ours);
    }
}
