/* SPDX-License-Identifier: MIT */
#ifndef EDGE_EDGE_OPTIONS_H
#define EDGE_EDGE_OPTIONS_H

#include "edge/admin/control_link.h"
#include "edge/cluster/mcache.h"
#include "edge/cluster/members.h"
#include "edge/store/store.h"
#include "lib/daemon/admin_base.h"
#include "lib/daemon/client_limits.h"
#include "lib/daemon/listen.h"

/* edge.conf as a record. */
struct disk_options {
    const char *path;
    int line;
    int64_t size_bytes;
    double weight;
};

struct edge_config {
    const char *node;
    struct option_texts names;
    int64_t workers, drain_ms, memory_bytes;
    int log_level;
    int64_t disk_scrub_per_s, disk_slow_ms, disk_zstd;
    int disk_admission; /* enum store_admission */
    int eviction;       /* of the policies in order of their names */
    const char *access_log, *prefill_folder, *http_url, *https_url, *admin_url;
    struct option_records listens, certificates, sites, disks;
    struct tls_options tls;
    struct client_limits clients;
    struct admin_options admin;
    struct control_options control;
    struct cluster_options cluster;
    struct mcache_options memcached;
};
extern const struct option_section edge_section;

/* edge_store_config: borrows c, and disks: room for one of each of its disks and one more. */
struct store_config edge_store_config(const struct edge_config *c, struct store_disk *disks);
/* edge_config_check: what spans options. 0, or ERR_CONFIG and lines in why.
 * edge_config_rehearse: what start would stumble over; changes nothing. */
MUST_USE int edge_config_check(struct option_config *config, struct buf *why);
MUST_USE int edge_config_rehearse(struct option_config *config, struct buf *why);

#endif
