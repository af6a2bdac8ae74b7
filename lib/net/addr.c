/* SPDX-License-Identifier: MIT
 * Socket addresses as text and back. Numbers only: names are dial.c's. Pure. */
#include "lib/net/addr.h"

#include "lib/base/err.h"

#include <arpa/inet.h>
#include <stdio.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static void set_v4(struct addr *a, const void *ip, in_port_t port)
{
    *a = (struct addr){.v4 = {.sin_family = AF_INET, .sin_port = port}};
    memcpy(&a->v4.sin_addr, ip, sizeof(a->v4.sin_addr));
}

static void set_v6(struct addr *a, const struct in6_addr *ip, in_port_t port)
{
    if (memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        set_v4(a, (const char *)ip + sizeof(mapped_prefix), port);
        return;
    }
    *a = (struct addr){.v6 = {.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = *ip}};
}

/* Dotted decimal as inet_pton reads it: four numbers of up to 255, no zero before another digit. */
static bool read_v4(struct span text, struct in_addr *out)
{
    if (text.n == 0 || text.n >= INET_ADDRSTRLEN)
        return false;
    const char *at = text.p, *end = at + text.n;
    uint64_t address = 0;
    for (int i = 0; i < 4; i++) {
        const char *from = at;
        uint64_t n = 0; /* of no more digits than it can hold */
        for (unsigned digit; at < end && (digit = (unsigned)(*at - '0')) <= 9; at++)
            n = n * 10 + digit;
        if (at == from || n > 255 || (*from == '0' && at - from > 1))
            return false;
        if (i < 3 && (at == end || *at++ != '.'))
            return false;
        address = address << 8 | n;
    }
    out->s_addr = htonl((uint32_t)address);
    return at == end;
}

int addr_parse_ip(struct span text, struct addr *out)
{
    char zero_ended[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    struct in_addr v4;

    if (read_v4(text, &v4)) {
        set_v4(out, &v4, 0);
        return 0;
    }
    if (text.n == 0 || text.n >= sizeof(zero_ended) || span_index(text, '\0') >= 0)
        return ERR_SYNTAX;
    memcpy(zero_ended, text.p, text.n);
    zero_ended[text.n] = '\0';
    if (inet_pton(AF_INET6, zero_ended, &v6) == 1) {
        set_v6(out, &v6, 0);
        return 0;
    }
    return ERR_SYNTAX;
}

/* *ip and *port of "[v6]:port", "[v6]", "v4:port", "v4" or a bare "v6"; port.p NULL: none. */
static int split(struct span text, struct span *ip, struct span *port)
{
    *port = SPAN_NONE;
    if (text.n > 0 && text.p[0] == '[') {
        struct span rest;
        *ip = span_cut(span_skip(text, 1), ']', &rest);
        if (rest.p == NULL || span_index(*ip, ':') < 0)
            return ERR_SYNTAX;
        if (rest.n == 0)
            return 0;
        if (rest.p[0] != ':')
            return ERR_SYNTAX;
        *port = span_skip(rest, 1);
        return 0;
    }
    *ip = span_cut(text, ':', port);
    if (port->p != NULL && span_index(*port, ':') >= 0) {
        *ip = text;
        *port = SPAN_NONE;
    }
    return 0;
}

int addr_parse(struct span text, int default_port, struct addr *out)
{
    struct span ip, port;
    uint64_t number = (uint64_t)default_port;
    struct addr a;

    if (split(text, &ip, &port) != 0 || addr_parse_ip(ip, &a) != 0)
        return ERR_SYNTAX;
    if (port.p == NULL && default_port < 0)
        return ERR_SYNTAX;
    if (port.p != NULL && (port.n > 5 || !span_u64(port, &number)))
        return ERR_SYNTAX;
    if (number > UINT16_MAX)
        return ERR_SYNTAX;
    addr_set_port(&a, (int)number);
    *out = a;
    return 0;
}

void addr_from_sockaddr(struct addr *out, const struct sockaddr *sa)
{
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } u;

    if (sa->sa_family == AF_INET6) {
        memcpy(&u.v6, sa, sizeof(u.v6));
        set_v6(out, &u.v6.sin6_addr, u.v6.sin6_port);
        if (out->any.sa_family == AF_INET6)
            out->v6.sin6_scope_id = u.v6.sin6_scope_id;
    } else if (sa->sa_family == AF_INET) {
        memcpy(&u.v4, sa, sizeof(u.v4));
        set_v4(out, &u.v4.sin_addr, u.v4.sin_port);
    } else {
        *out = (struct addr){.any = {.sa_family = AF_UNSPEC}};
    }
}

socklen_t addr_bytes(const struct addr *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

int addr_port(const struct addr *a)
{
    return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

void addr_set_port(struct addr *a, int port)
{
    if (a->any.sa_family == AF_INET6)
        a->v6.sin6_port = htons((uint16_t)port);
    else
        a->v4.sin_port = htons((uint16_t)port);
}

bool addr_is_loopback(const struct addr *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return a->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

bool addr_ip_eq(const struct addr *a, const struct addr *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET6)
        return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

size_t addr_text(const struct addr *a, char out[ADDR_TEXT_ROOM])
{
    char ip[ADDR_TEXT_ROOM];
    addr_ip_text(a, ip);
    bool is_v6 = a->any.sa_family == AF_INET6;
    int n = snprintf(out, ADDR_TEXT_ROOM, "%s%.45s%s:%d", is_v6 ? "[" : "", ip, is_v6 ? "]" : "",
                     addr_port(a));
    return (size_t)n;
}

/* Done once for every request, and inet_ntop would go through printf. */
static size_t v4_text(const struct in_addr *ip, char *out)
{
    uint8_t octets[4];
    char *at = out;
    memcpy(octets, ip, sizeof(octets));
    for (int i = 0; i < 4; i++) {
        at = u64_write(at, octets[i]);
        *at++ = i < 3 ? '.' : '\0';
    }
    return (size_t)(at - 1 - out);
}

size_t addr_ip_text(const struct addr *a, char out[ADDR_TEXT_ROOM])
{
    if (a->any.sa_family == AF_INET)
        return v4_text(&a->v4.sin_addr, out);
    if (a->any.sa_family != AF_INET6 ||
        inet_ntop(AF_INET6, &a->v6.sin6_addr, out, ADDR_TEXT_ROOM) == NULL)
        memcpy(out, "?", 2);
    return strlen(out);
}
