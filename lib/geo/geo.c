/* SPDX-License-Identifier: MIT
 * Geographic databases. libmaxminddb reads the format; what this file adds is that a file which
 * changes or lies cannot harm the process: a private copy, and a check of all of it beforehand. */
#include "lib/geo/geo.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <maxminddb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES        (1 << 20)
#define DATA_SEPARATOR    16 /* zero bytes between search tree and data section */
#define IPV4_IN_IPV6_BITS 96

struct geo {
    uint32_t magic;
    atomic_uint refs;
    MMDB_s db;
    uint64_t records, bytes;
};
#define GEO_MAGIC 0x6e0a91c3U

static int refuse(struct buf *why, int err, const char *file, const char *what)
{
    buf_printf(why, "%s: %s", file, what);
    return err;
}

/* ---- the private copy ---- */

static int copy_bytes(int from, int to, uint64_t *total)
{
    int err = 0;
    char *room = mem_alloc(COPY_BYTES);
    for (*total = 0; err == 0;) {
        ssize_t n = read(from, room, COPY_BYTES);
        if (n == 0)
            break;
        if (n < 0) {
            err = errno == EINTR ? 0 : ERR_IO;
            continue;
        }
        *total += (uint64_t)n;
        if (*total > GEO_MAX_BYTES)
            err = ERR_TOO_BIG;
        for (ssize_t done = 0; err == 0 && done < n;) {
            ssize_t k = write(to, room + done, (size_t)(n - done));
            if (k > 0)
                done += k;
            else if (errno != EINTR)
                err = ERR_NO_MEMORY;
        }
    }
    mem_free(room);
    return err;
}

/* A sealed descriptor with what file held when it was read; a file that is overwritten meanwhile
 * gives a mixture, which the check refuses. */
