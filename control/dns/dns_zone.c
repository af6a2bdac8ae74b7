/* SPDX-License-Identifier: MIT
 * Zones from their configuration. */
#include "control/dns/dns_zone.h"

#include "control/dns/dns_knot.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"

#define AT(field)       OPTION_FIELD(struct dns_options, field)
#define NAMES_BYTES     400 /* of all names of a zone: its NS and SOA fit an answer */
#define ANSWERS_MAX     8
#define NAME_TEXT_BYTES 1004
#define SERIAL          1 /* the same at all servers of the zone: there is nothing to transfer */

static const struct option rows[] = {
    OPTION_ROW("address", TEXT, AT(address), NULL,
               "Where to be asked, by UDP and TCP: \"192.0.2.53:53\", \"[::]:53\"."),
    OPTION_ROW("zone", TEXT, AT(zone), NULL,
               "The domain that was delegated to here: \"cdn.example\"."),
    OPTION_ROW("servers", TEXTS, AT(servers), "",
               "Its name servers, each with its addresses where it is in the zone: \"ns1 "
               "192.0.2.53 2001:db8::53\"; unset: ns1 at the address above."),
    OPTION_ROW("contact", TEXT, AT(contact), "",
               "Mailbox of the SOA, as a name: \"hostmaster.example.com\"; unset: the zone's own "
               "name, which is shortest."),
    OPTION_ROW("identity", TEXT, AT(identity), "",
               "What this server is called, told to who asks with NSID or for id.server or "
               "hostname.bind: \"seoul-ns1\"; unset: nothing."),
    OPTION_ROW_WITH("ttl", DURATION, AT(ttl_ms), "30s",
                    "How long resolvers keep an answer: after an edge died, users find another "
                    "within 5 s and this.",
                    .max = 86400000),
    OPTION_ROW_WITH("negative_ttl", DURATION, AT(negative_ttl_ms), "30s",
                    "How long resolvers keep that there is no such name or record.",
                    .max = 86400000),
    OPTION_ROW_WITH("answers", INT, AT(answers), "1",
                    "Edges in an answer, best first. Resolvers and clients mix them: more than one "
                    "spreads users over edges farther away.",
                    .min = 1, .max = ANSWERS_MAX),
    OPTION_ROW_WITH(
        "rate", INT, AT(rate), "1000",
        "UDP answers a second to a network (/24, /56), a burst of as many on top; 0: any number.",
        .max = 1000000),
    OPTION_ROW_WITH("slip", INT, AT(slip), "2",
                    "Beyond the rate each how manieth is told to come by TCP; 0: none.", .max = 10),
    {.name = NULL},
};
const struct option_section dns_section = {.options = rows,
                                           .record_bytes = sizeof(struct dns_options),
                                           .is_titled = true,
                                           .title_offset_bytes = AT(name),
                                           .line_offset_bytes = AT(line)};

int dns_name_parse(struct dns_name *out, struct span text)
{
    char copy[NAME_TEXT_BYTES];
    if (text.n == 0 || text.n >= sizeof copy - 1 || memchr(text.p, '\0', text.n) != NULL)
        return ERR_SYNTAX;
    int n = (int)text.n;
    memcpy(copy, text.p, text.n);
    if (copy[n - 1] != '.')
        copy[n++] = '.';
    copy[n] = '\0';
    if (knot_dname_from_str(out->v, copy, sizeof out->v) == NULL)
        return ERR_SYNTAX;
    knot_dname_to_lower(out->v);
    out->bytes = knot_dname_size(out->v);
    return 0;
}

ptrdiff_t dns_name_below(const uint8_t *name, size_t bytes, const struct dns_name *zone)
{
    if (bytes < zone->bytes)
        return -1;
    size_t before = bytes - zone->bytes, at = 0;
    while (at < before)
        at += name[at] + 1U;
    return at == before && memcmp(name + before, zone->v, zone->bytes) == 0 ? (ptrdiff_t)before
                                                                            : -1;
}

/* One label is a name in the zone. */
static int parse_server_name(struct dns_name *out, struct span text, const char *zone)
{
    char whole[NAME_TEXT_BYTES];
    struct buf b;
    if (span_index(text, '.') >= 0)
        return dns_name_parse(out, text);
    buf_init(&b, sizeof whole);
    buf_printf(&b, "%.*s.%s", SPAN_FMT(text), zone);
    int err = buf_overflowed(&b) ? ERR_SYNTAX : dns_name_parse(out, buf_span(&b));
    buf_finish(&b);
    return err;
}

