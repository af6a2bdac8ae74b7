/* SPDX-License-Identifier: MIT */
#ifndef LIB_SITE_SITE_H
#define LIB_SITE_SITE_H

#include "lib/site/site_origin.h"
#include "lib/base/map.h"
#include "lib/base/option.h"

/* Choices of its options, in the order of their names. */
enum interim_rule { INTERIM_PASS, INTERIM_DROP };
enum forwarded_rule { FORWARDED_NONE, FORWARDED_X, FORWARDED_STANDARD, FORWARDED_BOTH };
enum encode_rule { ENCODE_OFF, ENCODE_ZSTD };

struct network;
struct signing;

/* A customer's host names and rules, and the table that finds a site for a request. Immutable
 * snapshots: made whole from the configuration (file, or the control plane's document), swapped
 * whole, freed when the last reader has left. Threads: any, but for create and the final unref. */

/* What shows that bytes of two answers are of one version of a resource. */
enum version_by {
    VERSION_BY_VALIDATOR, /* a strong one (RFC 9110 s.8.8.1) */
    VERSION_BY_DATE,      /* Last-Modified and length, whatever the tags */
};

struct site {
    /* the record of the option section "site": filled by its rows */
    const char *name;
    int line;
    struct option_texts hosts;   /* exact, or "*.example.com" (any depth) */
    struct option_texts origins; /* as site_origin.h reads them */
    struct option_texts shields; /* URLs of edges that are asked before them */
    int64_t peer_ms;             /* how long a shield or sibling may be silent without doubt */
    const char *origin_host;     /* Host sent upstream; "": the request's own host */
    const char *ca_file;         /* for https origins; "": the system's roots */
    const char *client_chain, *client_key; /* our certificate for them; "": none */
    const char *tls_name;                  /* that theirs must bear; "": the origin's host */
    bool verify;                           /* upstream certificates */
    int64_t block_bytes;                   /* power of two, 64 KiB .. 16 MiB */
    int64_t read_ahead_bytes;              /* how far a fill runs ahead of its fastest reader */
    int64_t grace_ms;                      /* how long a fill goes on without a reader */
    int64_t grace_bytes;                   /* and how far; 0: as it reads ahead */
    const char *fill;                      /* "range", "whole", "whole-after N" */
    int64_t parallel;                      /* ranges of one object that are asked for at once */
    int64_t default_ttl_ms;    /* freshness where the origin says nothing; 0: heuristic only */
    int64_t max_ttl_ms;        /* bound on freshness given by the origin; 0: none */
    int64_t stale_if_error_ms; /* RFC 5861 where the origin does not say */
    int64_t stale_while_revalidate_ms;
    int64_t object_max_bytes; /* larger ones pass through; 0: no bound */
    int64_t connect_ms, first_byte_ms, stall_ms;
    int64_t min_rate_bytes_per_s; /* of an origin's body, over stall_ms; slower: as if cut */
    int64_t resume_ms;            /* how long a broken fill looks for the rest without a byte */
    int64_t retry_after_max_ms;   /* how long an origin that asks for it is left alone; 0: never */
    int64_t queue_ms;             /* how long a request waits for an origin that has enough to do */
    const char *health_path;      /* asked of each origin to see how it is; "": never */
    int64_t health_interval_ms;
    int64_t redirects_max;              /* of origins, that are followed for one request; 0: none */
    struct option_texts redirect_hosts; /* besides the origin itself: site_host_is_listed */
    int version_by;                     /* enum version_by, as options keep it */
    bool caches_set_cookie; /* answers with Set-Cookie may be stored (the field is dropped) */
    bool ignores_reload;    /* client's no-cache and max-age=0 do not cause revalidation */
    int forwarded;          /* enum forwarded_rule: what origins hear of clients */
    struct option_texts trusted_proxies; /* whose word for who is behind them counts */
    int interim;                         /* enum interim_rule */
    int encode; /* enum encode_rule: whether stored content is coded on its way out, and which */
    struct option_texts encode_types;
    int64_t encode_min_bytes, encode_max_bytes, encode_level;
    int tier_encode; /* enum encode_rule: whether it goes coded between edges, whoever the client */
    /* the key: what is left out of it is not sent upstream either */
    struct option_texts query_keep; /* parameters, "name" or "start*"; empty: all */
    struct option_texts query_drop;
    bool sorts_query;      /* by name */
    bool shares_hosts;     /* one object whatever host was asked: the first one's */
    bool splits_schemes;   /* http and https are different objects */
    bool tells_key;        /* in Cache-Status */
    const char *tag_field; /* field that carries tags; "" : Cache-Tag */
    const char *signed_by; /* key of the control plane that signs its URLs; "": none does */
    /* derived by site_table_create */
    uint32_t whole_after; /* the want that makes a fill bring the whole; 0: none does */
    const struct site_origin *origin_list; /* one for each of origins, sorted by order */
    const struct network *trusted;         /* one for each of trusted_proxies */
    uint32_t index;                        /* in its table: counters of sites */
    const struct signing *signing;         /* of signed_by; set by who makes the table */
};

extern const struct option_section site_section;

struct site_table;
/* site_table_create: checks what spans options (a host twice, an origin that is no URL, block not a
 * power of two) with file and line in why. Borrows config (kept alive by the owner of the table).
 * */
MUST_USE int site_table_create(struct site_table **out, const struct option_records *sites,
                               const char *file, struct buf *why);
void site_table_ref(struct site_table *t);
void site_table_unref(struct site_table **t);
/* site_find: by Host without port, case folded: exact, then the longest wildcard; NULL: none. */
const struct site *site_find(const struct site_table *t, struct span host);
const struct site *site_named(const struct site_table *t, struct span name);
uint32_t site_count(const struct site_table *t);
const struct site *site_at(const struct site_table *t, uint32_t index);

#endif
