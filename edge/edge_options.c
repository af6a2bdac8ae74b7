/* SPDX-License-Identifier: MIT
 *
 * The options of byeori-edge: its own, and the sections of its parts. */
#include "edge/edge_options.h"

#include "edge/edge_sites.h"
#include "lib/site/site.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/daemon/daemon.h"
#include "lib/http/headers.h"

#define GIB ((int64_t)1 << 30)
#define MIB ((int64_t)1 << 20)

#define VARIANTS_MAX 16
#define FAULT_ROOM   8192

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
        option_error(why, file, 0, "listen: at least one section is needed");
        err = ERR_CONFIG;
    }
    struct certificates_spec certificates = {&c->certificates, &c->tls};
    bool is_given_one = c->control.url[0] != '\0'; /* perhaps, by the control plane */
    if (listen_check(&c->listens, c->certificates.count > 0 || is_given_one, file, why) != 0)
        err = ERR_CONFIG;
    if (certificates_check(&certificates, config, why) != 0)
        err = ERR_CONFIG;
    if (admin_check(&c->admin, c->certificates.count > 0, config, why) != 0)
        err = ERR_CONFIG;
    if (control_check(&c->control, config, why) != 0)
        err = ERR_CONFIG;
    if (cluster_check(&c->cluster, config, why) != 0)
        err = ERR_CONFIG;
    if (site_table_create(&sites, &c->sites, file, why) != 0)
        err = ERR_CONFIG;
    else
        site_table_unref(&sites);
    return err;
}

struct store_config edge_store_config(const struct edge_config *c, struct store_disk *disks)
{
    struct store_config config = {.memory_bytes = c->memory_bytes,
                                  .block_max_bytes = MIB,
                                  .variants_max = VARIANTS_MAX,
                                  .disks = disks,
                                  .disk_count = (uint32_t)c->disks.count,
                                  .disk_scrub_per_s = c->disk_scrub_per_s,
                                  .disk_slow_ms = c->disk_slow_ms,
                                  .disk_admission = (enum store_admission)c->disk_admission,
                                  .disk_code_level = (int)c->disk_zstd,
                                  .eviction = evictions[c->eviction]};
    const struct site *sites = c->sites.v;
    for (size_t i = 0; i < c->sites.count; i++)
        if (sites[i].block_bytes > config.block_max_bytes)
            config.block_max_bytes = sites[i].block_bytes;
    const struct disk_options *from = c->disks.v;
    for (size_t i = 0; i < c->disks.count; i++)
        disks[i] = (struct store_disk){
            .path = from[i].path, .size_bytes = from[i].size_bytes, .weight = from[i].weight};
    return config;
}

/* What was found is a fault of that line. */
static void tell(struct option_config *config, int line, struct buf *found, struct buf *why)
{
    option_error(why, option_file(config), line, "%.*s", SPAN_FMT(span_trim(buf_span(found))));
    buf_clear(found);
}

static bool rehearse_store(struct option_config *config, struct buf *why)
{
    const struct edge_config *c = option_record(config);
    const struct disk_options *from = c->disks.v;
    struct store_disk *disks = mem_zarray(c->disks.count + 1, sizeof(*disks));
    struct store_config store = edge_store_config(c, disks);
    size_t before = why->n;
    struct buf found;
    buf_init(&found, FAULT_ROOM);
    if (store_rehearse_memory(&store, &found) != 0)
        tell(config, option_line(config, c, "memory"), &found, why);
    for (uint32_t i = 0; i < store.disk_count; i++)
        if (store_rehearse_disk(&store, i, &found) != 0)
            tell(config, from[i].line, &found, why);
    buf_finish(&found);
    mem_free(disks);
    return why->n == before;
}

/* Certificates of sites' origins. What the check found would be told twice. */
static bool rehearse_sites(struct option_config *config, struct buf *why)
{
    struct edge_sites_from from = {.config = config};
    struct upstream_set *set = NULL;
    if (why->n > 0)
        return true;
    struct peers *peers = peers_create();
    int err = edge_sites_make(&set, &from, peers, why);
    upstream_set_unref(&set);
    peers_destroy(&peers);
    return err == 0;
}

int edge_config_rehearse(struct option_config *config, struct buf *why)
{
    const struct edge_config *c = option_record(config);
    bool is_good = rehearse_sites(config, why);
    is_good &= rehearse_store(config, why);
    is_good &= daemon_may_keep(config, c, "access_log", c->access_log, why);
    is_good &= daemon_may_keep(config, c, "prefill_folder", c->prefill_folder, why);
    is_good &= daemon_may_keep(config, &c->control, "state_file", c->control.state_file, why);
    return is_good ? 0 : ERR_CONFIG;
}
