/* SPDX-License-Identifier: MIT
 *
 * The options of byeori-edge: its own, and the sections of its parts. */
#include "edge/edge_options.h"

#include "lib/site/site.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/http/headers.h"

#define GIB ((int64_t)1 << 30)
#define MIB ((int64_t)1 << 20)

static const char *const disk_admissions[] = {"proven", "used", "all",
                                              NULL}; /* enum store_admission */
static const char *const evictions[] = {"s3-fifo", "lru", "clock", "learned", NULL};

static const struct option disk_options[] = {
    OPTION_ROW_WITH("size", BYTES, OPTION_FIELD(struct disk_options, size_bytes), NULL,
                    "Disk space for what is cached: a hard cap. May change at a restart.",
                    .min = 32 * MIB, .max = 65536 * GIB),
    OPTION_ROW("weight", RATIO, OPTION_FIELD(struct disk_options, weight), "1",
               "Its share of the objects, beside the other disks' weights."),
    {.name = NULL},
};

static const struct option_section disk_section = {
    .options = disk_options,
    .record_bytes = sizeof(struct disk_options),
    .is_titled = true,
    .title_offset_bytes = offsetof(struct disk_options, path),
    .line_offset_bytes = offsetof(struct disk_options, line),
};

static const struct option edge_options[] = {
    OPTION_ROW("node", TEXT, OPTION_FIELD(struct edge_config, node), "edge",
               "Name of this node: letters, digits, '-', '_' and '.'. Stands in Via, Cache-Status, "
               "CDN-Loop."),
    OPTION_ROW("names", TEXTS, OPTION_FIELD(struct edge_config, names), "",
               "Host names of the node itself, where the first path segment is the site's host."),
    OPTION_ROW_WITH("workers", INT, OPTION_FIELD(struct edge_config, workers), "0",
                    "Worker threads; 0: one for each core.", .max = 256),
    OPTION_ROW_WITH("memory", BYTES, OPTION_FIELD(struct edge_config, memory_bytes), "1GiB",
                    "Memory for what is cached: a hard cap.", .min = 4 * MIB, .max = 65536 * GIB),
    OPTION_ROW_WITH(
        "disk", SECTION, OPTION_FIELD(struct edge_config, disks), NULL,
        "A folder for what memory cannot keep, by its path; what lies there outlives a restart.",
        .section = &disk_section),
    OPTION_ROW_WITH("disk_admission", CHOICE, OPTION_FIELD(struct edge_config, disk_admission),
                    "proven",
                    "What is written to disks: blocks that the eviction policy finds worth it, and "
                    "all that comes while a disk has room that was never used; all of an object "
                    "that is asked for again; or everything.",
                    .choices = disk_admissions),
    OPTION_ROW_WITH("disk_zstd", INT, OPTION_FIELD(struct edge_config, disk_zstd), "0",
                    "Level of zstd by which blocks lie on disks where it pays, found out by a "
                    "sample; 0: all lie as they came. What lies there is read whatever this says.",
                    .max = 3),
    OPTION_ROW_WITH("disk_scrub", BYTES, OPTION_FIELD(struct edge_config, disk_scrub_per_s), "4MiB",
                    "Bytes a second that are read from each disk to be verified while nobody else "
                    "reads; 0: none.",
                    .max = GIB),
    OPTION_ROW_WITH(
        "disk_slow", DURATION, OPTION_FIELD(struct edge_config, disk_slow_ms), "1s",
        "A disk that takes longer for a read is slow: readers go past it, but for one at a time.",
        .min = 100, .max = 10 * 60 * MSEC_PER_SEC),
    OPTION_ROW_WITH("eviction", CHOICE, OPTION_FIELD(struct edge_config, eviction), "s3-fifo",
                    "Who leaves where room is short (edge/store/README.md).", .choices = evictions),
    OPTION_ROW("access_log", TEXT, OPTION_FIELD(struct edge_config, access_log), "",
               "File for a line of JSON about each request; \"-\": standard error; unset: none."),
    OPTION_ROW("prefill_folder", TEXT, OPTION_FIELD(struct edge_config, prefill_folder), "",
               "Folder, made where there is none, for prefills that go on after a restart. Unset: "
               "they end."),
    OPTION_ROW_WITH("log_level", CHOICE, OPTION_FIELD(struct edge_config, log_level), "info",
                    "How much is said on standard error.", .choices = log_level_names),
    OPTION_ROW_WITH("drain", DURATION, OPTION_FIELD(struct edge_config, drain_ms), "10s",
                    "How long a stopping node finishes answers already begun.", .max = 3600000),
    OPTION_ROW(
        "http_url", TEXT, OPTION_FIELD(struct edge_config, http_url), "",
        "Where users reach this node by HTTP, told to the control plane. Unset: control knows it."),
    OPTION_ROW("https_url", TEXT, OPTION_FIELD(struct edge_config, https_url), "",
               "The same by HTTPS."),
    OPTION_ROW("admin_url", TEXT, OPTION_FIELD(struct edge_config, admin_url), "",
               "Where operators reach the admin listener. Unset: its address."),
    OPTION_ROW_WITH("listen", SECTION, OPTION_FIELD(struct edge_config, listens), NULL,
                    "A public address.", .section = &listen_section),
    OPTION_ROW_WITH("certificate", SECTION, OPTION_FIELD(struct edge_config, certificates), NULL,
                    "A certificate for TLS listeners, chosen by the names in it.",
                    .section = &certificate_section),
    OPTION_ROW_WITH("tls", SECTION, OPTION_FIELD(struct edge_config, tls), NULL,
                    "What TLS listeners have in common.", .section = &tls_section),
    OPTION_ROW_WITH("clients", SECTION, OPTION_FIELD(struct edge_config, clients), NULL,
                    "What clients may ask of a connection, and how long they may take.",
                    .section = &client_limits_section),
    OPTION_ROW_WITH("admin", SECTION, OPTION_FIELD(struct edge_config, admin), NULL,
                    "The admin listener.", .section = &admin_section),
    OPTION_ROW_WITH("control", SECTION, OPTION_FIELD(struct edge_config, control), NULL,
                    "The control plane.", .section = &control_section),
    OPTION_ROW_WITH("memcached", SECTION, OPTION_FIELD(struct edge_config, memcached), NULL,
                    "Servers that edges share for small objects and blocks.",
                    .section = &mcache_section),
    OPTION_ROW_WITH("cluster", SECTION, OPTION_FIELD(struct edge_config, cluster), NULL,
                    "The edges of the same place, which share what each of them has.",
                    .section = &cluster_section),
    OPTION_ROW_WITH("site", SECTION, OPTION_FIELD(struct edge_config, sites), NULL,
                    "A customer's host names and rules.", .section = &site_section),
    {.name = NULL},
};

