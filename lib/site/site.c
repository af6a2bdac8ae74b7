/* SPDX-License-Identifier: MIT */

/* The options of a site and the table that finds one. A table is made whole and then only read. */
#include "lib/site/site.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/site/network.h"

#include <stdatomic.h>

#define KIB       1024LL
#define MIB       (1024 * KIB)
#define DAY_MS    (24LL * 3600 * 1000)
#define HOST_ROOM 256 /* longer names are nobody's (RFC 1035 s.2.3.4) */

#define ROW(name, type, field, min, max, fallback, meaning)                                        \
    {                                                                                              \
        name, type, OPTION_FIELD(struct site, field), min, max, fallback, meaning,                 \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
static const char *const forwarded_rules[] = {"none", "x-forwarded-for", "forwarded", "both",
                                              NULL};               /* enum forwarded_rule */
static const char *const encode_rules[] = {"off", "zstd", NULL};   /* enum encode_rule */
static const char *const interim_rules[] = {"pass", "drop", NULL}; /* enum interim_rule */

static const char *const version_choices[] = {"validator", "date", NULL};

static const struct option options[] = {
    ROW("hosts", OPTION_TEXTS, hosts, 0, 0, NULL,
        "Host names it answers to: exact, or \"*.example.com\" for all below."),
    ROW("origins", OPTION_TEXTS, origins, 0, 0, NULL,
        "Where its content comes from, as URLs without a path, in order of preference. After a URL "
        "may stand \"order=1\" (those of one order share the load), \"weight=3\", "
        "\"connections=64\" (requests at once, of the node)."),
    ROW("shield", OPTION_TEXTS, shields, 0, 0, "",
        "Edges that are asked before the origins, as URLs, in order of preference; empty: none."),
    ROW("peer_timeout", OPTION_DURATION, peer_ms, 10, 60000, "500ms",
        "How long a shield or a sibling may be silent before it is probed or passed by."),
    ROW("origin_host", OPTION_TEXT, origin_host, 0, 0, "",
        "Host sent to the origins; empty: as the client asked."),
    ROW("ca_file", OPTION_TEXT, ca_file, 0, 0, "",
        "Certificates that https origins are verified against; empty: the system's."),
    ROW("verify", OPTION_BOOL, verify, 0, 0, "true",
        "Whether certificates of https origins must verify."),
    ROW("tls_name", OPTION_TEXT, tls_name, 0, 0, "",
        "Name that certificates of https origins must bear, and sent as SNI; empty: their host."),
    ROW("client_chain", OPTION_TEXT, client_chain, 0, 0, "",
        "PEM file: the certificate that https origins are shown, then its intermediates."),
    ROW("client_key", OPTION_TEXT, client_key, 0, 0, "", "PEM file: its private key."),
    {"version_by",
     OPTION_CHOICE,
     OPTION_FIELD(struct site, version_by),
     0,
     0,
     "validator",
     "What shows that two answers are of one version: a strong validator, or date: Last-Modified "
     "and length, for origins whose tags are weak or differ from one another.",
     {.choices = version_choices}},
    ROW("follow_redirects", OPTION_INT, redirects_max, 0, 10, "0",
        "Redirects of an origin that are followed for one request; 0: clients get them."),
    ROW("redirect_hosts", OPTION_TEXTS, redirect_hosts, 0, 0, "",
        "Where they may lead besides the origin itself: \"host\", \"host:port\", \"*.host\"."),
    ROW("block", OPTION_BYTES, block_bytes, 64 * KIB, 16 * MIB, "1MiB",
        "Unit in which bodies are fetched and stored; a power of two."),
    ROW("read_ahead", OPTION_BYTES, read_ahead_bytes, 64 * KIB, 1024 * MIB, "8MiB",
        "How far a fill runs ahead of its fastest reader."),
    ROW("grace", OPTION_DURATION, grace_ms, 0, DAY_MS, "10s",
        "How long a fill goes on when its last reader has left."),
    ROW("grace_bytes", OPTION_BYTES, grace_bytes, 0, INT64_MAX, "0",
        "How far it goes on then at most; 0: as far as it reads ahead."),
    ROW("fill", OPTION_TEXT, fill, 0, 0, "range",
        "What a range brings: \"range\": its blocks; \"whole\": in the end the whole object, if "
        "half the memory holds it; \"whole-after N\": so every N-th that finds blocks absent."),
    ROW("parallel", OPTION_INT, parallel, 1, 16, "1",
        "Ranges of one object that are asked for at once, each a share of read_ahead; 1: one, as "
        "long as it is wanted."),
    ROW("default_ttl", OPTION_DURATION, default_ttl_ms, 0, 3650 * DAY_MS, "0s",
        "Freshness where the origin says nothing; 0s: a tenth of the content's age."),
    ROW("max_ttl", OPTION_DURATION, max_ttl_ms, 0, 3650 * DAY_MS, "0s",
        "Bound on the freshness that an origin gives; 0s: none."),
    ROW("stale_if_error", OPTION_DURATION, stale_if_error_ms, 0, 3650 * DAY_MS, "1h",
        "How long stale content may answer when upstream fails, where the origin does not say."),
    ROW("stale_while_revalidate", OPTION_DURATION, stale_while_revalidate_ms, 0, 3650 * DAY_MS,
        "0s",
        "How long stale content answers while it is refreshed, where the origin does not say."),
    ROW("object_max", OPTION_BYTES, object_max_bytes, 0, INT64_MAX, "0",
        "Larger objects pass through without being stored; 0: no bound."),
    ROW("connect_timeout", OPTION_DURATION, connect_ms, 1, 600000, "5s",
        "For a connection to an origin, TLS included."),
    ROW("first_byte_timeout", OPTION_DURATION, first_byte_ms, 1, 3600000, "30s",
        "From the request to an origin until the head of its answer."),
    ROW("stall_timeout", OPTION_DURATION, stall_ms, 1, 3600000, "30s",
        "Between two reads of an origin's body."),
    ROW("min_rate", OPTION_BYTES, min_rate_bytes_per_s, 0, 1024 * MIB, "1KiB",
        "Bytes a second that an origin's body must bring over stall_timeout; slower is as if cut."),
    ROW("resume_timeout", OPTION_DURATION, resume_ms, 0, 3600000, "10s",
        "How long the rest of a body that broke is looked for before clients are cut."),
    ROW("retry_after_max", OPTION_DURATION, retry_after_max_ms, 0, 3600000, "10s",
        "How long an origin is left alone that asks for it (Retry-After on 429 and 503); 0s: "
        "never."),
    ROW("health_path", OPTION_TEXT, health_path, 0, 0, "",
        "Path that origins are asked for to see how they are; one that three times in a row does "
        "not answer below 400 is left out until it has twice. Empty: they are judged by use only."),
    ROW("health_interval", OPTION_DURATION, health_interval_ms, 100, 3600000, "5s",
        "How often, and how long an answer may take."),
    ROW("queue_timeout", OPTION_DURATION, queue_ms, 0, 3600000, "10s",
        "How long a request waits for an origin that has as many as it may have at once."),
    ROW("cache_set_cookie", OPTION_BOOL, caches_set_cookie, 0, 0, "false",
        "Whether answers with Set-Cookie may be stored, without that field."),
    ROW("ignore_reload", OPTION_BOOL, ignores_reload, 0, 0, "false",
        "Whether a client's no-cache and max-age are passed over."),
    {"forwarded",
     OPTION_CHOICE,
     OPTION_FIELD(struct site, forwarded),
     0,
     0,
     "x-forwarded-for",
     "How origins are told the client's address: not, by X-Forwarded-For, by Forwarded, by both.",
     {.choices = forwarded_rules}},
    ROW("trusted_proxies", OPTION_TEXTS, trusted_proxies, 0, 0, "",
        "Proxies and edges in front, \"10.0.0.0/8\": what they say of who is behind them is "
        "passed on, and what edges get is not counted as a client's."),
    {"interim",
     OPTION_CHOICE,
     OPTION_FIELD(struct site, interim),
     0,
     0,
     "pass",
     "Whether clients get an origin's interim answers (103 Early Hints and other 1xx).",
     {.choices = interim_rules}},
    {"encode",
     OPTION_CHOICE,
     OPTION_FIELD(struct site, encode),
     0,
     0,
     "off",
     "Content-Encoding that the edge gives to stored content that has none, where clients take it.",
     {.choices = encode_rules}},
    ROW("encode_types", OPTION_TEXTS, encode_types, 0, 0,
        "text/*, *+json, *+xml, application/json, application/xml, application/javascript, "
        "application/wasm, font/ttf, font/otf",
        "Types of content to be coded: \"text/html\", \"text/*\", \"*+json\"."),
    ROW("encode_min", OPTION_BYTES, encode_min_bytes, 0, INT64_MAX, "512",
        "Content that is smaller is sent as it is."),
    ROW("encode_max", OPTION_BYTES, encode_max_bytes, 0, 1024 * MIB, "16MiB",
        "Content that is larger is sent as it is."),
    ROW("encode_level", OPTION_INT, encode_level, 1, 19, "6",
        "Level of zstd while there is time for it; a busy worker takes lower ones, down to 1."),
    {"tier_encode",
     OPTION_CHOICE,
     OPTION_FIELD(struct site, tier_encode),
     0,
     0,
     "zstd",
     "Transfer coding that edges ask of shields, and give to edges that ask, for stored content of "
     "encode_types, of encode_min at least.",
     {.choices = encode_rules}},
    ROW("query_keep", OPTION_TEXTS, query_keep, 0, 0, "",
        "Parameters of the query that count, \"name\" or \"start*\"; empty: all. Others go "
        "nowhere."),
    ROW("query_drop", OPTION_TEXTS, query_drop, 0, 0, "",
        "Parameters that do not count and are not sent to origins: \"utm_*\"; \"*\": the query."),
    ROW("query_sort", OPTION_BOOL, sorts_query, 0, 0, "false",
        "Whether the order of parameters makes no difference; they are sent sorted by name."),
    ROW("share_hosts", OPTION_BOOL, shares_hosts, 0, 0, "false",
        "Whether all its hosts have the same content: origins are asked for the first one."),
    ROW("scheme_in_key", OPTION_BOOL, splits_schemes, 0, 0, "false",
        "Whether http and https have different content; only then origins are told which it is."),
    ROW("cache_status_key", OPTION_BOOL, tells_key, 0, 0, "false",
        "Whether Cache-Status tells the key under which content is kept."),
    ROW("tag_field", OPTION_TEXT, tag_field, 0, 0, "Cache-Tag",
        "Field of an origin's answer that carries tags for purging."),
    ROW("signed_by", OPTION_TEXT, signed_by, 0, 0, "",
        "Key of the control plane by which URLs must be signed (byeorictl key make NAME urls); "
        "empty: none must be."),
    {0},
};

const struct option_section site_section = {
    .options = options,
    .record_bytes = sizeof(struct site),
    .is_titled = true,
    .title_offset_bytes = offsetof(struct site, name),
    .line_offset_bytes = offsetof(struct site, line),
};

struct site_table {
    uint32_t magic;
    _Atomic uint32_t refs;
    struct site *v;
    uint32_t count;
    /* of all sites, one after the other */
    struct site_origin *origins;
    struct network *networks;
    struct map *by_host; /* "dl.example.com", or ".example.com" of a wildcard */
    struct map *by_name;
};
#define SITE_TABLE_MAGIC 0x517e7ab1U

/* What a check of one site needs. */
struct checking {
    struct site_table *table;
    struct site *site;
    const char *file;
    struct buf *why;
    bool has_fault;
};

static void fault(struct checking *c, const char *option, const char *value, const char *text)
{
    option_error(c->why, c->file, c->site->line, "site \"%s\": %s: \"%s\" %s", c->site->name,
                 option, value, text);
    c->has_fault = true;
}

/* Lower case into out, without a closing dot (RFC 3986 s.3.2.2). n == 0: too long for a name. */
static struct span fold_host(struct span host, char out[HOST_ROOM])
{
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n > HOST_ROOM)
        return SPAN_NONE;
    for (size_t i = 0; i < host.n; i++)
        out[i] = (char)(host.p[i] >= 'A' && host.p[i] <= 'Z' ? host.p[i] + ('a' - 'A') : host.p[i]);
    return span_make(out, host.n);
}

