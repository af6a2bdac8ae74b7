/* SPDX-License-Identifier: MIT
 * The option table of byeori-control, the checks that span its rows, and what is made of them. */
#include "control/control_options.h"

#include "control/control_prices.h"
#include "control/control_rules.h"
#include "control/api/auth.h"
#include "control/dns/dns_zone.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/daemon/listen.h"
#include "lib/net/addr.h"

#include <stdlib.h>

#define AT(field)      OPTION_FIELD(struct control_options, field)
#define NODE(field)    OPTION_FIELD(struct control_node, field)
#define ROLLOUT(field) OPTION_FIELD(struct control_rollout, field)

static const struct option node_rows[] = {
    OPTION_ROW(
        "http_url", TEXT, NODE(http_url), "",
        "Where users reach it by http: \"http://icn.cdn.example\"; unset: as its heartbeat says."),
    OPTION_ROW("https_url", TEXT, NODE(https_url), "", "The same by https."),
    OPTION_ROW("admin_url", TEXT, NODE(admin_url), "",
               "Its admin listener, for byeorictl explain; unset: as its heartbeat says."),
    OPTION_ROW("addresses", TEXTS, NODE(addresses), "",
               "Its IP addresses, for DNS; unset: those that stand in its URLs."),
    OPTION_ROW("lat", TEXT, NODE(lat), "", "Where it stands: degrees north, \"37.5665\"."),
    OPTION_ROW("lon", TEXT, NODE(lon), "", "Degrees east, \"126.978\"."),
    OPTION_ROW("city", TEXT, NODE(city), "", "Name of the place, for people."),
    OPTION_ROW("country", TEXT, NODE(country), "", "ISO 3166-1, two capitals: \"KR\"."),
    OPTION_ROW("weight", TEXT, NODE(weight), "1", "Share of users among edges that are as near."),
    OPTION_ROW(
        "capacity_mbps", TEXT, NODE(capacity_mbps), "0",
        "What it can send, 10^6 bits a second: its weight is what is free of it; 0: unknown."),
    OPTION_ROW_WITH(
        "price_class", INT, NODE(price_class), "1",
        "What its bytes cost, from 1: the cheapest of edges that are as near comes first.",
        .min = 1, .max = NODE_PRICE_CLASSES),
    OPTION_ROW("region", TEXT, NODE(region), "", "The region section it is within."),
    {.name = NULL},
};
static const struct option_section node_section = {.options = node_rows,
                                                   .record_bytes = sizeof(struct control_node),
                                                   .is_titled = true,
                                                   .title_offset_bytes = NODE(id),
                                                   .line_offset_bytes = NODE(line)};

static const struct option site_rows[] = {
    OPTION_ROW("hosts", TEXTS, OPTION_FIELD(struct control_site, hosts), "",
               "Host names of the site: \"dl.example.com\", \"*.example.com\" (any depth)."),
    OPTION_ROW_WITH("price_class", INT, OPTION_FIELD(struct control_site, price_class), "0",
                    "Edges above this price class serve it only where no other can; 0: all do.",
                    .max = NODE_PRICE_CLASSES),
    {.name = NULL},
};
static const struct option_section site_section = {
    .options = site_rows,
    .record_bytes = sizeof(struct control_site),
    .is_titled = true,
    .title_offset_bytes = OPTION_FIELD(struct control_site, name),
    .line_offset_bytes = OPTION_FIELD(struct control_site, line)};

static const struct option override_rows[] = {
    OPTION_ROW("edges", TEXTS, OPTION_FIELD(struct control_override, edges), "",
               "Nodes for users in this network, in order of preference."),
    {.name = NULL},
};
static const struct option_section override_section = {
    .options = override_rows,
    .record_bytes = sizeof(struct control_override),
    .is_titled = true,
    .title_offset_bytes = OPTION_FIELD(struct control_override, network),
    .line_offset_bytes = OPTION_FIELD(struct control_override, line)};

static const struct option asn_rows[] = {
    OPTION_ROW("edges", TEXTS, OPTION_FIELD(struct control_override, edges), "",
               "Nodes for its users, in order of preference."),
    {.name = NULL},
};
static const struct option_section asn_section = {
    .options = asn_rows,
    .record_bytes = sizeof(struct control_override),
    .is_titled = true,
    .title_offset_bytes = OPTION_FIELD(struct control_override, network),
    .line_offset_bytes = OPTION_FIELD(struct control_override, line)};

