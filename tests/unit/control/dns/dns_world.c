/* SPDX-License-Identifier: MIT */
#include "tests/unit/control/dns/dns_world.h"

#include "lib/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define NODES 64

void dns_world_begin(struct dns_world *w)
{
    static const char *const servers[] = {"ns1 192.0.2.53 2001:db8::53", "ns2.cdn.example"};
    static const struct dns_options options = {.address = "127.0.0.1:53",
                                               .zone = "cdn.example",
                                               .contact = "",
                                               .identity = "seoul-ns1",
                                               .servers = {servers, 2},
                                               .ttl_ms = 30000,
                                               .negative_ttl_ms = 20000,
                                               .answers = 2};
    static struct picture_site games = {.name = {"games", 5}}, wild = {.name = {"wild", 4}};
    struct buf why;
    buf_init(&why, 512);
    *w = (struct dns_world){.rules = {.near_km = 50}, .picture = picture_create(NODES)};
    assert_int_equal(dns_zone_read(&w->zone, &options, &why), 0);
    buf_finish(&why);
    w->zone.serial = 7;
    map_put(w->picture->site_by_host, SPAN("dl.example.com"), &games);
    map_put(w->picture->site_by_host, SPAN("play.cdn.example"), &games);
    map_put(w->picture->site_by_host, SPAN(".wild.example"), &wild);
    dns_world_add(w, "seoul", 37.5, 127, "192.0.2.1 192.0.2.11 2001:db8::1");
    dns_world_add(w, "frankfurt", 50.1, 8.7, "192.0.2.2 2001:db8::2");
    dns_world_add(w, "virginia", 39, -77.5, "192.0.2.3");
}

void dns_world_end(struct dns_world *w)
{
    picture_unref(&w->picture);
    geo_set_unref(&w->geo);
    override_table_destroy(&w->overrides);
}

struct dns_view dns_world_view(void *world)
{
    struct dns_world *w = world;
    return (struct dns_view){w->picture, w->geo, &w->rules, 1};
}

void dns_world_changed(struct dns_world *w)
{
    picture_seal(w->picture);
    w->picture->version++;
}

struct picture_node *dns_world_add(struct dns_world *w, const char *id, double lat, double lon,
                                   const char *addresses)
{
    struct picture *p = w->picture;
    struct picture_node *n = &p->nodes[p->node_count++];
    assert_true(p->node_count <= NODES);
    *n = (struct picture_node){.spec = {.id = arena_dup(&p->mem, span_of(id)),
                                        .http_url = SPAN("http://h"),
                                        .lat = lat,
                                        .lon = lon,
                                        .has_point = true,
                                        .weight = 1,
                                        .price_class = 1},
                               .health = HEALTH_UP,
                               .spare = 1,
                               .hash = hash64(id, strlen(id))};
    for (struct span rest = span_of(addresses); rest.p != NULL;)
        assert_int_equal(node_addresses_add(&n->spec.addresses, span_cut(rest, ' ', &rest)), 0);
    map_put(p->node_by_id, n->spec.id, n);
    dns_world_changed(w);
    return n;
}

void dns_world_load(struct dns_world *w, enum geo_kind kind, const char *csv)
{
    static const char *const types[] = {"Test-City", "Test-Country", "Test-ASN"};
    struct geo *v[GEO_KINDS] = {NULL}, *g;
    char file[] = "/tmp/dns-test-XXXXXX", command[256];
    struct buf why;
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    close(fd);
    snprintf(command, sizeof command, "TYPE=%s perl tests/unit/lib/geo/make_db.pl %s", types[kind],
             file);
    FILE *to = popen(command, "w");
    assert_non_null(to);
    assert_int_equal(fputs(csv, to) >= 0, 1);
    assert_int_equal(pclose(to), 0);
    buf_init(&why, 512);
    assert_int_equal(geo_open(&g, file, kind, &why), 0);
    if (w->geo != NULL)
        memcpy(v, w->geo->v, sizeof v);
    v[kind] = g;
    struct geo_set *old = w->geo;
    w->geo = geo_set_create(v);
    geo_set_unref(&old);
    geo_unref(&g);
    buf_finish(&why);
    unlink(file);
}

void dns_world_override(struct dns_world *w, const struct override *v, size_t count)
{
    struct buf why;
    size_t faulty;
    buf_init(&why, 512);
    assert_int_equal(override_table_create(&w->overrides, v, count, &faulty, &why), 0);
    w->rules.overrides = w->overrides;
    buf_finish(&why);
}

static uint8_t *put_u16(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
    return at + 2;
}

static uint8_t *put_name(uint8_t *at, const char *name)
{
    for (struct span rest = span_of(name); rest.p != NULL;) {
        struct span label = span_cut(rest, '.', &rest);
        *at++ = (uint8_t)label.n;
        memcpy(at, label.p, label.n);
        at += label.n;
    }
    *at++ = 0;
    return at;
}

size_t dns_world_ask(uint8_t *out, const char *name, uint16_t type, struct span subnet)
{
    static const uint8_t head[] = {0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    memcpy(out, head, sizeof head);
    uint8_t *at = put_name(out + sizeof head, name);
    at = put_u16(put_u16(at, type), 1);
    *at++ = 0; /* OPT: root, 41, payload, extended rcode, version, flags, length */
    at = put_u16(put_u16(put_u16(put_u16(at, 41), 1232), 0), 0);
    at = put_u16(at, subnet.p != NULL ? (unsigned)subnet.n + 4 : 0);
    if (subnet.p != NULL) {
        at = put_u16(put_u16(at, 8), (unsigned)subnet.n);
        memcpy(at, subnet.p, subnet.n);
        at += subnet.n;
    }
    return (size_t)(at - out);
}

struct dns_query dns_world_query(const char *name, uint16_t type, const char *client, unsigned bits,
                                 struct arena *mem)
{
    uint8_t *wire = arena_alloc(mem, 512), option[20] = {0, 1, (uint8_t)bits, 0};
    struct addr a;
    struct dns_query q;
    assert_int_equal(addr_parse_ip(span_of(client), &a), 0);
    bool is_v6 = a.any.sa_family == AF_INET6;
    option[1] = is_v6 ? 2 : 1;
    memcpy(option + 4, is_v6 ? (const void *)&a.v6.sin6_addr : (const void *)&a.v4.sin_addr,
           is_v6 ? 16 : 4);
    size_t n = dns_world_ask(wire, name, type, span_make(option, 4 + (bits + 7) / 8));
    assert_int_equal(dns_query_read(&q, span_make(wire, n), mem), DNS_NOERROR);
    return q;
}