static bool is_host_name(struct span s)
{
    if (s.n == 0 || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!is_word && c != '.' && c != ':') /* ':': an IPv6 address without its brackets */
            return false;
        if (c == '.' && i > 0 && s.p[i - 1] == '.')
            return false;
    }
    return true;
}

static void add_host(struct checking *c, const char *text)
{
    char folded[HOST_ROOM];
    struct span host = fold_host(span_of(text), folded);
    bool is_wildcard = span_starts(host, SPAN("*."));
    if (!is_host_name(is_wildcard ? span_skip(host, 2) : host)) {
        fault(c, "hosts", text, "is not a host name (no port, no path), nor \"*.\" before one");
        return;
    }
    const struct site *other =
        map_put(c->table->by_host, is_wildcard ? span_skip(host, 1) : host, c->site);
    if (other == c->site)
        fault(c, "hosts", text, "stands here twice");
    else if (other != NULL)
        fault(c, "hosts", text, "belongs to another site already");
}

static void add_origins(struct checking *c, struct site_origin *out)
{
    const struct option_texts *texts = &c->site->origins;
    const char *why;
    for (size_t i = 0; i < texts->count; i++) {
        if (site_origin_read(span_of(texts->v[i]), (uint32_t)i, &out[i], &why) != 0)
            fault(c, "origins", texts->v[i], why);
    }
    site_origin_sort(out, texts->count);
    c->site->origin_list = out;
}

