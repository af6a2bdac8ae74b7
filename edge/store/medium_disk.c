/* SPDX-License-Identifier: MIT */

/* Segment files. What lies in them is not known here but for the sequence in their first page,
 * which tells the oldest ones. Threads as in the header. */
#include "edge/store/medium_disk.h"

#include "edge/policy/tags.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/whole_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LABEL_NAME        "byeori-disk"
#define SPREAD_NAME       "byeori-spread"
#define PROBE_NAME        "byeori-probe"
#define NAME_BYTES        32
#define LABEL_BYTES       160
#define SEGMENTS_WANTED   256
#define SEGMENTS_MIN      4
#define SEGMENT_BYTES_MIN ((int64_t)8 << 20)
#define SEGMENT_BYTES_MAX ((int64_t)1 << 30)
#define BLOCKS_A_SEGMENT  4 /* at least */
#define NUMBER_MAX        999999u

static int open_file(int folder, const char *name, int flags)
{
    return openat(folder, name, flags, 0640);
}

static int allocate_file(int fd, off_t bytes)
{
    return fallocate(fd, 0, 0, bytes);
}

const struct disk_io disk_io_system = {
    .open = open_file,
    .read = preadv,
    .write = pwrite,
    .allocate = allocate_file,
    .sync = fdatasync,
};

