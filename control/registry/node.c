/* SPDX-License-Identifier: MIT
 * Records of nodes: checks, copies, JSON. Pure. */
#include "control/registry/node.h"

#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"
#include "lib/proto/heartbeat.h"
#include "lib/proto/site_doc.h"

static const char *const modes[] = {
    [NODE_AUTO] = "auto", [NODE_DRAIN] = "drain", [NODE_DOWN] = "down", [NODE_FORCED] = "forced"};

const char *node_mode_name(enum node_mode mode)
{
    return modes[mode];
}

bool node_mode_parse(struct span name, enum node_mode *out)
{
    for (int i = 0; i < NODE_MODE_COUNT; i++)
        if (span_eq(name, span_of(modes[i]))) {
            *out = (enum node_mode)i;
            return true;
        }
    return false;
}

bool node_url_is_valid(struct span url)
{
    struct span rest = url;
    if (span_starts(url, SPAN("http://")))
        rest = span_skip(url, strlen("http://"));
    else if (span_starts(url, SPAN("https://")))
        rest = span_skip(url, strlen("https://"));
    else
        return false;
    if (rest.n == 0 || rest.p[0] == '/' || url.p[url.n - 1] == '/')
        return false;
    for (size_t i = 0; i < rest.n; i++) {
        char c = rest.p[i];
        if (c <= ' ' || c >= 0x7f || strchr("?#\"<>\\^`{|}@", c) != NULL)
            return false;
    }
    return url.n <= HEARTBEAT_URL_BYTES;
}

int node_url_port(struct span url)
{
    bool is_https = span_starts(url, SPAN("https://"));
    struct span rest;
    struct span authority = span_cut(span_skip(url, is_https ? 8 : 7), '/', &rest);
    uint64_t port;
    for (size_t i = authority.n; i > 0 && authority.p[i - 1] != ']'; i--)
        if (authority.p[i - 1] == ':')
            return span_u64(span_skip(authority, i), &port) && port <= UINT16_MAX ? (int)port : 0;
    return is_https ? 443 : 80;
}

static bool is_country(struct span s)
{
    return s.n == 2 && s.p[0] >= 'A' && s.p[0] <= 'Z' && s.p[1] >= 'A' && s.p[1] <= 'Z';
}

static bool may_be(struct span url, struct span scheme)
{
    return url.n == 0 || (node_url_is_valid(url) && span_starts(url, scheme));
}

static bool is_point(const struct node_spec *s)
{
    return s->lat >= -90 && s->lat <= 90 && s->lon >= -180 && s->lon <= 180;
}

const char *node_check(const struct node_spec *spec)
{
    const struct {
        bool is_right;
        const char *fault;
    } rows[] = {
        {site_doc_name_is_valid(spec->id), "id: must be 1 to 64 letters, digits, '.', '_' or '-'"},
        {may_be(spec->http_url, SPAN("http:")),
         "http_url: must be http://host[:port][/path], no slash at its end"},
        {may_be(spec->https_url, SPAN("https:")),
         "https_url: must be https://host[:port][/path], no slash at its end"},
        {may_be(spec->admin_url, SPAN("http")),
         "admin_url: must be http(s)://host[:port], no slash at its end"},
        {!spec->has_point || is_point(spec),
         "lat, lon: must be degrees from -90 to 90 and from -180 to 180"},
        {spec->country.n == 0 || is_country(spec->country),
         "country: must be two capital letters (ISO 3166-1)"},
        {spec->city.n <= NODE_CITY_BYTES, "city: is too long"},
        {spec->weight > 0 && spec->weight <= 1e6, "weight: must be above 0, and 1000000 at most"},
        {spec->capacity_mbps >= 0 && spec->capacity_mbps <= 1e8,
         "capacity_mbps: must be from 0 to 100000000"},
        {spec->price_class >= 1 && spec->price_class <= NODE_PRICE_CLASSES,
         "price_class: must be from 1 to 4"},
        {spec->region.n == 0 || site_doc_name_is_valid(spec->region),
         "region: must be 1 to 64 letters, digits, '.', '_' or '-'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!rows[i].is_right)
            return rows[i].fault;
    return "";
}

struct node_spec node_copy(const struct node_spec *spec, struct arena *mem)
{
    struct node_spec c = *spec;
    c.id = arena_dup(mem, spec->id);
    c.http_url = arena_dup(mem, spec->http_url);
    c.https_url = arena_dup(mem, spec->https_url);
    c.admin_url = arena_dup(mem, spec->admin_url);
    c.city = arena_dup(mem, spec->city);
    c.country = arena_dup(mem, spec->country);
    c.region = arena_dup(mem, spec->region);
    return c;
}

void node_write(const struct node_spec *spec, struct json_out *o)
{
    json_out_text(o, "id", spec->id);
    const struct {
        const char *key;
        struct span value;
    } texts[] = {
        {"http_url", spec->http_url},   {"https_url", spec->https_url},
        {"admin_url", spec->admin_url}, {"city", spec->city},
        {"country", spec->country},     {"region", spec->region},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].value.n > 0)
            json_out_text(o, texts[i].key, texts[i].value);
    node_addresses_write(&spec->addresses, o);
    if (spec->has_point) {
        json_out_real(o, "lat", spec->lat, 6);
        json_out_real(o, "lon", spec->lon, 6);
    }
    json_out_real(o, "weight", spec->weight, 6);
    if (spec->capacity_mbps > 0)
        json_out_real(o, "capacity_mbps", spec->capacity_mbps, 3);
    json_out_u64(o, "price_class", spec->price_class);
}

/* What is out of range becomes 0, which node_check tells. */
static uint8_t price_class_of(struct json_in *in, const struct json_t *o)
{
    uint64_t class = json_in_u64(in, o, "price_class", 1);
    return class <= NODE_PRICE_CLASSES ? (uint8_t) class : 0;
}

struct node_spec node_read(struct json_in *in, const struct json_t *o, struct arena *mem)
{
    struct node_spec spec = {
        .id = json_in_text(in, o, "id", HEARTBEAT_NAME_BYTES),
        .http_url = json_in_text(in, o, "http_url", HEARTBEAT_URL_BYTES),
        .https_url = json_in_text(in, o, "https_url", HEARTBEAT_URL_BYTES),
        .admin_url = json_in_text(in, o, "admin_url", HEARTBEAT_URL_BYTES),
        .addresses = node_addresses_read(in, o),
        .city = json_in_text(in, o, "city", NODE_CITY_BYTES),
        .country = json_in_text(in, o, "country", 2),
        .lat = json_in_real(in, o, "lat", 0),
        .lon = json_in_real(in, o, "lon", 0),
        .has_point = json_in_has(o, "lat") && json_in_has(o, "lon"),
        .weight = json_in_real(in, o, "weight", 1),
        .capacity_mbps = json_in_real(in, o, "capacity_mbps", 0),
        .price_class = price_class_of(in, o),
        .region = json_in_text(in, o, "region", SITE_DOC_NAME_BYTES),
    };
    if (json_in_has(o, "lat") != json_in_has(o, "lon"))
        json_in_fault(in, "lat", "must be given together with lon");
    return node_copy(&spec, mem);
}