static void check_shield(struct checking *c, const char *text)
{
    struct url url;
    if (url_parse(span_of(text), &url) != 0)
        fault(c, "shield", text, "is not a URL like \"http://127.0.0.1:8180\"");
    else if (!span_eq(url.path, SPAN("/")) || url.query.p != NULL)
        fault(c, "shield", text, "has a path: a shield is asked for the client's own paths");
}

static bool read_fill(struct span text, uint32_t *whole_after)
{
    uint64_t n = 0;
    struct span rest, word = span_cut(text, ' ', &rest);
    if (span_eq(text, SPAN("whole")))
        n = 1;
    else if (span_eq(word, SPAN("whole-after")) && (!span_u64(rest, &n) || n == 0))
        return false;
    *whole_after = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    return n > 0 || span_eq(text, SPAN("range"));
}

static bool is_site_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && c != '.' && c != '_' && c != '-')
            return false;
    }
    return s.n > 0 && s.n <= 64;
}

static void add_network(struct checking *c, const char *text, struct network *out)
{
    if (!network_parse(span_of(text), out))
        fault(c, "trusted_proxies", text, "is neither an address nor a network like 10.0.0.0/8");
}

static void check_site(struct checking *c, struct site_origin *origins, struct network *networks)
{
    struct site *s = c->site;
    if (!is_site_name(span_of(s->name)))
        fault(c, "name", s->name, "is not made of 1 to 64 letters, digits, '.', '_', '-'");
    else if (map_put(c->table->by_name, span_of(s->name), s) != NULL)
        fault(c, "name", s->name, "is the name of another site already");
    if (s->hosts.count == 0)
        fault(c, "hosts", "", "names no host");
    if (s->origins.count == 0)
        fault(c, "origins", "", "names no origin");
    if (!read_fill(span_of(s->fill), &s->whole_after))
        fault(c, "fill", s->fill, "is none of \"range\", \"whole\", \"whole-after N\"");
    if (s->health_path[0] != '\0' && !url_path_is_valid(span_of(s->health_path)))
        fault(c, "health_path", s->health_path, "is not a path like \"/healthz\"");
    if ((s->block_bytes & (s->block_bytes - 1)) != 0)
        fault(c, "block", "", "is not a power of two");
    if (s->shares_hosts && s->hosts.count > 0 && span_starts(span_of(s->hosts.v[0]), SPAN("*")))
        fault(c, "share_hosts", s->hosts.v[0], "stands first, and origins cannot be asked for it");
    for (size_t i = 0; i < s->hosts.count; i++)
        add_host(c, s->hosts.v[i]);
    add_origins(c, origins);
    for (size_t i = 0; i < s->shields.count; i++)
        check_shield(c, s->shields.v[i]);
    for (size_t i = 0; i < s->trusted_proxies.count; i++)
        add_network(c, s->trusted_proxies.v[i], &networks[i]);
    s->trusted = networks;
}

