/* SPDX-License-Identifier: MIT
 *
 * How a site names its origins, and the hosts that they may send us on to. */
#include "lib/site/site_origin.h"

#include "lib/base/err.h"
#include "lib/base/option.h"

#define ORDER_MAX   1000
#define WEIGHT_MAX  1000
#define AT_ONCE_MAX 100000

static bool read_number(struct span text, uint64_t least, uint64_t most, uint32_t *out)
{
    uint64_t n;
    if (!span_u64(text, &n) || n < least || n > most)
        return false;
    *out = (uint32_t)n;
    return true;
}

static const char *read_word(struct span word, struct site_origin *out)
{
    struct span value, name = span_cut(word, '=', &value);
    if (span_eq(name, SPAN("order")))
        return read_number(value, 0, ORDER_MAX, &out->order) ? NULL : "has no order of 0 to 1000";
    if (span_eq(name, SPAN("weight")))
        return read_number(value, 1, WEIGHT_MAX, &out->weight) ? NULL
                                                               : "has no weight of 1 to 1000";
    if (span_eq(name, SPAN("connections")))
        return read_number(value, 1, AT_ONCE_MAX, &out->at_once)
                   ? NULL
                   : "has no number of connections of 1 to 100000";
    return "has a word that is not order=, weight= or connections=";
}

int site_origin_read(struct span text, uint32_t place, struct site_origin *out, const char **why)
{
    struct span rest, word = span_cut(span_trim(text), ' ', &rest);
    *out = (struct site_origin){.order = place, .weight = 1};
    *why = NULL;
    if (url_parse(word, &out->url) != 0)
        *why = "is not a URL like \"http://127.0.0.1:9000\"";
    else if (!span_eq(out->url.path, SPAN("/")) || out->url.query.p != NULL)
        *why = "has a path: an origin is asked for the client's own paths";
    while (rest.p != NULL && *why == NULL) {
        word = span_cut(rest, ' ', &rest);
        if (word.n > 0)
            *why = read_word(word, out);
    }
    return *why == NULL ? 0 : ERR_SYNTAX;
}

void site_origin_sort(struct site_origin *v, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct site_origin one = v[i];
        size_t at = i;
        for (; at > 0 && v[at - 1].order > one.order; at--)
            v[at] = v[at - 1];
        v[at] = one;
    }
}

static bool is_meant(struct span entry, const struct url *url)
{
    struct span host, tail = url->host;
    int port;
    bool is_below = span_starts(entry, SPAN("*."));
    if (url_authority(span_skip(entry, is_below ? 2 : 0), &host, &port) != 0)
        return false;
    if (is_below) {
        if (tail.n < host.n + 2 || tail.p[tail.n - host.n - 1] != '.')
            return false;
        tail = span_skip(tail, tail.n - host.n);
    }
    return span_ieq(host, tail) && url->port == (port >= 0 ? port : scheme_port(url->scheme));
}

bool site_host_is_listed(const struct option_texts *list, const struct url *url)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_meant(span_of(list->v[i]), url))
            return true;
    }
    return false;
}
