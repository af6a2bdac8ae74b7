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
#define ROW(n, t, ...)                                                                             \
    {                                                                                              \
        .name = n, .type = OPTION_##t, __VA_ARGS__                                                 \
    }
#define IN(at)          .offset_bytes = at
#define BY(value, text) .fallback = value, .meaning = text

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

/* clang-format off */
static const struct option node_rows[] = {
    ROW("http_url", TEXT, IN(NODE(http_url)), BY("",
        "Where users reach it by http: \"http://icn.cdn.example\"; unset: as its heartbeat says.")),
    ROW("https_url", TEXT, IN(NODE(https_url)), BY("", "The same by https.")),
    ROW("admin_url", TEXT, IN(NODE(admin_url)), BY("",
        "Its admin listener, for byeorictl explain; unset: as its heartbeat says.")),
    ROW("addresses", TEXTS, IN(NODE(addresses)), BY("",
        "Its IP addresses, for DNS; unset: those that stand in its URLs.")),
    ROW("lat", TEXT, IN(NODE(lat)), BY("", "Where it stands: degrees north, \"37.5665\".")),
    ROW("lon", TEXT, IN(NODE(lon)), BY("", "Degrees east, \"126.978\".")),
    ROW("city", TEXT, IN(NODE(city)), BY("", "Name of the place, for people.")),
    ROW("country", TEXT, IN(NODE(country)), BY("", "ISO 3166-1, two capitals: \"KR\".")),
    ROW("weight", TEXT, IN(NODE(weight)), BY("1", "Share of users among edges that are as near.")),
    ROW("capacity_mbps", TEXT, IN(NODE(capacity_mbps)), BY("0",
        "What it can send, 10^6 bits a second: its weight is what is free of it; 0: unknown.")),
    ROW("price_class", INT, IN(NODE(price_class)), .min = 1, .max = NODE_PRICE_CLASSES, BY("1",
        "What its bytes cost, from 1: the cheapest of edges that are as near comes first.")),
    ROW("region", TEXT, IN(NODE(region)), BY("", "The region section it is within.")),
    {.name = NULL},
};
static const struct option_section node_section = {
    .options = node_rows, .record_bytes = sizeof(struct control_node), .is_titled = true,
    .title_offset_bytes = NODE(id), .line_offset_bytes = NODE(line)};

static const struct option site_rows[] = {
    ROW("hosts", TEXTS, IN(OPTION_FIELD(struct control_site, hosts)), BY("",
        "Host names of the site: \"dl.example.com\", \"*.example.com\" (any depth).")),
    ROW("price_class", INT, IN(OPTION_FIELD(struct control_site, price_class)), .min = 0,
        .max = NODE_PRICE_CLASSES, BY("0",
        "Edges above this price class serve it only where no other can; 0: all do.")),
    {.name = NULL},
};
static const struct option_section site_section = {
    .options = site_rows, .record_bytes = sizeof(struct control_site), .is_titled = true,
    .title_offset_bytes = OPTION_FIELD(struct control_site, name),
    .line_offset_bytes = OPTION_FIELD(struct control_site, line)};

static const struct option override_rows[] = {
    ROW("edges", TEXTS, IN(OPTION_FIELD(struct control_override, edges)), BY("",
        "Nodes for users in this network, in order of preference.")),
    {.name = NULL},
};
static const struct option_section override_section = {
    .options = override_rows, .record_bytes = sizeof(struct control_override), .is_titled = true,
    .title_offset_bytes = OPTION_FIELD(struct control_override, network),
    .line_offset_bytes = OPTION_FIELD(struct control_override, line)};

static const struct option asn_rows[] = {
    ROW("edges", TEXTS, IN(OPTION_FIELD(struct control_override, edges)), BY("",
        "Nodes for its users, in order of preference.")),
    {.name = NULL},
};
static const struct option_section asn_section = {
    .options = asn_rows, .record_bytes = sizeof(struct control_override), .is_titled = true,
    .title_offset_bytes = OPTION_FIELD(struct control_override, network),
    .line_offset_bytes = OPTION_FIELD(struct control_override, line)};

#define REGION(field) OPTION_FIELD(struct control_region, field)
static const struct option region_rows[] = {
    ROW("countries", TEXTS, IN(REGION(countries)), BY("",
        "Whose users are within: ISO 3166-1, two capitals each.")),
    ROW("continent", TEXT, IN(REGION(continent)), BY("",
        "All of it is within, but for countries that another region names: \"EU\".")),
    ROW("guests", BOOL, IN(REGION(takes_guests)), BY("false",
        "Whether its edges may serve users from outside.")),
    {.name = NULL},
};
static const struct option_section region_section = {
    .options = region_rows, .record_bytes = sizeof(struct control_region), .is_titled = true,
    .title_offset_bytes = REGION(name), .line_offset_bytes = REGION(line)};