const struct option_section edge_section = {
    .options = edge_options,
    .record_bytes = sizeof(struct edge_config),
    .is_single = true,
    .line_offset_bytes = OPTION_NO_LINE,
};

const char *edge_eviction_name(int eviction)
{
    return evictions[eviction];
}

int edge_config_check(struct option_config *config, struct buf *why)
{
    const struct edge_config *c = option_record(config);
    const char *file = option_file(config);
    struct site_table *sites = NULL;
    int err = 0;
    if (!token_is_valid(span_of(c->node)) || strlen(c->node) > HEARTBEAT_NAME_BYTES) {
        option_error(why, file, option_line(config, c, "node"),
                     "node: \"%s\" is no name of letters, digits, '-', '_', '.'", c->node);
        err = ERR_CONFIG;
    }
    if (c->listens.count == 0) {
        option_error(why, file, 1, "listen: at least one section is needed");
        err = ERR_CONFIG;
    }
    struct certificates_spec certificates = {&c->certificates, &c->tls};
    bool is_given_one = c->control.url[0] != '\0'; /* perhaps, by the control plane */
    if (listen_check(&c->listens, c->certificates.count > 0 || is_given_one, file, why) != 0 ||
        certificates_check(&certificates, why) != 0)
        err = ERR_CONFIG;
    if (admin_check(&c->admin, c->certificates.count > 0, config, why) != 0 ||
        control_check(&c->control, config, why) != 0)
        err = ERR_CONFIG;
    if (cluster_check(&c->cluster, config, why) != 0)
        err = ERR_CONFIG;
    if (site_table_create(&sites, &c->sites, file, why) != 0)
        err = ERR_CONFIG;
    else
        site_table_unref(&sites);
    return err;
}