#define REGION(field) OPTION_FIELD(struct control_region, field)
static const struct option region_rows[] = {
    OPTION_ROW("countries", TEXTS, REGION(countries), "",
               "Whose users are within: ISO 3166-1, two capitals each."),
    OPTION_ROW("continent", TEXT, REGION(continent), "",
               "All of it is within, but for countries that another region names: \"EU\"."),
    OPTION_ROW("guests", BOOL, REGION(takes_guests), "false",
               "Whether its edges may serve users from outside."),
    {.name = NULL},
};
static const struct option_section region_section = {.options = region_rows,
                                                     .record_bytes = sizeof(struct control_region),
                                                     .is_titled = true,
                                                     .title_offset_bytes = REGION(name),
                                                     .line_offset_bytes = REGION(line)};

static const struct option rollout_rows[] = {
    OPTION_ROW_WITH("hold", DURATION, ROLLOUT(hold_ms), "0s",
                    "How long a new configuration is watched on one edge, and then on a share of "
                    "them, before it goes on; 0s: to all at once.",
                    .max = 86400000),
    OPTION_ROW("share", RATIO, ROLLOUT(share), "10%", "Of the edges, after the first one."),
    OPTION_ROW(
        "rise", RATIO, ROLLOUT(rise), "2%",
        "It is taken back where this much more of the answers are errors than on other edges."),
    OPTION_ROW_WITH("least_requests", INT, ROLLOUT(least_requests), "50",
                    "Answers it takes to judge by.", .min = 1, .max = 1000000),
    {.name = NULL},
};
static const struct option_section rollout_section = {.options = rollout_rows,
                                                      .record_bytes =
                                                          sizeof(struct control_rollout),
                                                      .is_single = true,
                                                      .line_offset_bytes = OPTION_NO_LINE};