static const struct option rollout_rows[] = {
    ROW("hold", DURATION, IN(ROLLOUT(hold_ms)), .max = 86400000, BY("0s",
        "How long a new configuration is watched on one edge, and then on a share of them, before "
        "it goes on; 0s: to all at once.")),
    ROW("share", RATIO, IN(ROLLOUT(share)), BY("10%", "Of the edges, after the first one.")),
    ROW("rise", RATIO, IN(ROLLOUT(rise)), BY("2%",
        "It is taken back where this much more of the answers are errors than on other edges.")),
    ROW("least_requests", INT, IN(ROLLOUT(least_requests)), .min = 1, .max = 1000000, BY("50",
        "Answers it takes to judge by.")),
    {.name = NULL},
};
static const struct option_section rollout_section = {
    .options = rollout_rows, .record_bytes = sizeof(struct control_rollout), .is_single = true,
    .line_offset_bytes = OPTION_NO_LINE};

static const struct option control_rows[] = {
    ROW("workers", INT, IN(AT(workers)), .min = 0, .max = 256, BY("0",
        "Threads that serve; 0: one for each core.")),
    ROW("drain", DURATION, IN(AT(drain_ms)), .min = 0, .max = 600000, BY("5s",
        "How long a stopping control plane finishes what runs.")),
    ROW("log_level", CHOICE, IN(AT(log_level)), .choices = log_levels, BY("info",
        "What is logged to standard error.")),
    ROW("state", TEXT, IN(AT(state)), BY(NULL,
        "SQLite file of nodes, sites, purges and usage; made where there is none.")),
    ROW("snapshot", TEXT, IN(AT(snapshot)), BY("",
        "File that is written every 10 s with what an instance with routes_only starts from.")),
    ROW("routes_only", BOOL, IN(AT(routes_only)), BY("false",
        "A second instance: state is a snapshot of the first one's; routes by it and takes nodes "
        "to be as they were; heartbeats and changes are refused.")),
    ROW("geoip", TEXT, IN(AT(geoip)), BY("",
        "City-type database, MaxMind's format, followed on disk; unset: no routing by place.")),
    ROW("geoip_country", TEXT, IN(AT(geoip_country)), BY("",
        "Country-type database, for addresses that the other does not know.")),
    ROW("geoip_asn", TEXT, IN(AT(geoip_asn)), BY("", "ASN-type database, for asn sections.")),
    ROW("geoip_sentinels", TEXTS, IN(AT(geoip_sentinels)), BY("",
        "Addresses that a new database must have in their country: \"192.0.2.1 KR\".")),
    ROW("operator_token_file", TEXT, IN(AT(operator_token_file)), BY(NULL,
        "File whose first line is the first operators' token (16 characters or more).")),
    ROW("node_token_file", TEXT, IN(AT(node_token_file)), BY("",
        "File whose first line is a token for any node; unset: each node needs one of its own.")),
    ROW("secret_key_file", TEXT, IN(AT(secret_key_file)), BY("",
        "File with keys of 64 hex digits, a line each, the newest first: private keys and signing "
        "secrets are sealed with it in the state; unset: they are there as they are.")),
    ROW("operator_rate", INT, IN(AT(operator_rate)), .min = 0, .max = 1000000, BY("200",
        "Requests a second for each token of operators, five times as many at once; 0: any.")),
    ROW("usage_keep", DURATION, IN(AT(usage_keep_ms)), .min = 35LL * 86400000,
        .max = 36500LL * 86400000, BY("400d", "How long the ledger's five-minute rows are kept.")),
    ROW("price_file", TEXT, IN(AT(price_file)), BY("",
        "File with price and tariff sections in place of those here; SIGHUP reads it anew.")),
    ROW("audit_keep", INT, IN(AT(audit_keep)), .min = 100, .max = 10000000, BY("100000",
        "Entries of the audit log that are kept.")),
    ROW("purge_keep", INT, IN(AT(purge_keep)), .min = 1, .max = 1000000, BY("10000",
        "Purges kept for edges that were away; beyond, such an edge revalidates all it has.")),
    ROW("route_ttl", DURATION, IN(AT(route_ttl_ms)), .min = 0, .max = 86400000, BY("30s",
        "How long a user may keep a redirect (Cache-Control: private, max-age).")),
    ROW("near_km", INT, IN(AT(near_km)), .min = 0, .max = 20000, BY("50",
        "Edges at most this much farther than the nearest share its users.")),
    ROW("vague_km", INT, IN(AT(vague_km)), .min = 0, .max = 20000, BY("500",
        "Users whose place is no more exact than this are spread over their country; 0: never.")),
    ROW("probe_every", DURATION, IN(AT(probe_every_ms)), .min = 0, .max = 3600000, BY("0s",
        "Time between two connections to each address of an edge, to see whether it is reached; "
        "0s: none.")),
    ROW("probe_timeout", DURATION, IN(AT(probe_timeout_ms)), .min = 10, .max = 60000, BY("2s",
        "How long such a connection may take.")),
    ROW("trusted_proxies", TEXTS, IN(AT(trusted_proxies)), BY("",
        "Networks whose X-Forwarded-For is believed; none by default.")),
    ROW("router", SECTION, IN(AT(routers)), .section = &listen_section, BY("",
        "A public address: users' requests are redirected to their edge; GET /v1/route.")),
    ROW("api", SECTION, IN(AT(apis)), .section = &listen_section, BY("",
        "An address for nodes and operators: the whole API, by token.")),
    ROW("dns", SECTION, IN(AT(zones)), .section = &dns_section, BY("",
        "A zone that is answered here: names of sites lead to their best edges.")),
    ROW("certificate", SECTION, IN(AT(certificates)), .section = &certificate_section, BY("",
        "For listeners with tls, chosen by the names in it.")),
    ROW("tls", SECTION, IN(AT(tls)), .section = &tls_section, BY("",
        "What listeners with tls have in common.")),
    ROW("node", SECTION, IN(AT(nodes)), .section = &node_section, BY("", "An edge.")),
    ROW("site", SECTION, IN(AT(sites)), .section = &site_section, BY("",
        "A site that its edges' own files define; others come by PUT /v1/sites.")),
    ROW("override", SECTION, IN(AT(overrides)), .section = &override_section, BY("",
        "A network, \"203.0.113.0/24\", whose users go to certain edges.")),
    ROW("asn", SECTION, IN(AT(asns)), .section = &asn_section, BY("",
        "A network operator, by its AS number, \"64500\", whose users go to certain edges.")),
    ROW("region", SECTION, IN(AT(regions)), .section = &region_section, BY("",
        "A boundary that no answer crosses: users within get edges within, and no others do.")),
    ROW("rollout", SECTION, IN(AT(rollout)), .section = &rollout_section, BY("",
        "How a new configuration reaches the edges.")),
    ROW("admin", SECTION, IN(AT(admin)), .section = &admin_section, BY("",
        "Metrics and health on an address of their own.")),
    ROW("price", SECTION, IN(AT(price)), .section = &price_section, BY("",
        "What bytes cost, for GET /v1/cost.")),
    ROW("tariff", SECTION, IN(AT(tariffs)), .section = &tariff_section, BY("",
        "What a carrier charges for bytes to clients of some nodes.")),
    {.name = NULL},
};
const struct option_section control_section = {
    .options = control_rows, .record_bytes = sizeof(struct control_options),
    .line_offset_bytes = OPTION_NO_LINE};