static void table_free(struct site_table *t)
{
    map_destroy(t->by_host);
    map_destroy(t->by_name);
    mem_free(t->origins);
    mem_free(t->networks);
    t->magic = 0;
    mem_free(t);
}

int site_table_create(struct site_table **out, const struct option_records *sites, const char *file,
                      struct buf *why)
{
    size_t origins = 0, origin = 0, networks = 0, network = 0;
    bool has_fault = false;
    struct site *v = sites->v;
    for (size_t i = 0; i < sites->count; i++) {
        origins += v[i].origins.count;
        networks += v[i].trusted_proxies.count;
    }
    struct site_table *t = mem_zalloc(sizeof(*t));
    *t = (struct site_table){.magic = SITE_TABLE_MAGIC,
                             .refs = 1,
                             .v = v,
                             .count = (uint32_t)sites->count,
                             .origins = mem_zarray(origins, sizeof(struct site_origin)),
                             .networks = mem_zarray(networks + 1, sizeof(struct network)),
                             .by_host = map_create(),
                             .by_name = map_create()};
    for (uint32_t i = 0; i < t->count; i++) {
        struct checking c = {.table = t, .site = &v[i], .file = file, .why = why};
        v[i].index = i;
        check_site(&c, &t->origins[origin], &t->networks[network]);
        origin += v[i].origins.count;
        network += v[i].trusted_proxies.count;
        has_fault |= c.has_fault;
    }
    if (has_fault) {
        table_free(t);
        return ERR_CONFIG;
    }
    *out = t;
    return 0;
}

void site_table_ref(struct site_table *t)
{
    CHECK_OBJ(t, SITE_TABLE_MAGIC);
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
}

void site_table_unref(struct site_table **pt)
{
    struct site_table *t = *pt;
    *pt = NULL;
    if (t == NULL)
        return;
    CHECK_OBJ(t, SITE_TABLE_MAGIC);
    if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
        table_free(t);
}

const struct site *site_find(const struct site_table *t, struct span host)
{
    char folded[HOST_ROOM];
    struct span rest = fold_host(host, folded);
    if (rest.n == 0 || rest.p[0] == '.')
        return NULL;
    const struct site *s = map_get(t->by_host, rest);
    while (s == NULL) {
        ptrdiff_t dot = span_index(span_skip(rest, 1), '.');
        if (dot < 0)
            return NULL;
        rest = span_skip(rest, (size_t)dot + 1);
        s = map_get(t->by_host, rest);
    }
    return s;
}

const struct site *site_named(const struct site_table *t, struct span name)
{
    return map_get(t->by_name, name);
}

uint32_t site_count(const struct site_table *t)
{
    return t->count;
}

const struct site *site_at(const struct site_table *t, uint32_t index)
{
    CHECK(index < t->count);
    return &t->v[index];
}