void *disk_pages_get(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

void disk_pages_put(void *p, size_t bytes)
{
    if (p != NULL)
        munmap(p, bytes);
}

static void segment_name(uint32_t segment, char out[NAME_BYTES])
{
    snprintf(out, NAME_BYTES, "%06u.segment", segment);
}

/* Past the page cache where that can be. */
static int open_segment(const struct medium_disk *m, const char *name, int flags)
{
    int fd = m->io->open(m->folder, name, flags | O_CLOEXEC | O_DIRECT);
    if (fd < 0 && errno == EINVAL)
        fd = m->io->open(m->folder, name, flags | O_CLOEXEC);
    return fd;
}

/* Uses v up. */
static int read_all(const struct disk_io *io, int fd, uint64_t at, struct iovec *v, int count)
{
    while (count > 0) {
        ssize_t got = io->read(fd, v, count, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO; /* shorter than it was made */
        if (got <= 0)
            return ERR_IO;
        at += (uint64_t)got;
        for (; count > 0 && (size_t)got >= v->iov_len; v++, count--)
            got -= (ssize_t)v->iov_len;
        if (count > 0) {
            v->iov_base = (char *)v->iov_base + got;
            v->iov_len -= (size_t)got;
        }
    }
    return 0;
}

static int write_all(const struct disk_io *io, int fd, uint64_t at, const void *from, size_t n)
{
    const char *p = from;
    while (n > 0) {
        ssize_t put = io->write(fd, p, n, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put == 0)
            errno = EIO;
        if (put <= 0)
            return ERR_IO;
        p += put;
        at += (uint64_t)put;
        n -= (size_t)put;
    }
    return 0;
}

int medium_disk_read_into(const struct medium_disk *m, uint32_t segment, uint64_t at,
                          struct iovec *v, int count)
{
    if (m->fds[segment] < 0) {
        errno = ENOENT;
        return ERR_IO;
    }
    return read_all(m->io, m->fds[segment], at, v, count);
}

int medium_disk_read(const struct medium_disk *m, uint32_t segment, uint64_t at, void *to, size_t n)
{
    return medium_disk_read_into(m, segment, at, &(struct iovec){to, n}, 1);
}

int medium_disk_write(const struct medium_disk *m, uint32_t segment, uint64_t at, const void *from,
                      size_t n)
{
    return write_all(m->io, m->fds[segment], at, from, n);
}

static uint64_t page_of(uint32_t at)
{
    return at / DISK_PAGE * DISK_PAGE;
}

size_t medium_disk_around(const struct medium_piece *p)
{
    return disk_up((uint64_t)p->at + p->bytes, DISK_PAGE) - page_of(p->at);
}

int medium_disk_read_around(const struct medium_disk *m, const struct medium_piece *p,
                            uint8_t *pages, const uint8_t **out)
{
    *out = pages + (p->at - page_of(p->at));
    return medium_disk_read(m, p->segment, page_of(p->at), pages, medium_disk_around(p));
}

int medium_disk_make(struct medium_disk *m, uint32_t segment)
{
    char name[NAME_BYTES];
    if (m->fds[segment] >= 0)
        return 0;
    segment_name(segment, name);
    int fd = open_segment(m, name, O_RDWR | O_CREAT);
    if (fd < 0)
        return ERR_IO;
    if (m->io->allocate(fd, (off_t)m->segment_bytes) != 0) {
        int kept = errno;
        close(fd);
        unlinkat(m->folder, name, 0);
        errno = kept;
        return ERR_IO;
    }
    m->fds[segment] = fd;
    return 0;
}

bool medium_disk_has_unmade(const struct medium_disk *m)
{
    bool has = false;
    for (uint32_t i = 0; i < m->count && !has; i++)
        has = m->fds[i] < 0;
    return has;
}

int medium_disk_sync(const struct medium_disk *m, uint32_t segment)
{
    return m->io->sync(m->fds[segment]) == 0 ? 0 : ERR_IO;
}

int medium_disk_probe(const struct medium_disk *m)
{
    int fd = open_segment(m, PROBE_NAME, O_RDWR | O_CREAT);
    if (fd < 0)
        return ERR_IO;
    void *page = disk_pages_get(DISK_PAGE);
    int r = write_all(m->io, fd, 0, page, DISK_PAGE);
    if (r == 0 && m->io->sync(fd) != 0)
        r = ERR_IO;
    if (r == 0)
        r = read_all(m->io, fd, 0, &(struct iovec){page, DISK_PAGE}, 1);
    int kept = errno;
    disk_pages_put(page, DISK_PAGE);
    close(fd);
    unlinkat(m->folder, PROBE_NAME, 0);
    errno = kept;
    return r;
}

static uint32_t segment_bytes_for(int64_t size_bytes, uint32_t block_max_bytes)
{
    int64_t bytes = SEGMENT_BYTES_MIN, wanted = size_bytes / SEGMENTS_WANTED;
    if (wanted < (int64_t)block_max_bytes * BLOCKS_A_SEGMENT)
        wanted = (int64_t)block_max_bytes * BLOCKS_A_SEGMENT;
    while (bytes < wanted && bytes < SEGMENT_BYTES_MAX)
        bytes *= 2;
    return (uint32_t)bytes;
}

/* A small file of the folder, whole or not there at all. */
static int file_write(struct medium_disk *m, const char *name, const char *text)
{
    char draft[NAME_BYTES];
    snprintf(draft, sizeof(draft), "%s.new", name);
    int fd = openat(m->folder, draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return ERR_IO;
    int r = write_all(&disk_io_system, fd, 0, text, strlen(text));
    if (r == 0 && fsync(fd) != 0)
        r = ERR_IO;
    close(fd);
    if (r == 0 && renameat(m->folder, draft, m->folder, name) != 0)
        r = ERR_IO;
    return r == 0 && fsync(m->folder) != 0 ? ERR_IO : r;
}

static int label_write(struct medium_disk *m)
{
    char text[LABEL_BYTES];
    snprintf(text, sizeof(text),
             LABEL_NAME " %u segment_bytes=%u id=%016" PRIx64 " secret=%016" PRIx64 "\n",
             m->version, m->segment_bytes, m->id, m->secret);
    return file_write(m, LABEL_NAME, text);
}

static int label_make(struct medium_disk *m)
{
    m->version = DISK_VERSION;
    digest_random(&m->id, sizeof(m->id));
    m->secret = tag_secret();
    return label_write(m);
}

int medium_disk_allow_coded(struct medium_disk *m, struct buf *why)
{
    if (m->version == DISK_LABEL_CODED)
        return 0;
    m->version = DISK_LABEL_CODED;
    int r = label_write(m);
    if (r != 0)
        buf_printf(why, "disk %s: its label cannot be written: %s\n", m->path, strerror(errno));
    return r;
}

static void spread_read(struct medium_disk *m)
{
    char text[LABEL_BYTES] = "";
    int fd = openat(m->folder, SPREAD_NAME, O_RDONLY | O_CLOEXEC);
    m->spread = 0;
    if (fd < 0)
        return;
    if (pread(fd, text, sizeof(text) - 1, 0) < 0 || sscanf(text, "%" SCNx64, &m->spread) != 1)
        m->spread = 0;
    close(fd);
}

int medium_disk_spread(struct medium_disk *m, uint64_t spread)
{
    char text[LABEL_BYTES];
    int r = 0;
    if (spread == m->spread)
        return 0;
    snprintf(text, sizeof(text), "%016" PRIx64 "\n", spread);
    if (spread != 0)
        r = file_write(m, SPREAD_NAME, text);
    else if ((unlinkat(m->folder, SPREAD_NAME, 0) != 0 && errno != ENOENT) || fsync(m->folder) != 0)
        r = ERR_IO;
    if (r == 0)
        m->spread = spread;
    return r;
}

/* 0; ERR_NOT_FOUND: none; ERR_VERSION: another format's; ERR_SYNTAX. */
static int label_read(struct medium_disk *m)
{
    char text[LABEL_BYTES] = "";
    int end = 0, fd = openat(m->folder, LABEL_NAME, O_RDONLY | O_CLOEXEC);
    m->version = 0;
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    close(fd);
    if (n < 0)
        return ERR_IO;
    if (sscanf(text, LABEL_NAME " %u", &m->version) != 1)
        return ERR_SYNTAX;
    if (m->version != DISK_VERSION && m->version != DISK_LABEL_CODED)
        return ERR_VERSION;
    sscanf(text, LABEL_NAME " %*u segment_bytes=%u id=%" SCNx64 " secret=%" SCNx64 "%n",
           &m->segment_bytes, &m->id, &m->secret, &end);
    bool is_odd = end == 0 || m->segment_bytes < SEGMENT_BYTES_MIN ||
                  m->segment_bytes > SEGMENT_BYTES_MAX || m->segment_bytes % DISK_PAGE != 0;
    return is_odd ? ERR_SYNTAX : 0;
}

/* The lock is on the folder itself: whoever else comes finds it taken. */
static int lock_folder(struct medium_disk *m, struct buf *why)
{
    if (mkdir(m->path, 0750) != 0 && errno != EEXIST) {
        buf_printf(why, "disk %s: cannot be made: %s\n", m->path, strerror(errno));
        return ERR_CONFIG;
    }
    m->folder = open(m->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->folder < 0) {
        buf_printf(why, "disk %s: cannot be opened: %s\n", m->path, strerror(errno));
        return ERR_CONFIG;
    }
    if (flock(m->folder, LOCK_EX | LOCK_NB) != 0) {
        buf_printf(why, "disk %s: another process uses it\n", m->path);
        return ERR_CONFIG;
    }
    return 0;
}

/* A file found in the folder. */
struct found {
    uint32_t number;
    uint64_t sequence;
};

struct found_list {
    struct found *v;
    size_t count, failed; /* failed: those that cannot be read */
    int error;            /* errno of one of them */
};

/* Of the segment in that file; 0: it holds none. ERR_IO: it cannot be read. */
static int sequence_of(const struct medium_disk *m, const char *name, uint64_t *out)
{
    struct disk_head *head = disk_pages_get(DISK_PAGE);
    int fd = open_segment(m, name, O_RDONLY);
    int r = fd >= 0 ? read_all(m->io, fd, 0, &(struct iovec){head, DISK_PAGE}, 1) : ERR_IO;
    bool is_ours = r == 0 && disk_head_fits(head) && head->disk_id == m->id &&
                   head->segment_bytes == m->segment_bytes;
    *out = is_ours ? head->sequence : 0;
    int kept = errno;
    if (fd >= 0)
        close(fd);
    disk_pages_put(head, DISK_PAGE);
    errno = kept;
    return r;
}

static int newer_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return (x->sequence < y->sequence) - (x->sequence > y->sequence);
}

static int find_files(const struct medium_disk *m, struct found_list *out)
{
    int fd = openat(m->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    *out = (struct found_list){0};
    if (d == NULL)
        return ERR_IO;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        unsigned number;
        char same[NAME_BYTES];
        if (sscanf(e->d_name, "%6u.segment", &number) != 1 || number > NUMBER_MAX)
            continue;
        segment_name(number, same);
        if (strcmp(same, e->d_name) != 0)
            continue;
        struct found f = {.number = number};
        if (sequence_of(m, same, &f.sequence) != 0) {
            out->error = errno;
            out->failed++;
        }
        out->v = mem_grow(out->v, out->count + 1, sizeof(*out->v));
        out->v[out->count++] = f;
    }
    closedir(d);
    if (out->count > 0)
        qsort(out->v, out->count, sizeof(*out->v), newer_first);
    return 0;
}

static void remove_files(struct medium_disk *m)
{
    struct found_list found;
    char name[NAME_BYTES];
    if (find_files(m, &found) != 0)
        return;
    for (size_t i = 0; i < found.count; i++) {
        segment_name(found.v[i].number, name);
        unlinkat(m->folder, name, 0);
    }
    mem_free(found.v);
    unlinkat(m->folder, SPREAD_NAME, 0);
    unlinkat(m->folder, LABEL_NAME, 0);
}

static uint32_t number_free(const struct medium_disk *m, const struct found_list *kept)
{
    for (uint32_t n = 0; n < m->count; n++) {
        bool is_taken = m->fds[n] >= 0;
        for (size_t i = 0; i < kept->count && !is_taken; i++)
            is_taken = kept->v[i].number == n;
        if (!is_taken)
            return n;
    }
    return UINT32_MAX;
}

/* The newest files that fit the size stay; numbers beyond it move into it. */
static int adopt_files(struct medium_disk *m)
{
    struct found_list found;
    char name[NAME_BYTES], to[NAME_BYTES];
    int r = find_files(m, &found);
    if (r == 0 && found.failed > 0 && found.failed == found.count) {
        r = ERR_IO; /* the disk, not a file: what lies there may be well */
        errno = found.error;
    }
    for (size_t i = m->count; i < found.count && r == 0; i++) {
        segment_name(found.v[i].number, name);
        unlinkat(m->folder, name, 0);
    }
    if (found.count > m->count)
        found.count = m->count;
    for (size_t i = 0; i < found.count && r == 0; i++) {
        uint32_t number = found.v[i].number;
        segment_name(number, name);
        if (number >= m->count) {
            number = number_free(m, &found);
            segment_name(number, to);
            r = renameat(m->folder, name, m->folder, to) == 0 ? 0 : ERR_IO;
            memcpy(name, to, sizeof(name));
        }
        if (r == 0)
            m->fds[number] = open_segment(m, name, O_RDWR);
        if (r == 0 && m->fds[number] < 0)
            r = ERR_IO;
    }
    mem_free(found.v);
    return r;
}

/* What an operator has to mend, and no disk that fails says. */
static bool is_for_operator(int e)
{
    return e == EACCES || e == EPERM || e == ENOTDIR;
}

/* Tells what is wrong with a folder whose label was read with r; 0: nothing. */
static int judge_label(const struct medium_disk *m, int r, struct buf *why)
{
    if (r == ERR_VERSION)
        buf_printf(
            why,
            "disk %s: format %u, and this program knows %u and %u; --reformat empties it once\n",
            m->path, m->version, DISK_VERSION, DISK_LABEL_CODED);
    else if (r == ERR_SYNTAX)
        buf_printf(why, "disk %s: its label is damaged; --reformat empties it once\n", m->path);
    else if (r != 0)
        buf_printf(why, "disk %s: cannot be used: %s\n", m->path, strerror(errno));
    return r == ERR_IO && is_for_operator(errno) ? ERR_CONFIG : r;
}

/* The segments of the label, beside what is asked for. */
static int judge_sizes(const struct medium_disk *m, const struct store_disk *config,
                       uint32_t block_max_bytes, struct buf *why)
{
    int64_t count = config->size_bytes / m->segment_bytes;
    if (m->segment_bytes < (int64_t)block_max_bytes * 2) {
        buf_printf(why,
                   "disk %s: its segments of %u bytes are too small for blocks of %u; "
                   "--reformat empties it once\n",
                   m->path, m->segment_bytes, block_max_bytes);
        return ERR_VERSION;
    }
    if (count >= SEGMENTS_MIN && count <= NUMBER_MAX)
        return 0;
    int64_t least = (int64_t)SEGMENTS_MIN * m->segment_bytes;
    int64_t most = (int64_t)NUMBER_MAX * m->segment_bytes;
    buf_printf(why, "disk %s: size must be from %lld to %lld bytes, for blocks of up to %u\n",
               m->path, (long long)least, (long long)most, block_max_bytes);
    return ERR_CONFIG;
}

/* The label decides what the folder is. */
static int know_folder(struct medium_disk *m, const struct store_disk *config,
                       uint32_t block_max_bytes, struct buf *why)
{
    if (config->is_reformat)
        remove_files(m);
    int r = label_read(m);
    if (r == ERR_NOT_FOUND) {
        m->segment_bytes = segment_bytes_for(config->size_bytes, block_max_bytes);
        r = label_make(m);
    }
    r = judge_label(m, r, why);
    if (r != 0)
        return r;
    spread_read(m);
    return judge_sizes(m, config, block_max_bytes, why);
}

/* What the label says, or would say where there is none yet. */
static int foresee_label(struct medium_disk *m, const struct store_disk *config,
                         uint32_t block_max_bytes)
{
    m->folder = open(config->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = m->folder >= 0 ? label_read(m) : errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    if (r == ERR_NOT_FOUND)
        m->segment_bytes = segment_bytes_for(config->size_bytes, block_max_bytes);
    return r == ERR_NOT_FOUND ? 0 : r;
}

int medium_disk_rehearse(const struct store_disk *config, uint32_t block_max_bytes, struct buf *why)
{
    struct medium_disk m = {.path = mem_strdup(config->path), .folder = -1};
    int r = ERR_CONFIG;
    if (whole_file_may_be_kept(m.path))
        r = judge_label(&m, foresee_label(&m, config, block_max_bytes), why);
    else
        buf_printf(why, "disk %s: cannot be written: %s\n", m.path, strerror(errno));
    if (r == 0)
        r = judge_sizes(&m, config, block_max_bytes, why);
    medium_disk_close(&m);
    return r;
}

int medium_disk_open(struct medium_disk *m, const struct store_disk *config,
                     uint32_t block_max_bytes, struct buf *why)
{
    *m = (struct medium_disk){.io = config->io != NULL ? config->io : &disk_io_system,
                              .path = mem_strdup(config->path),
                              .folder = -1};
    int r = lock_folder(m, why);
    if (r == 0)
        r = know_folder(m, config, block_max_bytes, why);
    if (r != 0)
        return r;
    m->count = (uint32_t)(config->size_bytes / m->segment_bytes);
    m->fds = mem_zarray(m->count, sizeof(*m->fds));
    for (uint32_t i = 0; i < m->count; i++)
        m->fds[i] = -1;
    r = adopt_files(m);
    if (r != 0)
        buf_printf(why, "disk %s: %s\n", m->path, strerror(errno));
    return r;
}

void medium_disk_close(struct medium_disk *m)
{
    for (uint32_t i = 0; m->fds != NULL && i < m->count; i++) {
        if (m->fds[i] >= 0)
            close(m->fds[i]);
    }
    if (m->folder >= 0)
        close(m->folder);
    mem_free(m->fds);
    mem_free(m->path);
    *m = (struct medium_disk){.folder = -1};
}