static int private_copy(const char *file, int *out_fd, uint64_t *bytes)
{
    int from = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0)
        return err_of_errno(errno);
    struct stat st;
    int err = fstat(from, &st) == 0 && S_ISREG(st.st_mode) ? 0 : ERR_IO;
    int to = memfd_create("geo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (err == 0 && to < 0)
        err = ERR_NO_MEMORY;
    if (err == 0)
        err = copy_bytes(from, to, bytes);
    if (err == 0 && fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        err = ERR_IO;
    close(from);
    if (err != 0 && to >= 0)
        close(to);
    *out_fd = to;
    return err;
}

/* ---- reading one record ---- */

static bool value_at(MMDB_entry_s *entry, const char *const *path, uint32_t type,
                     MMDB_entry_data_s *out, int *fault)
{
    int err = MMDB_aget_value(entry, out, path);
    if (err == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR || (err == 0 && !out->has_data))
        return false;
    if (err != 0 || out->type != type) {
        *fault = ERR_CORRUPT;
        return false;
    }
    return true;
}

static void read_code(MMDB_entry_s *entry, const char *const *path, char out[3], int *fault)
{
    MMDB_entry_data_s v;
    if (!value_at(entry, path, MMDB_DATA_TYPE_UTF8_STRING, &v, fault))
        return;
    if (v.data_size != 2)
        *fault = ERR_CORRUPT;
    else
        memcpy(out, v.utf8_string, 2);
}

static void read_name(MMDB_entry_s *entry, const char *const *path, struct place *out, int *fault)
{
    MMDB_entry_data_s v;
    if (!value_at(entry, path, MMDB_DATA_TYPE_UTF8_STRING, &v, fault))
        return;
    size_t n = v.data_size;
    if (n >= sizeof out->city)
        for (n = sizeof out->city - 1; n > 0 && (v.utf8_string[n] & 0xc0) == 0x80;)
            n--; /* never the middle of a character */
    memcpy(out->city, v.utf8_string, n);
    out->city[n] = '\0';
}

static void read_point(MMDB_entry_s *entry, struct place *out, int *fault)
{
    static const char *const lat[] = {"location", "latitude", NULL};
    static const char *const lon[] = {"location", "longitude", NULL};
    static const char *const radius[] = {"location", "accuracy_radius", NULL};
    MMDB_entry_data_s v;
    if (!value_at(entry, lat, MMDB_DATA_TYPE_DOUBLE, &v, fault))
        return;
    out->lat = v.double_value;
    if (!value_at(entry, lon, MMDB_DATA_TYPE_DOUBLE, &v, fault))
        return;
    out->lon = v.double_value;
    if (!(fabs(out->lat) <= 90) || !(fabs(out->lon) <= 180)) {
        *fault = ERR_CORRUPT;
        return;
    }
    out->has_point = true;
    if (value_at(entry, radius, MMDB_DATA_TYPE_UINT16, &v, fault))
        out->radius_km = v.uint16;
}

/* 0, or ERR_CORRUPT: then *out is not to be used. */
static int read_place(MMDB_entry_s *entry, struct place *out)
{
    static const char *const country[] = {"country", "iso_code", NULL};
    static const char *const continent[] = {"continent", "code", NULL};
    static const char *const city[] = {"city", "names", "en", NULL};
    int fault = 0;
    out->is_found = true;
    read_code(entry, country, out->country, &fault);
    read_code(entry, continent, out->continent, &fault);
    read_name(entry, city, out, &fault);
    read_point(entry, out, &fault);
    return fault;
}

/* ---- checking all of it ---- */

struct check {
    MMDB_s *db;
    uint8_t *seen; /* a bit for each offset of the data section */
    uint64_t data_bytes, records;
};

/* A place read through libmaxminddb does not touch all of a record. So the record is also walked
 * whole: kinds, lengths, pointers, nesting; the library bounds the depth. */
static int check_record(struct check *c, uint64_t pointer)
{
    uint64_t nodes = c->db->metadata.node_count;
    if (pointer < nodes + DATA_SEPARATOR || pointer - nodes - DATA_SEPARATOR >= c->data_bytes)
        return ERR_CORRUPT;
    uint64_t offset = pointer - nodes - DATA_SEPARATOR;
    if ((c->seen[offset / 8] & (1U << (offset % 8))) != 0)
        return 0;
    c->seen[offset / 8] = (uint8_t)(c->seen[offset / 8] | (1U << (offset % 8)));
    c->records++;
    MMDB_entry_s entry = {.mmdb = c->db, .offset = (uint32_t)offset};
    MMDB_entry_data_list_s *all = NULL;
    int err = MMDB_get_entry_data_list(&entry, &all);
    bool is_map = err == 0 && all != NULL && all->entry_data.type == MMDB_DATA_TYPE_MAP;
    MMDB_free_entry_data_list(all);
    struct place place = {0};
    return is_map ? read_place(&entry, &place) : ERR_CORRUPT;
}

static int check_side(struct check *c, uint8_t type, uint64_t value)
{
    switch (type) {
    case MMDB_RECORD_TYPE_SEARCH_NODE:
    case MMDB_RECORD_TYPE_EMPTY:
        return 0;
    case MMDB_RECORD_TYPE_DATA:
        return check_record(c, value);
    default:
        return ERR_CORRUPT;
    }
}

static int check_nodes(struct check *c)
{
    for (uint32_t i = 0; i < c->db->metadata.node_count; i++) {
        MMDB_search_node_s node;
        if (MMDB_read_node(c->db, i, &node) != MMDB_SUCCESS)
            return ERR_CORRUPT;
        int err = check_side(c, node.left_record_type, node.left_record);
        if (err == 0)
            err = check_side(c, node.right_record_type, node.right_record);
        if (err != 0)
            return err;
    }
    return c->records > 0 ? 0 : ERR_CORRUPT; /* one that knows no place is of no use */
}

static int check_all(struct geo *g)
{
    uint64_t tree = (uint64_t)g->db.metadata.node_count * g->db.metadata.record_size / 4;
    if (g->db.metadata.node_count == 0 || tree + DATA_SEPARATOR >= g->bytes)
        return ERR_CORRUPT;
    struct check c = {.db = &g->db, .data_bytes = g->bytes - tree - DATA_SEPARATOR};
    c.seen = mem_try_alloc(c.data_bytes / 8 + 1);
    if (c.seen == NULL)
        return ERR_NO_MEMORY;
    memset(c.seen, 0, c.data_bytes / 8 + 1);
    int err = check_nodes(&c);
    mem_free(c.seen);
    g->records = c.records;
    return err;
}

/* ---- the public face ---- */

int geo_open(struct geo **out, const char *file, struct buf *why)
{
    int fd = -1;
    uint64_t bytes = 0;
    *out = NULL;
    int err = private_copy(file, &fd, &bytes);
    if (err != 0)
        return refuse(why, err, file, err_text(err));
    struct geo *g = mem_zalloc(sizeof *g);
    g->magic = GEO_MAGIC;
    g->refs = 1;
    g->bytes = bytes;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int status = MMDB_open(path, MMDB_MODE_MMAP, &g->db);
    close(fd);
    if (status != MMDB_SUCCESS) {
        mem_free(g);
        return refuse(why, ERR_CORRUPT, file, MMDB_strerror(status));
    }
    if (strstr(g->db.metadata.database_type, "City") == NULL)
        err = refuse(why, ERR_UNSUPPORTED, file, "is no City database");
    else if ((err = check_all(g)) != 0)
        err = refuse(why, err, file, "is broken inside");
    if (err != 0)
        geo_unref(&g);
    *out = g;
    return err;
}

struct geo *geo_ref(struct geo *g)
{
    CHECK_OBJ(g, GEO_MAGIC);
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void geo_unref(struct geo **pg)
{
    struct geo *g = *pg;
    *pg = NULL;
    if (g == NULL)
        return;
    CHECK_OBJ(g, GEO_MAGIC);
    if (atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
        return;
    MMDB_close(&g->db);
    g->magic = 0;
    mem_free(g);
}

struct geo_facts geo_facts_of(const struct geo *g)
{
    CHECK_OBJ(g, GEO_MAGIC);
    return (struct geo_facts){.type = g->db.metadata.database_type,
                              .built_s = g->db.metadata.build_epoch,
                              .nodes = g->db.metadata.node_count,
                              .records = g->records,
                              .bytes = g->bytes};
}

void geo_find(const struct geo *g, const struct sockaddr *address, struct place *out)
{
    *out = (struct place){0};
    if (g == NULL || (address->sa_family != AF_INET && address->sa_family != AF_INET6))
        return;
    CHECK_OBJ(g, GEO_MAGIC);
    int err = 0;
    MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&g->db, address, &err);
    if (err != MMDB_SUCCESS || !found.found_entry)
        return;
    if (read_place(&found.entry, out) != 0) {
        *out = (struct place){0};
        return;
    }
    bool is_v4_in_v6 = address->sa_family == AF_INET && g->db.metadata.ip_version == 6;
    int bits = found.netmask - (is_v4_in_v6 ? IPV4_IN_IPV6_BITS : 0);
    out->prefix_bits = (uint8_t)(bits > 0 ? bits : 0);
}

static struct geo_net net_of(const struct geo *g, uint8_t type, uint64_t value)
{
    uint64_t first = (uint64_t)g->db.metadata.node_count + DATA_SEPARATOR;
    if (type == MMDB_RECORD_TYPE_SEARCH_NODE)
        return (struct geo_net){GEO_NET_HALVES, (uint32_t)value};
    if (type == MMDB_RECORD_TYPE_DATA && value >= first)
        return (struct geo_net){GEO_NET_PLACE, (uint32_t)(value - first)};
    return (struct geo_net){GEO_NET_UNKNOWN, 0};
}

void geo_halves(const struct geo *g, struct geo_net net, struct geo_net out[2])
{
    MMDB_search_node_s node;
    out[0] = out[1] = net;
    if (net.kind != GEO_NET_HALVES)
        return;
    if (MMDB_read_node(&g->db, net.id, &node) != MMDB_SUCCESS) {
        out[0] = out[1] = (struct geo_net){GEO_NET_UNKNOWN, 0};
        return;
    }
    out[0] = net_of(g, node.left_record_type, node.left_record);
    out[1] = net_of(g, node.right_record_type, node.right_record);
}

struct geo_net geo_root(const struct geo *g, int family)
{
    struct geo_net net = {GEO_NET_UNKNOWN, 0};
    if (g == NULL || (family == AF_INET6 && g->db.metadata.ip_version == 4))
        return net;
    net.kind = GEO_NET_HALVES;
    bool is_below = family == AF_INET && g->db.metadata.ip_version == 6;
    for (int i = 0; is_below && i < IPV4_IN_IPV6_BITS; i++) {
        struct geo_net halves[2];
        geo_halves(g, net, halves);
        net = halves[0];
    }
    return net;
}

void geo_place(const struct geo *g, struct geo_net net, struct place *out)
{
    *out = (struct place){0};
    if (net.kind != GEO_NET_PLACE)
        return;
    MMDB_s db = g->db; /* the library wants one that it may write, and does not */
    MMDB_entry_s entry = {.mmdb = &db, .offset = net.id};
    if (read_place(&entry, out) != 0)
        *out = (struct place){0};
}

double geo_km(double lat_a, double lon_a, double lat_b, double lon_b)
{
    const double degree = 0.017453292519943295;
    double lat = sin((lat_b - lat_a) * degree / 2), lon = sin((lon_b - lon_a) * degree / 2);
    double h = lat * lat + cos(lat_a * degree) * cos(lat_b * degree) * lon * lon;
    return 2 * GEO_EARTH_KM * asin(sqrt(h < 1 ? h : 1));
}