static const struct option control_rows[] = {
    OPTION_ROW_WITH("workers", INT, AT(workers), "0", "Threads that serve; 0: one for each core.",
                    .max = 256),
    OPTION_ROW_WITH("drain", DURATION, AT(drain_ms), "5s",
                    "How long a stopping control plane finishes what runs.", .max = 600000),
    OPTION_ROW_WITH("log_level", CHOICE, AT(log_level), "info", "What is logged to standard error.",
                    .choices = log_level_names),
    OPTION_ROW("state", TEXT, AT(state), NULL,
               "SQLite file of nodes, sites, purges and usage; made where there is none."),
    OPTION_ROW(
        "snapshot", TEXT, AT(snapshot), "",
        "File that is written every 10 s with what an instance with routes_only starts from."),
    OPTION_ROW("routes_only", BOOL, AT(routes_only), "false",
               "A second instance: state is a snapshot of the first one's; routes by it and takes "
               "nodes to be as they were; heartbeats and changes are refused."),
    OPTION_ROW(
        "geoip", TEXT, AT(geoip), "",
        "City-type database, MaxMind's format, followed on disk; unset: no routing by place."),
    OPTION_ROW("geoip_country", TEXT, AT(geoip_country), "",
               "Country-type database, for addresses that the other does not know."),
    OPTION_ROW("geoip_asn", TEXT, AT(geoip_asn), "", "ASN-type database, for asn sections."),
    OPTION_ROW("geoip_sentinels", TEXTS, AT(geoip_sentinels), "",
               "Addresses that a new database must have in their country: \"192.0.2.1 KR\"."),
    OPTION_ROW("operator_token_file", TEXT, AT(operator_token_file), NULL,
               "File whose first line is the first operators' token (16 characters or more)."),
    OPTION_ROW(
        "node_token_file", TEXT, AT(node_token_file), "",
        "File whose first line is a token for any node; unset: each node needs one of its own."),
    OPTION_ROW(
        "secret_key_file", TEXT, AT(secret_key_file), "",
        "File with keys of 64 hex digits, a line each, the newest first: private keys and signing "
        "secrets are sealed with it in the state; unset: they are there as they are."),
    OPTION_ROW_WITH(
        "operator_rate", INT, AT(operator_rate), "200",
        "Requests a second for each token of operators, five times as many at once; 0: any.",
        .max = 1000000),
    OPTION_ROW_WITH("usage_keep", DURATION, AT(usage_keep_ms), "400d",
                    "How long the ledger's five-minute rows are kept.", .min = 35LL * 86400000,
                    .max = 36500LL * 86400000),
    OPTION_ROW("price_file", TEXT, AT(price_file), "",
               "File with price and tariff sections in place of those here; SIGHUP reads it anew."),
    OPTION_ROW_WITH("audit_keep", INT, AT(audit_keep), "100000",
                    "Entries of the audit log that are kept.", .min = 100, .max = 10000000),
    OPTION_ROW_WITH(
        "purge_keep", INT, AT(purge_keep), "10000",
        "Purges kept for edges that were away; beyond, such an edge revalidates all it has.",
        .min = 1, .max = 1000000),
    OPTION_ROW_WITH("route_ttl", DURATION, AT(route_ttl_ms), "30s",
                    "How long a user may keep a redirect (Cache-Control: private, max-age).",
                    .max = 86400000),
    OPTION_ROW_WITH("near_km", INT, AT(near_km), "50",
                    "Edges at most this much farther than the nearest share its users.",
                    .max = 20000),
    OPTION_ROW_WITH(
        "vague_km", INT, AT(vague_km), "500",
        "Users whose place is no more exact than this are spread over their country; 0: never.",
        .max = 20000),
    OPTION_ROW_WITH("probe_every", DURATION, AT(probe_every_ms), "0s",
                    "Time between two connections to each address of an edge, to see whether it is "
                    "reached; 0s: none.",
                    .max = 3600000),
    OPTION_ROW_WITH("probe_timeout", DURATION, AT(probe_timeout_ms), "2s",
                    "How long such a connection may take.", .min = 10, .max = 60000),
    OPTION_ROW("trusted_proxies", TEXTS, AT(trusted_proxies), "",
               "Networks whose X-Forwarded-For is believed; none by default."),
    OPTION_ROW_WITH(
        "router", SECTION, AT(routers), "",
        "A public address: users' requests are redirected to their edge; GET /v1/route.",
        .section = &listen_section),
    OPTION_ROW_WITH("api", SECTION, AT(apis), "",
                    "An address for nodes and operators: the whole API, by token.",
                    .section = &listen_section),
    OPTION_ROW_WITH("dns", SECTION, AT(zones), "",
                    "A zone that is answered here: names of sites lead to their best edges.",
                    .section = &dns_section),
    OPTION_ROW_WITH("certificate", SECTION, AT(certificates), "",
                    "For listeners with tls, chosen by the names in it.",
                    .section = &certificate_section),
    OPTION_ROW_WITH("tls", SECTION, AT(tls), "", "What listeners with tls have in common.",
                    .section = &tls_section),
    OPTION_ROW_WITH("node", SECTION, AT(nodes), "", "An edge.", .section = &node_section),
    OPTION_ROW_WITH("site", SECTION, AT(sites), "",
                    "A site that its edges' own files define; others come by PUT /v1/sites.",
                    .section = &site_section),
    OPTION_ROW_WITH("override", SECTION, AT(overrides), "",
                    "A network, \"203.0.113.0/24\", whose users go to certain edges.",
                    .section = &override_section),
    OPTION_ROW_WITH(
        "asn", SECTION, AT(asns), "",
        "A network operator, by its AS number, \"64500\", whose users go to certain edges.",
        .section = &asn_section),
    OPTION_ROW_WITH(
        "region", SECTION, AT(regions), "",
        "A boundary that no answer crosses: users within get edges within, and no others do.",
        .section = &region_section),
    OPTION_ROW_WITH("rollout", SECTION, AT(rollout), "",
                    "How a new configuration reaches the edges.", .section = &rollout_section),
    OPTION_ROW_WITH("admin", SECTION, AT(admin), "",
                    "Metrics and health on an address of their own.", .section = &admin_section),
    OPTION_ROW_WITH("price", SECTION, AT(price), "", "What bytes cost, for GET /v1/cost.",
                    .section = &price_section),
    OPTION_ROW_WITH("tariff", SECTION, AT(tariffs), "",
                    "What a carrier charges for bytes to clients of some nodes.",
                    .section = &tariff_section),
    {.name = NULL},
};
const struct option_section control_section = {.options = control_rows,
                                               .record_bytes = sizeof(struct control_options),
                                               .line_offset_bytes = OPTION_NO_LINE};

/* ---- values that rows leave as text ---- */

static bool read_number(const char *text, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out == *out;
}