static int read_server(struct dns_zone *z, const struct dns_options *o, struct span text)
{
    struct dns_zone_server *s = &z->servers[z->server_count++];
    struct span rest = text;
    int err = parse_server_name(&s->name, span_cut(rest, ' ', &rest), o->zone);
    while (err == 0 && rest.p != NULL) {
        struct span ip = span_cut(rest, ' ', &rest);
        if (ip.n > 0)
            err = node_addresses_add(&s->addresses, ip);
    }
    return err;
}

/* No server named: ns1, where it is known from the address that is listened on. */
static int add_own_server(struct dns_zone *z, const struct dns_options *o)
{
    char ip[ADDR_TEXT_ROOM];
    size_t n = addr_ip_text(&z->address, ip);
    struct dns_zone_server *s = &z->servers[z->server_count++];
    int err = parse_server_name(&s->name, SPAN("ns1"), o->zone);
    bool is_any =
        span_eq(span_make(ip, n), SPAN("0.0.0.0")) || span_eq(span_make(ip, n), SPAN("::"));
    return err != 0 || is_any ? err : node_addresses_add(&s->addresses, span_make(ip, n));
}

static int refuse(struct buf *why, const char *option, const char *value, const char *what)
{
    buf_printf(why, "%s: \"%s\" %s", option, value, what);
    return ERR_CONFIG;
}

static int read_servers(struct dns_zone *z, const struct dns_options *o, struct buf *why)
{
    size_t bytes = z->name.bytes + z->contact.bytes;
    if (o->servers.count > DNS_SERVERS_MAX)
        return refuse(why, "servers", o->zone, "has more than 8");
    for (size_t i = 0; i < o->servers.count; i++)
        if (read_server(z, o, span_of(o->servers.v[i])) != 0)
            return refuse(why, "servers", o->servers.v[i], "is no name with IP addresses");
    if (o->servers.count == 0 && add_own_server(z, o) != 0)
        return refuse(why, "zone", o->zone, "is too long");
    for (size_t i = 0; i < z->server_count; i++)
        bytes += z->servers[i].name.bytes;
    return bytes <= NAMES_BYTES ? 0 : refuse(why, "servers", o->zone, "has names too long");
}

int dns_zone_read(struct dns_zone *out, const struct dns_options *o, struct buf *why)
{
    *out = (struct dns_zone){.serial = SERIAL,
                             .ttl_s = (uint32_t)(o->ttl_ms / MSEC_PER_SEC),
                             .negative_ttl_s = (uint32_t)(o->negative_ttl_ms / MSEC_PER_SEC),
                             .answers = (size_t)o->answers,
                             .rate = o->rate,
                             .slip = o->slip};
    if (addr_parse(span_of(o->address), -1, &out->address) != 0)
        return refuse(why, "address", o->address,
                      "is not ADDRESS:PORT (\"192.0.2.53:53\", \"[::]:53\")");
    if (dns_name_parse(&out->name, span_of(o->zone)) != 0 || out->name.bytes <= 1)
        return refuse(why, "zone", o->zone, "is no domain");
    out->contact = out->name;
    if (o->contact[0] != '\0' && dns_name_parse(&out->contact, span_of(o->contact)) != 0)
        return refuse(why, "contact", o->contact, "is no name");
    if (strlen(o->identity) > DNS_IDENTITY_BYTES)
        return refuse(why, "identity", o->identity, "is longer than 63 bytes");
    memcpy(out->identity, o->identity, strlen(o->identity));
    return read_servers(out, o, why);
}

int dns_check(const struct option_records *sections, const char *file, struct buf *why)
{
    const struct dns_options *v = sections->v;
    struct dns_zone zone;
    struct buf text;
    int err = 0;
    for (size_t i = 0; i < sections->count; i++) {
        buf_init(&text, 1024);
        if (dns_zone_read(&zone, &v[i], &text) != 0) {
            option_error(why, file, v[i].line, "dns \"%s\": %.*s", v[i].name,
                         SPAN_FMT(buf_span(&text)));
            err = ERR_CONFIG;
        }
        buf_finish(&text);
    }
    return err;
}
