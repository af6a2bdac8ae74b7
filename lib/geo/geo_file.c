/* SPDX-License-Identifier: MIT
 * Databases from files. libmaxminddb reads the format, from a private copy; what is kept is our own
 * tree and records, and the copy is given back. So a file that changes or lies cannot harm anybody
 * later: each part of it was read once, here. */
#include "lib/geo/geo_inner.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <maxminddb.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES        (1 << 20)
#define DATA_SEPARATOR    16 /* zero bytes between search tree and data section */
#define IPV4_IN_IPV6_BITS 96
#define DEEPEST           128
#define NAME_BYTES        63

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

static void read_code(MMDB_entry_s *entry, const char *const *path, char out[2], int *fault)
{
    MMDB_entry_data_s v;
    if (!value_at(entry, path, MMDB_DATA_TYPE_UTF8_STRING, &v, fault))
        return;
    if (v.data_size != 2)
        *fault = ERR_CORRUPT;
    else
        memcpy(out, v.utf8_string, 2);
}

/* ---- what is being made ---- */

/* Offsets of the data section that were seen, and the records they became; open addressing. */
struct seen {
    struct seen_row {
        uint32_t offset, record; /* NOTHING: free */
    } * v;
    uint32_t room, count;
};

struct making {
    MMDB_s db;
    struct geo *geo;
    uint64_t data_bytes;
    struct seen seen;
    uint32_t record_count, record_room;
    uint32_t names_used, names_room;
};

static struct seen_row *slot_of(const struct seen *s, uint32_t offset)
{
    uint32_t i = (uint32_t)((uint64_t)offset * 0x9e3779b97f4a7c15U >> 32) & (s->room - 1);
    while (s->v[i].record != NOTHING && s->v[i].offset != offset)
        i = (i + 1) & (s->room - 1);
    return &s->v[i];
}

static void grow_seen(struct seen *s)
{
    struct seen old = *s;
    s->room = old.room > 0 ? old.room * 2 : 1024;
    s->v = mem_zarray(s->room, sizeof *s->v);
    for (uint32_t i = 0; i < s->room; i++)
        s->v[i].record = NOTHING;
    for (uint32_t i = 0; i < old.room; i++)
        if (old.v[i].record != NOTHING)
            *slot_of(s, old.v[i].offset) = old.v[i];
    mem_free(old.v);
}

/* At most NAME_BYTES of a name, never the middle of a character. */
static void keep_name(struct making *m, const MMDB_entry_data_s *v, struct geo_record *r)
{
    size_t n = v->data_size;
    if (n > NAME_BYTES)
        for (n = NAME_BYTES; n > 0 && (v->utf8_string[n] & 0xc0) == 0x80;)
            n--;
    if (m->names_used + NAME_BYTES > m->names_room) {
        m->names_room = m->names_room * 2 + (64 << 10);
        m->geo->names = mem_grow(m->geo->names, m->names_room, 1);
    }
    memcpy(m->geo->names + m->names_used, v->utf8_string, n);
    r->name_at = m->names_used;
    r->name_bytes = (uint8_t)n;
    m->names_used += (uint32_t)n;
}

static void read_name(struct making *m, MMDB_entry_s *entry, const char *const *path,
                      struct geo_record *out, int *fault)
{
    MMDB_entry_data_s v;
    if (value_at(entry, path, MMDB_DATA_TYPE_UTF8_STRING, &v, fault))
        keep_name(m, &v, out);
}

static void read_point(MMDB_entry_s *entry, struct geo_record *out, int *fault)
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
    out->at = geo_point(out->lat, out->lon);
    if (value_at(entry, radius, MMDB_DATA_TYPE_UINT16, &v, fault))
        out->radius_km = v.uint16;
}

/* 0, or ERR_CORRUPT: then *out is not to be used. */
static int read_place(struct making *m, MMDB_entry_s *entry, struct geo_record *out)
{
    static const char *const country[] = {"country", "iso_code", NULL};
    static const char *const continent[] = {"continent", "code", NULL};
    static const char *const city[] = {"city", "names", "en", NULL};
    int fault = 0;
    read_code(entry, country, out->country, &fault);
    read_code(entry, continent, out->continent, &fault);
    if (m->geo->kind == GEO_CITY) {
        read_name(m, entry, city, out, &fault);
        read_point(entry, out, &fault);
    }
    return fault;
}

static int read_operator(struct making *m, MMDB_entry_s *entry, struct geo_record *out)
{
    static const char *const number[] = {"autonomous_system_number", NULL};
    static const char *const name[] = {"autonomous_system_organization", NULL};
    MMDB_entry_data_s v;
    int fault = 0;
    if (value_at(entry, number, MMDB_DATA_TYPE_UINT32, &v, &fault))
        out->asn = v.uint32;
    read_name(m, entry, name, out, &fault);
    return fault;
}

/* ---- records and nodes ---- */