/* fault: "" or what is wrong; lives as long as the program. */
static struct node_spec node_of(const struct control_node *n, const char **fault)
{
    bool has_lat = n->lat[0] != '\0', has_lon = n->lon[0] != '\0';
    struct node_spec spec = {.id = span_of(n->id),
                             .http_url = span_of(n->http_url),
                             .https_url = span_of(n->https_url),
                             .admin_url = span_of(n->admin_url),
                             .city = span_of(n->city),
                             .country = span_of(n->country),
                             .region = span_of(n->region),
                             .price_class = (uint8_t)n->price_class,
                             .has_point = has_lat && has_lon};
    *fault = "";
    if (has_lat != has_lon)
        *fault = "lat: must be given together with lon";
    else if (has_lat && (!read_number(n->lat, &spec.lat) || !read_number(n->lon, &spec.lon)))
        *fault = "lat, lon: must be numbers, as \"37.5665\"";
    else if (!read_number(n->weight, &spec.weight))
        *fault = "weight: must be a number";
    else if (!read_number(n->capacity_mbps, &spec.capacity_mbps))
        *fault = "capacity_mbps: must be a number";
    else
        *fault = node_check(&spec);
    for (size_t i = 0; i < n->addresses.count; i++)
        if (node_addresses_add(&spec.addresses, span_of(n->addresses.v[i])) != 0)
            *fault = "addresses: must be IP addresses, at most 4 of a family, none twice";
    return spec;
}

struct registry_file control_options_file(const struct control_options *o, struct arena *mem)
{
    const struct control_node *nodes = o->nodes.v;
    const struct control_site *sites = o->sites.v;
    struct node_spec *specs = arena_zalloc(mem, (o->nodes.count + 1) * sizeof *specs);
    struct site_doc *docs = arena_zalloc(mem, (o->sites.count + 1) * sizeof *docs);
    const char *fault;
    for (size_t i = 0; i < o->nodes.count; i++)
        specs[i] = node_of(&nodes[i], &fault);
    for (size_t i = 0; i < o->sites.count; i++) {
        docs[i].name = span_of(sites[i].name);
        docs[i].price_class = (uint8_t)sites[i].price_class;
        docs[i].hosts.count = sites[i].hosts.count;
        docs[i].hosts.v = arena_zalloc(mem, (sites[i].hosts.count + 1) * sizeof(struct span));
        for (size_t k = 0; k < sites[i].hosts.count; k++)
            docs[i].hosts.v[k] = span_of(sites[i].hosts.v[k]);
    }
    return (struct registry_file){specs, o->nodes.count, docs, o->sites.count};
}

struct plan_rules control_options_rollout(const struct control_options *o)
{
    return (struct plan_rules){.hold_ms = o->rollout.hold_ms,
                               .share = o->rollout.share,
                               .rise = o->rollout.rise,
                               .least_requests = (uint64_t)o->rollout.least_requests};
}

/* ---- checks ---- */

static void check_nodes(const struct control_options *o, const char *file, struct buf *why)
{
    const struct control_node *v = o->nodes.v;
    for (size_t i = 0; i < o->nodes.count; i++) {
        const char *fault;
        node_of(&v[i], &fault);
        if (fault[0] != '\0')
            option_error(why, file, v[i].line, "node %s: %s", v[i].id, fault);
        for (size_t k = 0; k < i; k++)
            if (strcmp(v[i].id, v[k].id) == 0)
                option_error(why, file, v[i].line, "node %s stands there twice", v[i].id);
    }
}

static bool has_host_before(const struct control_site *v, size_t site, size_t host)
{
    for (size_t i = 0; i <= site; i++)
        for (size_t k = 0; k < (i < site ? v[i].hosts.count : host); k++)
            if (strcmp(v[i].hosts.v[k], v[site].hosts.v[host]) == 0)
                return true;
    return false;
}

static bool is_host(const char *host)
{
    for (const char *p = host; *p != '\0'; p++)
        if (*p <= ' ' || *p >= 0x7f || strchr("/:?#@", *p) != NULL || (*p >= 'A' && *p <= 'Z'))
            return false;
    return host[0] != '\0';
}

