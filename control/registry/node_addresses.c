/* SPDX-License-Identifier: MIT
 * Addresses of a node: text, JSON and URLs in, bytes in network order out. Pure. */
#include "control/registry/node_addresses.h"

#include "lib/base/err.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"
#include "lib/net/addr.h"

static const char key[] = "addresses";

static int put(uint8_t *v, uint8_t *count, const void *bytes, size_t each)
{
    for (size_t i = 0; i < *count; i++)
        if (memcmp(v + i * each, bytes, each) == 0)
            return ERR_EXISTS;
    if (*count == NODE_ADDRESSES)
        return ERR_TOO_BIG;
    memcpy(v + *count * each, bytes, each);
    ++*count;
    return 0;
}

int node_addresses_add(struct node_addresses *a, struct span text)
{
    struct addr ip;
    if (addr_parse_ip(text, &ip) != 0)
        return ERR_SYNTAX;
    if (ip.any.sa_family == AF_INET6)
        return put(a->v6[0], &a->v6_count, &ip.v6.sin6_addr, sizeof a->v6[0]);
    return put(a->v4[0], &a->v4_count, &ip.v4.sin_addr, sizeof a->v4[0]);
}

/* The host of "scheme://host[:port][/path]"; the URL was checked when it was taken. */
static struct span host_of(struct span url)
{
    struct span rest;
    struct span scheme = span_cut(url, ':', &rest);
    if (scheme.n == url.n || !span_starts(rest, SPAN("//")))
        return SPAN_NONE;
    struct span authority = span_cut(span_skip(rest, 2), '/', &rest);
    if (span_starts(authority, SPAN("[")))
        return span_cut(span_skip(authority, 1), ']', &rest);
    return span_cut(authority, ':', &rest);
}

void node_addresses_of_url(struct node_addresses *a, struct span url)
{
    int err = node_addresses_add(a, host_of(url));
    (void)err; /* a name is no fault: it has no address here */
}

static void write_one(struct json_out *o, int family, const uint8_t *bytes)
{
    char text[ADDR_TEXT_ROOM];
    struct addr ip = {.any = {.sa_family = (sa_family_t)family}};
    if (family == AF_INET6)
        memcpy(&ip.v6.sin6_addr, bytes, sizeof ip.v6.sin6_addr);
    else
        memcpy(&ip.v4.sin_addr, bytes, sizeof ip.v4.sin_addr);
    json_out_text(o, NULL, span_make(text, addr_ip_text(&ip, text)));
}

void node_addresses_write(const struct node_addresses *a, struct json_out *o)
{
    if (node_addresses_is_empty(a))
        return;
    json_out_array(o, key);
    for (size_t i = 0; i < a->v4_count; i++)
        write_one(o, AF_INET, a->v4[i]);
    for (size_t i = 0; i < a->v6_count; i++)
        write_one(o, AF_INET6, a->v6[i]);
    json_out_end_array(o);
}

struct node_addresses node_addresses_read(struct json_in *in, const struct json_t *o)
{
    struct node_addresses a = {0};
    const struct json_t *v = json_in_array(in, o, key, 2 * NODE_ADDRESSES);
    for (size_t i = 0; i < json_in_count(v); i++) {
        struct span text = json_in_text_at(in, v, i, ADDR_TEXT_ROOM);
        int err = text.p != NULL ? node_addresses_add(&a, text) : 0;
        if (err == ERR_SYNTAX)
            json_in_fault(in, key, "must be IP addresses");
        else if (err != 0)
            json_in_fault(in, key, "has one twice, or more than 4 of a family");
    }
    return a;
}