/* What is kept does not touch all of a record. So it is also walked whole: kinds, lengths,
 * pointers, nesting; the library bounds the depth. */
static int read_record(struct making *m, uint32_t offset, struct geo_record *out)
{
    MMDB_entry_s entry = {.mmdb = &m->db, .offset = offset};
    MMDB_entry_data_list_s *all = NULL;
    int err = MMDB_get_entry_data_list(&entry, &all);
    bool is_map = err == 0 && all != NULL && all->entry_data.type == MMDB_DATA_TYPE_MAP;
    MMDB_free_entry_data_list(all);
    *out = (struct geo_record){0};
    if (!is_map)
        return ERR_CORRUPT;
    return m->geo->kind == GEO_ASN ? read_operator(m, &entry, out) : read_place(m, &entry, out);
}

static int take_record(struct making *m, uint64_t pointer, uint32_t *ref)
{
    uint64_t nodes = m->db.metadata.node_count;
    if (pointer < nodes + DATA_SEPARATOR || pointer - nodes - DATA_SEPARATOR >= m->data_bytes)
        return ERR_CORRUPT;
    uint32_t offset = (uint32_t)(pointer - nodes - DATA_SEPARATOR);
    if (m->seen.count * 2 >= m->seen.room)
        grow_seen(&m->seen);
    struct seen_row *row = slot_of(&m->seen, offset);
    *ref = row->record | IS_RECORD;
    if (row->record != NOTHING)
        return 0;
    if (m->record_count == m->record_room) {
        m->record_room = m->record_room * 2 + 1024;
        m->geo->records = mem_grow(m->geo->records, m->record_room, sizeof *m->geo->records);
    }
    *row = (struct seen_row){offset, m->record_count};
    m->seen.count++;
    *ref = m->record_count | IS_RECORD;
    return read_record(m, offset, &m->geo->records[m->record_count++]);
}

static int take_side(struct making *m, uint8_t type, uint64_t value, uint32_t *ref)
{
    switch (type) {
    case MMDB_RECORD_TYPE_SEARCH_NODE:
        *ref = (uint32_t)value;
        return 0;
    case MMDB_RECORD_TYPE_EMPTY:
        *ref = NOTHING;
        return 0;
    case MMDB_RECORD_TYPE_DATA:
        return take_record(m, value, ref);
    default:
        return ERR_CORRUPT;
    }
}

static int take_nodes(struct making *m)
{
    for (uint32_t i = 0; i < m->db.metadata.node_count; i++) {
        MMDB_search_node_s node;
        uint32_t *half = m->geo->nodes[i].half;
        if (MMDB_read_node(&m->db, i, &node) != MMDB_SUCCESS)
            return ERR_CORRUPT;
        int err = take_side(m, node.left_record_type, node.left_record, &half[0]);
        if (err == 0)
            err = take_side(m, node.right_record_type, node.right_record, &half[1]);
        if (err != 0)
            return err;
    }
    return m->record_count > 0 ? 0 : ERR_CORRUPT; /* one that knows no place is of no use */
}

/* Nodes below a node, itself included, down to the records: how many levels. A way back to a node
 * that is still being measured is a ring. */
#define UNMEASURED 0
#define MEASURING  0xff

static int measure(const struct geo *g, uint8_t *levels)
{
    uint32_t way[DEEPEST + 1], depth = 1;
    way[0] = 0;
    while (depth > 0) {
        uint32_t at = way[depth - 1], next = NOTHING;
        uint8_t most = 0;
        levels[at] = MEASURING;
        for (int i = 0; i < 2 && next == NOTHING; i++) {
            uint32_t half = g->nodes[at].half[i];
            if (half >= NOTHING)
                continue;
            if (levels[half] == UNMEASURED)
                next = half;
            else if (levels[half] == MEASURING)
                return ERR_CORRUPT;
            else if (levels[half] > most)
                most = levels[half];
        }
        if ((next != NOTHING ? depth + 1 : depth + most) > DEEPEST)
            return ERR_CORRUPT;
        if (next != NOTHING)
            way[depth++] = next;
        else
            levels[way[--depth]] = (uint8_t)(most + 1);
    }
    return 0;
}

static void find_roots(struct geo *g, bool has_v6)
{
    g->v6 = has_v6 ? 0 : NOTHING;
    g->v4 = 0;
    for (int i = 0; has_v6 && i < IPV4_IN_IPV6_BITS && g->v4 < NOTHING; i++)
        g->v4 = g->nodes[g->v4].half[0];
}

/* IPv4 networks in a row as they are being made: no more than a tree of these nodes has, twice. */
struct rowing {
    struct geo *geo;
    uint32_t count, room;
};

static bool add_run(struct rowing *r, uint32_t tail, uint32_t ref)
{
    if (r->count == r->room)
        return false;
    r->geo->run_tails[r->count] = (uint16_t)tail;
    r->geo->run_refs[r->count++] = ref;
    return true;
}

