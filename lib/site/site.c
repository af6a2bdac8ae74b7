/* SPDX-License-Identifier: MIT */

/* The options of a site and the table that finds one. A table is made whole and then only read. */
#include "lib/site/site.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/site/network.h"

#include <stdatomic.h>
#include <stdio.h>

#define KIB       1024LL
#define MIB       (1024 * KIB)
#define DAY_MS    (24LL * 3600 * 1000)
#define HOST_ROOM 256 /* longer names are nobody's (RFC 1035 s.2.3.4) */

#define FIELD(f) OPTION_FIELD(struct site, f)
static const char *const forwarded_rules[] = {"none", "x-forwarded-for", "forwarded", "both",
                                              NULL};               /* enum forwarded_rule */
static const char *const encode_rules[] = {"off", "zstd", NULL};   /* enum encode_rule */
static const char *const interim_rules[] = {"pass", "drop", NULL}; /* enum interim_rule */

static const char *const version_choices[] = {"validator", "date", NULL};

static const struct option options[] = {
    OPTION_ROW("hosts", TEXTS, FIELD(hosts), NULL,
               "Host names it answers to: exact, or \"*.example.com\" for all below."),
    OPTION_ROW("origins", TEXTS, FIELD(origins), NULL,
               "Where its content comes from, as URLs without a path, in order of preference. "
               "After a URL may stand \"order=1\" (those of one order share the load), "
               "\"weight=3\", \"connections=64\" (requests at once, of the node)."),
    OPTION_ROW(
        "shield", TEXTS, FIELD(shields), "",
        "Edges that are asked before the origins, as URLs, in order of preference; empty: none."),
    OPTION_ROW_WITH(
        "peer_timeout", DURATION, FIELD(peer_ms), "500ms",
        "How long a shield or a sibling may be silent before it is probed or passed by.", .min = 10,
        .max = 60000),
    OPTION_ROW("origin_host", TEXT, FIELD(origin_host), "",
               "Host sent to the origins; empty: as the client asked."),
    OPTION_ROW("ca_file", TEXT, FIELD(ca_file), "",
               "Certificates that https origins are verified against; empty: the system's."),
    OPTION_ROW("verify", BOOL, FIELD(verify), "true",
               "Whether certificates of https origins must verify."),
    OPTION_ROW(
        "tls_name", TEXT, FIELD(tls_name), "",
        "Name that certificates of https origins must bear, and sent as SNI; empty: their host."),
    OPTION_ROW("client_chain", TEXT, FIELD(client_chain), "",
               "PEM file: the certificate that https origins are shown, then its intermediates."),
    OPTION_ROW("client_key", TEXT, FIELD(client_key), "", "PEM file: its private key."),
    OPTION_ROW_WITH(
        "version_by", CHOICE, FIELD(version_by), "validator",
        "What shows that two answers are of one version: a strong validator, or date: "
        "Last-Modified and length, for origins whose tags are weak or differ from one another.",
        .choices = version_choices),
    OPTION_ROW_WITH(
        "follow_redirects", INT, FIELD(redirects_max), "0",
        "Redirects of an origin that are followed for one request; 0: clients get them.",
        .max = 10),
    OPTION_ROW(
        "redirect_hosts", TEXTS, FIELD(redirect_hosts), "",
        "Where they may lead besides the origin itself: \"host\", \"host:port\", \"*.host\"."),
    OPTION_ROW_WITH(
        "block", BYTES, FIELD(block_bytes), "1MiB",
        "Unit in which bodies are fetched and stored; a power of two. At most 1MiB, or the "
        "largest of the file's sites when the node started.",
        .min = 64 * KIB, .max = 16 * MIB),
    OPTION_ROW_WITH("read_ahead", BYTES, FIELD(read_ahead_bytes), "8MiB",
                    "How far a fill runs ahead of its fastest reader.", .min = 64 * KIB,
                    .max = 1024 * MIB),
    OPTION_ROW_WITH("grace", DURATION, FIELD(grace_ms), "10s",
                    "How long a fill goes on when its last reader has left.", .max = DAY_MS),
    OPTION_ROW_WITH("grace_bytes", BYTES, FIELD(grace_bytes), "0",
                    "How far it goes on then at most; 0: as far as it reads ahead.",
                    .max = INT64_MAX),
    OPTION_ROW(
        "fill", TEXT, FIELD(fill), "range",
        "What a range brings: \"range\": its blocks; \"whole\": in the end the whole object, if "
        "half the memory holds it; \"whole-after N\": so every N-th that finds blocks absent."),
    OPTION_ROW_WITH("parallel", INT, FIELD(parallel), "1",
                    "Ranges of one object that are asked for at once, each a share of read_ahead; "
                    "1: one, as long as it is wanted.",
                    .min = 1, .max = 16),
    OPTION_ROW_WITH("default_ttl", DURATION, FIELD(default_ttl_ms), "0s",
                    "Freshness where the origin says nothing; 0s: a tenth of the content's age.",
                    .max = 3650 * DAY_MS),
    OPTION_ROW_WITH("max_ttl", DURATION, FIELD(max_ttl_ms), "0s",
                    "Bound on the freshness that an origin gives; 0s: none.", .max = 3650 * DAY_MS),
    OPTION_ROW_WITH(
        "stale_if_error", DURATION, FIELD(stale_if_error_ms), "1h",
        "How long stale content may answer when upstream fails, where the origin does not say.",
        .max = 3650 * DAY_MS),
    OPTION_ROW_WITH(
        "stale_while_revalidate", DURATION, FIELD(stale_while_revalidate_ms), "0s",
        "How long stale content answers while it is refreshed, where the origin does not say.",
        .max = 3650 * DAY_MS),
    OPTION_ROW_WITH("object_max", BYTES, FIELD(object_max_bytes), "0",
                    "Larger objects pass through without being stored; 0: no bound.",
                    .max = INT64_MAX),
    OPTION_ROW_WITH("connect_timeout", DURATION, FIELD(connect_ms), "5s",
                    "For a connection to an origin, TLS included.", .min = 1, .max = 600000),
    OPTION_ROW_WITH("first_byte_timeout", DURATION, FIELD(first_byte_ms), "30s",
                    "From the request to an origin until the head of its answer.", .min = 1,
                    .max = 3600000),
    OPTION_ROW_WITH("stall_timeout", DURATION, FIELD(stall_ms), "30s",
                    "Between two reads of an origin's body.", .min = 1, .max = 3600000),
    OPTION_ROW_WITH(
        "min_rate", BYTES, FIELD(min_rate_bytes_per_s), "1KiB",
        "Bytes a second that an origin's body must bring over stall_timeout; slower is as if cut.",
        .max = 1024 * MIB),
    OPTION_ROW_WITH("resume_timeout", DURATION, FIELD(resume_ms), "10s",
                    "How long the rest of a body that broke is looked for before clients are cut.",
                    .max = 3600000),
    OPTION_ROW_WITH("retry_after_max", DURATION, FIELD(retry_after_max_ms), "10s",
                    "How long an origin is left alone that asks for it (Retry-After on 429 and "
                    "503); 0s: never.",
                    .max = 3600000),
    OPTION_ROW(
        "health_path", TEXT, FIELD(health_path), "",
        "Path that origins are asked for to see how they are; one that three times in a row does "
        "not answer below 400 is left out until it has twice. Empty: they are judged by use only."),
    OPTION_ROW_WITH("health_interval", DURATION, FIELD(health_interval_ms), "5s",
                    "How often, and how long an answer may take.", .min = 100, .max = 3600000),
    OPTION_ROW_WITH(
        "queue_timeout", DURATION, FIELD(queue_ms), "10s",
        "How long a request waits for an origin that has as many as it may have at once.",
        .max = 3600000),
    OPTION_ROW("cache_set_cookie", BOOL, FIELD(caches_set_cookie), "false",
               "Whether answers with Set-Cookie may be stored, without that field."),
    OPTION_ROW("ignore_reload", BOOL, FIELD(ignores_reload), "false",
               "Whether a client's no-cache and max-age are passed over."),
    OPTION_ROW_WITH("forwarded", CHOICE, FIELD(forwarded), "x-forwarded-for",
                    "How origins are told the client's address: not, by X-Forwarded-For, by "
                    "Forwarded, by both.",
                    .choices = forwarded_rules),
    OPTION_ROW("trusted_proxies", TEXTS, FIELD(trusted_proxies), "",
               "Proxies and edges in front, \"10.0.0.0/8\": what they say of who is behind them is "
               "passed on, and what edges get is not counted as a client's."),
    OPTION_ROW_WITH(
        "interim", CHOICE, FIELD(interim), "pass",
        "Whether clients get an origin's interim answers (103 Early Hints and other 1xx).",
        .choices = interim_rules),
    OPTION_ROW_WITH("encode", CHOICE, FIELD(encode), "off",
                    "Content-Encoding that the edge gives to stored content that has none, where "
                    "clients take it.",
                    .choices = encode_rules),
    OPTION_ROW("encode_types", TEXTS, FIELD(encode_types),
               "text/*, *+json, *+xml, application/json, application/xml, application/javascript, "
               "application/wasm, font/ttf, font/otf",
               "Types of content to be coded: \"text/html\", \"text/*\", \"*+json\"."),
    OPTION_ROW_WITH("encode_min", BYTES, FIELD(encode_min_bytes), "512",
                    "Content that is smaller is sent as it is.", .max = INT64_MAX),
    OPTION_ROW_WITH("encode_max", BYTES, FIELD(encode_max_bytes), "16MiB",
                    "Content that is larger is sent as it is.", .max = 1024 * MIB),
    OPTION_ROW_WITH(
        "encode_level", INT, FIELD(encode_level), "6",
        "Level of zstd while there is time for it; a busy worker takes lower ones, down to 1.",
        .min = 1, .max = 19),
    OPTION_ROW_WITH("tier_encode", CHOICE, FIELD(tier_encode), "zstd",
                    "Transfer coding that edges ask of shields, and give to edges that ask, for "
                    "stored content of encode_types, of encode_min at least.",
                    .choices = encode_rules),
    OPTION_ROW("query_keep", TEXTS, FIELD(query_keep), "",
               "Parameters of the query that count, \"name\" or \"start*\"; empty: all. Others go "
               "nowhere."),
    OPTION_ROW(
        "query_drop", TEXTS, FIELD(query_drop), "",
        "Parameters that do not count and are not sent to origins: \"utm_*\"; \"*\": the query."),
    OPTION_ROW(
        "query_sort", BOOL, FIELD(sorts_query), "false",
        "Whether the order of parameters makes no difference; they are sent sorted by name."),
    OPTION_ROW("share_hosts", BOOL, FIELD(shares_hosts), "false",
               "Whether all its hosts have the same content: origins are asked for the first one."),
    OPTION_ROW(
        "scheme_in_key", BOOL, FIELD(splits_schemes), "false",
        "Whether http and https have different content; only then origins are told which it is."),
    OPTION_ROW("cache_status_key", BOOL, FIELD(tells_key), "false",
               "Whether Cache-Status tells the key under which content is kept."),
    OPTION_ROW("tag_field", TEXT, FIELD(tag_field), "Cache-Tag",
               "Field of an origin's answer that carries tags for purging."),
    OPTION_ROW("signed_by", TEXT, FIELD(signed_by), "",
               "Key of the control plane by which URLs must be signed (byeorictl key make NAME "
               "urls); empty: none must be."),
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
    if ((s->block_bytes & (s->block_bytes - 1)) != 0) {
        char bytes[24];
        snprintf(bytes, sizeof(bytes), "%lld", (long long)s->block_bytes);
        fault(c, "block", bytes, "bytes are not a power of two");
    }
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