/* clang-format on */

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

int control_options_check(const struct control_options *o, const char *file, struct buf *why)
{
    struct certificates_spec certificates = {&o->certificates, &o->tls};
    uint8_t digest[DIGEST_SHA256_BYTES];
    struct seal_keys *keys = NULL;
    struct buf text;
    buf_init(&text, 4096);
    size_t before = why->n;
    if (o->apis.count == 0 && !o->routes_only)
        option_error(why, file, 1,
                     "api: at least one section is needed: api \"NAME\" { address = "
                     "\"127.0.0.1:7000\" }");
    check_nodes(o, file, why);
    check_sites(o, file, why);
    control_rules_check(o, file, why);
    control_prices_check(o, file, why);
    if (auth_token_read(o->operator_token_file, digest, &text) != 0)
        option_error(why, file, 1, "operator_token_file: %.*s", SPAN_FMT(buf_span(&text)));
    buf_clear(&text);
    if (o->secret_key_file[0] != '\0' && seal_keys_read(&keys, o->secret_key_file, &text) != 0)
        option_error(why, file, 1, "secret_key_file: %.*s", SPAN_FMT(buf_span(&text)));
    seal_keys_destroy(&keys);
    buf_clear(&text);
    if (o->node_token_file[0] != '\0' && auth_token_read(o->node_token_file, digest, &text) != 0)
        option_error(why, file, 1, "node_token_file: %.*s", SPAN_FMT(buf_span(&text)));
    buf_finish(&text);
    if (admin_check(&o->admin, o->certificates.count > 0, file, why) != 0 ||
        listen_check(&o->routers, o->certificates.count > 0, file, why) != 0 ||
        listen_check(&o->apis, o->certificates.count > 0, file, why) != 0 ||
        certificates_check(&certificates, why) != 0 || dns_check(&o->zones, file, why) != 0 ||
        why->n > before)
        return ERR_CONFIG;
    return 0;
}

/* ---- the snapshot ---- */

int control_options_config(const struct control_options *o, const char *file, struct span document,
                           struct api_config **out, struct buf *why)
{
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
        err = control_prices_make(o, file, c, why);
    if (err != 0) {
        option_error(why, file, 1, "the configuration changed while it was read");
        api_config_unref(&c);
    }
    *out = c;
    return err == 0 ? 0 : ERR_CONFIG;
}