/* All networks within a head, from the lowest on. */
static bool add_runs(struct rowing *r, uint32_t top)
{
    struct {
        uint32_t at, tail, size;
    } way[32 - HEAD_BITS + 1];
    size_t depth = 1;
    way[0].at = top;
    way[0].tail = 0;
    way[0].size = TAILS;
    while (depth > 0) {
        uint32_t at = way[--depth].at, tail = way[depth].tail, half = way[depth].size / 2;
        if (at >= NOTHING || half == 0) {
            if (!add_run(r, tail, at))
                return false;
            continue;
        }
        for (int i = 1; i >= 0; i--, depth++) {
            way[depth].at = r->geo->nodes[at].half[i];
            way[depth].tail = tail + (i == 1 ? half : 0);
            way[depth].size = half;
        }
    }
    return true;
}

/* ERR_CORRUPT: many ways lead to the same nodes, so that networks are far more than they. */
static int make_runs(struct geo *g)
{
    struct rowing r = {.geo = g, .room = 2 * (g->facts.nodes + HEADS)};
    g->head_runs = mem_zarray(HEADS + 1, sizeof *g->head_runs);
    g->head_bits = mem_zarray(HEADS, sizeof *g->head_bits);
    g->run_tails = mem_try_alloc(r.room * sizeof *g->run_tails);
    g->run_refs = mem_try_alloc(r.room * sizeof *g->run_refs);
    if (g->run_tails == NULL || g->run_refs == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < HEADS; i++) {
        uint32_t at = g->v4;
        for (; at < NOTHING && g->head_bits[i] < HEAD_BITS; g->head_bits[i]++)
            at = g->nodes[at].half[i >> (HEAD_BITS - 1 - g->head_bits[i]) & 1];
        if (!add_runs(&r, at))
            return ERR_CORRUPT;
        g->head_runs[i + 1] = r.count;
    }
    mem_looked_up(g->run_tails, r.count * sizeof *g->run_tails);
    mem_looked_up(g->run_refs, r.count * sizeof *g->run_refs);
    return 0;
}

static int make_tree(struct making *m)
{
    struct geo *g = m->geo;
    const MMDB_metadata_s *meta = &m->db.metadata;
    uint64_t tree = (uint64_t)meta->node_count * meta->record_size / 4;
    if (meta->node_count == 0 || tree + DATA_SEPARATOR >= g->facts.bytes)
        return ERR_CORRUPT;
    m->data_bytes = g->facts.bytes - tree - DATA_SEPARATOR;
    g->nodes = mem_try_alloc(meta->node_count * sizeof *g->nodes);
    uint8_t *levels = mem_try_alloc(meta->node_count);
    int err = g->nodes != NULL && levels != NULL ? take_nodes(m) : ERR_NO_MEMORY;
    if (err == 0) {
        memset(levels, UNMEASURED, meta->node_count);
        err = measure(g, levels);
    }
    mem_free(levels);
    if (err != 0)
        return err;
    mem_looked_up(g->nodes, meta->node_count * sizeof *g->nodes);
    mem_looked_up(g->records, m->record_count * sizeof *g->records);
    find_roots(g, meta->ip_version == 6);
    return make_runs(g);
}

static bool is_kind(const char *type, enum geo_kind kind)
{
    static const char *const words[] = {
        [GEO_CITY] = "City", [GEO_COUNTRY] = "Country", [GEO_ASN] = "ASN"};
    return strstr(type, words[kind]) != NULL;
}

static int make(struct making *m, const char *file, struct buf *why)
{
    struct geo *g = m->geo;
    const char *type = m->db.metadata.database_type;
    if (!is_kind(type, g->kind))
        return refuse(why, ERR_UNSUPPORTED, file, "is a database of another type");
    snprintf(g->facts.type, sizeof g->facts.type, "%s", type);
    g->facts.built_s = m->db.metadata.build_epoch;
    g->facts.nodes = m->db.metadata.node_count;
    int err = make_tree(m);
    g->facts.records = m->record_count;
    return err != 0 ? refuse(why, err, file, "is broken inside") : 0;
}

int geo_open(struct geo **out, const char *file, enum geo_kind kind, struct buf *why)
{
    int fd = -1;
    uint64_t bytes = 0;
    struct making m = {0};
    *out = NULL;
    int err = private_copy(file, &fd, &bytes);
    if (err != 0)
        return refuse(why, err, file, err_text(err));
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int status = MMDB_open(path, MMDB_MODE_MMAP, &m.db);
    close(fd);
    if (status != MMDB_SUCCESS)
        return refuse(why, ERR_CORRUPT, file, MMDB_strerror(status));
    m.geo = mem_zalloc(sizeof *m.geo);
    *m.geo = (struct geo){.magic = GEO_MAGIC, .refs = 1, .kind = kind, .facts.bytes = bytes};
    err = make(&m, file, why);
    MMDB_close(&m.db);
    mem_free(m.seen.v);
    if (err != 0)
        geo_unref(&m.geo);
    *out = m.geo;
    return err;
}