static void check_sites(const struct control_options *o, const char *file, struct buf *why)
{
    const struct control_site *v = o->sites.v;
    for (size_t i = 0; i < o->sites.count; i++) {
        if (!site_doc_name_is_valid(span_of(v[i].name)))
            option_error(why, file, v[i].line, "site %s: is no name", v[i].name);
        if (v[i].hosts.count == 0)
            option_error(why, file, v[i].line, "site %s: hosts must name at least one", v[i].name);
        for (size_t k = 0; k < v[i].hosts.count; k++) {
            if (!is_host(v[i].hosts.v[k]))
                option_error(why, file, v[i].line,
                             "site %s: \"%s\" is no host (lower case, no port)", v[i].name,
                             v[i].hosts.v[k]);
            else if (has_host_before(v, i, k))
                option_error(why, file, v[i].line, "site %s: host %s stands there twice", v[i].name,
                             v[i].hosts.v[k]);
        }
    }
}

static void check_secrets(struct option_config *config, struct buf *why)
{
    const struct control_options *o = option_record(config);
    const struct {
        const char *name, *file;
    } tokens[] = {{"operator_token_file", o->operator_token_file},
                  {"node_token_file", o->node_token_file}};
    uint8_t digest[DIGEST_SHA256_BYTES];
    struct seal_keys *keys = NULL;
    struct buf text;
    buf_init(&text, 4096);
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        bool is_needed = i == 0 || tokens[i].file[0] != '\0';
        if (is_needed && auth_token_read(tokens[i].file, digest, &text) != 0)
            option_error(why, option_file(config), option_line(config, o, tokens[i].name),
                         "%s: %.*s", tokens[i].name, SPAN_FMT(buf_span(&text)));
        buf_clear(&text);
    }
    if (o->secret_key_file[0] != '\0' && seal_keys_read(&keys, o->secret_key_file, &text) != 0)
        option_error(why, option_file(config), option_line(config, o, "secret_key_file"),
                     "secret_key_file: %.*s", SPAN_FMT(buf_span(&text)));
    seal_keys_destroy(&keys);
    buf_finish(&text);
}

int control_options_check(struct option_config *config, struct buf *why)
{
    const struct control_options *o = option_record(config);
    const char *file = option_file(config);
    struct certificates_spec certificates = {&o->certificates, &o->tls};
    bool has_certificate = o->certificates.count > 0;
    size_t before = why->n;
    if (o->apis.count == 0 && !o->routes_only)
        option_error(why, file, 0,
                     "api: at least one section is needed: api \"NAME\" { address = "
                     "\"127.0.0.1:7000\" }");
    check_nodes(o, file, why);
    check_sites(o, file, why);
    control_rules_check(config, why);
    check_secrets(config, why);
    bool is_wrong = control_prices_check(config, why) != 0;
    is_wrong |= admin_check(&o->admin, has_certificate, config, why) != 0;
    is_wrong |= listen_check(&o->routers, has_certificate, file, why) != 0;
    is_wrong |= listen_check(&o->apis, has_certificate, file, why) != 0;
    is_wrong |= certificates_check(&certificates, config, why) != 0;
    is_wrong |= dns_check(&o->zones, file, why) != 0;
    return is_wrong || why->n > before ? ERR_CONFIG : 0;
}

/* ---- the snapshot ---- */

int control_options_config(struct option_config *config, struct span document,
                           struct api_config **out, struct buf *why)
{
    const struct control_options *o = option_record(config);
    struct api_config *c = api_config_create();
    c->redirect_max_age_s = o->route_ttl_ms / MSEC_PER_SEC;
    c->redirect_cache_control =
        c->redirect_max_age_s > 0
            ? arena_printf(&c->mem, "private, max-age=%lld", (long long)c->redirect_max_age_s)
            : SPAN("private, no-store");
    struct routing_doc routing;
    int err = routing_doc_find(document, &routing, &c->mem, why);
    if (err == 0)
        err = control_rules_make(o, &routing, c, why);
    if (err == 0)
        err = auth_token_read(o->operator_token_file, c->operator_digest, why);
    c->has_node_token = o->node_token_file[0] != '\0';
    if (err == 0 && c->has_node_token)
        err = auth_token_read(o->node_token_file, c->node_digest, why);
    if (err == 0)
        err = control_prices_make(config, &c->price, &c->mem, why);
    if (err != 0) {
        option_error(why, option_file(config), 0, "the configuration changed while it was read");
        api_config_unref(&c);
    }
    *out = c;
    return err == 0 ? 0 : ERR_CONFIG;
}
