/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_CONTROL_OPTIONS_H
#define CONTROL_CONTROL_OPTIONS_H

#include "control/api/api_config.h"
#include "control/registry/registry.h"
#include "control/rollout/plan.h"
#include "lib/base/option.h"
#include "lib/daemon/admin_base.h"
#include "lib/daemon/certificates.h"

/* control.conf as read, and what is made of it. */
struct control_node {
    const char *id;
    int line;
    const char *http_url, *https_url, *admin_url, *city, *country;
    const char *lat, *lon, *weight, *capacity_mbps; /* numbers as written */
    const char *region;
    int64_t price_class;
    struct option_texts addresses;
};

struct control_site {
    const char *name;
    int line;
    struct option_texts hosts;
    int64_t price_class;
};

struct control_region {
    const char *name;
    int line;
    struct option_texts countries;
    const char *continent;
    bool takes_guests;
};

struct control_override {
    const char *network; /* of an asn section: its number */
    int line;
    struct option_texts edges;
};

struct control_tariff {
    const char *name;
    int line;
    const char *currency, *rate, *commit_mbps, *per_mbps, *over_per_mbps, *flat;
    struct option_texts nodes, per_gb;
};

struct control_price {
    const char *currency, *out_per_gb, *upstream_per_gb, *out_per_mbps;
};

struct control_rollout {
    int64_t hold_ms, least_requests;
    double share, rise;
};

struct control_options {
    int64_t workers, drain_ms;
    int log_level;
    bool routes_only;
    const char *state, *snapshot, *price_file, *operator_token_file, *node_token_file;
    const char *secret_key_file;
    const char *geoip, *geoip_country, *geoip_asn;
    struct option_texts geoip_sentinels;
    int64_t operator_rate, audit_keep, usage_keep_ms;
    int64_t purge_keep, route_ttl_ms, near_km, vague_km;
    int64_t probe_every_ms, probe_timeout_ms;
    struct option_texts trusted_proxies;
    struct option_records routers, apis, certificates, nodes, sites, overrides, asns, regions;
    struct option_records tariffs, zones;
    struct control_price price;
    struct control_rollout rollout;
    struct tls_options tls;
    struct admin_options admin;
};

extern const struct option_section control_section;

/* control_options_check: everything that spans rows, and the values the rows leave as text. */
MUST_USE int control_options_check(struct option_config *config, struct buf *why);
/* control_options_file: nodes and sites; of options that were checked; lives like mem and o. */
struct registry_file control_options_file(const struct control_options *o, struct arena *mem);
struct plan_rules control_options_rollout(const struct control_options *o);
/* control_options_config: routing rules (those of a configuration document too; empty: there is
 * none), tokens and prices. 0 and *out, or ERR_CONFIG and `why` (tokens). */
MUST_USE int control_options_config(struct option_config *config, struct span document,
                                    struct api_config **out, struct buf *why);

#endif
