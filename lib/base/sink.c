/* SPDX-License-Identifier: MIT */

/* A sink is one buffer that anybody fills and one that the writer thread empties; they change
 * places. A write that fails (disk full, I/O error, closed pipe) loses its lines, which are
 * counted, and the next batch tries again: the file goes on when the disk is well. A line cut in
 * its middle by such a failure is closed by a newline first.
 *
 *   lock   sink.lock, held for a copy or a swap only; no other lock under it */
#include "lib/base/sink.h"

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define SINK_MAGIC       0x19c0ffe1U
#define SINK_BATCH_BYTES ((size_t)64 << 10)
#define SINK_KEEP_BYTES  ((size_t)256 << 10) /* a larger buffer is given back once written */
#define SINK_DELAY_MS    1000
#define SINK_CLOSE_TURNS 20 /* of SINK_TURN_MS each */
#define SINK_TURN_MS     100

struct lines {
    char *p;
    size_t n, cap;
};

struct sink {
    /* constant after sink_open */
    uint32_t magic;
    char *path; /* NULL: standard error */
    size_t bound_bytes;
    pthread_t writer;
    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t wake, ended;
    struct lines filling;
    size_t writing_bytes; /* in the writer's hands, not yet written */
    bool is_closing, is_reopening, is_ended, is_abandoned;
    /* the writer's own */
    int fd;
    struct lines writing;
    bool is_torn; /* the file ends in the middle of a line */
    /* any thread */
    _Atomic uint64_t dropped, not_reopened;
    _Atomic int errnum;
};

static int open_file(const char *path)
{
    if (path == NULL)
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

static void count_dropped(struct sink *s, const char *p, size_t n, int errnum)
{
    uint64_t lines = 0;
    for (const char *end = p + n; p < end; lines++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        p = newline != NULL ? newline + 1 : end;
    }
    atomic_store_explicit(&s->errnum, errnum, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->dropped, lines, memory_order_relaxed);
}

static struct timespec in_ms(msec_t ms)
{
    nsec_t at = clock_mono_ns() + ms * (NSEC_PER_SEC / MSEC_PER_SEC);
    return (struct timespec){.tv_sec = at / NSEC_PER_SEC, .tv_nsec = at % NSEC_PER_SEC};
}

/* Waits until a full pipe has room again; false: it is hopeless. */
static bool wait_for_room(struct sink *s, bool *was_patient)
{
    struct pollfd p = {.fd = s->fd, .events = POLLOUT};
    int got = poll(&p, 1, SINK_DELAY_MS);
    if (got == 0 && *was_patient) /* a second round only for lines that just came */
        return false;
    *was_patient = got == 0;
    return got >= 0 || errno == EINTR;
}

static void write_lines(struct sink *s, const char *p, size_t n)
{
    bool was_patient = false;
    if (s->is_torn && n > 0 && write(s->fd, "\n", 1) == 1)
        s->is_torn = false;
    const char *start = p;
    while (n > 0) {
        ssize_t done = write(s->fd, p, n);
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        } else if (done < 0 && errno == EINTR) {
            continue;
        } else if (!(done < 0 && errno == EAGAIN && wait_for_room(s, &was_patient))) {
            break;
        }
    }
    if (n == 0)
        return;
    count_dropped(s, p, n, errno);
    s->is_torn = s->is_torn || (p > start && p[-1] != '\n');
}

static void reopen(struct sink *s)
{
    int fd = open_file(s->path);
    if (fd < 0) {
        atomic_store_explicit(&s->errnum, errno, memory_order_relaxed);
        atomic_fetch_add_explicit(&s->not_reopened, 1, memory_order_relaxed);
        return;
    }
    close(s->fd);
    s->fd = fd;
    s->is_torn = false;
}

/* Sleeps until there is a batch, the oldest line is a second old, or somebody asks. */
static void wait_for_work_locked(struct sink *s)
{
    while (s->filling.n == 0 && !s->is_closing && !s->is_reopening)
        pthread_cond_wait(&s->wake, &s->lock);
    struct timespec until = in_ms(SINK_DELAY_MS);
    while (s->filling.n < SINK_BATCH_BYTES && !s->is_closing && !s->is_reopening) {
        if (pthread_cond_timedwait(&s->wake, &s->lock, &until) == ETIMEDOUT)
            return;
    }
}

static void sink_free(struct sink *s)
{
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->ended);
    mem_free(s->filling.p);
    mem_free(s->writing.p);
    mem_free(s->path);
    s->magic = 0;
    mem_free(s);
}

static void write_batch_unlocked(struct sink *s, bool must_reopen)
{
    if (must_reopen)
        reopen(s);
    write_lines(s, s->writing.p, s->writing.n);
    s->writing.n = 0;
    if (s->writing.cap > SINK_KEEP_BYTES) {
        mem_free(s->writing.p);
        s->writing = (struct lines){0};
    }
}

static void *run_writer(void *arg)
{
    struct sink *s = arg;
    pthread_mutex_lock(&s->lock);
    do {
        wait_for_work_locked(s);
        struct lines batch = s->filling;
        s->filling = s->writing;
        s->writing = batch;
        s->writing_bytes = batch.n;
        bool must_reopen = s->is_reopening;
        s->is_reopening = false;
        pthread_mutex_unlock(&s->lock);
        write_batch_unlocked(s, must_reopen);
        pthread_mutex_lock(&s->lock);
        s->writing_bytes = 0;
    } while (!s->is_closing || s->filling.n > 0);
    s->is_ended = true;
    bool is_mine = s->is_abandoned;
    pthread_cond_signal(&s->ended);
    pthread_mutex_unlock(&s->lock);
    if (is_mine)
        sink_free(s);
    return NULL;
}

int sink_open(struct sink **out, const char *path, size_t bound_bytes)
{
    *out = NULL;
    bool is_stderr = strcmp(path, "-") == 0;
    int fd = open_file(is_stderr ? NULL : path);
    if (fd < 0)
        return err_of_errno(errno);
    struct sink *s = mem_zalloc(sizeof(*s));
    s->magic = SINK_MAGIC;
    s->path = is_stderr ? NULL : mem_strdup(path);
    s->bound_bytes = bound_bytes;
    s->fd = fd;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_cond_init(&s->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int errnum = thread_start(&s->writer, run_writer, s, "lines");
    if (errnum != 0) {
        sink_free(s);
        errno = errnum;
        return err_of_errno(errnum);
    }
    *out = s;
    return 0;
}

/* Patience has turns, not a moment of its end: where the whole machine stood still, the writer had
 * no time either. */
static void wait_for_end_locked(struct sink *s)
{
    for (int turn = 0; turn < SINK_CLOSE_TURNS && !s->is_ended; turn++) {
        struct timespec until = in_ms(SINK_TURN_MS);
        while (!s->is_ended && pthread_cond_timedwait(&s->ended, &s->lock, &until) != ETIMEDOUT)
            continue;
    }
}

void sink_close(struct sink **sp)
{
    struct sink *s = *sp;
    *sp = NULL;
    if (s == NULL)
        return;
    CHECK_OBJ(s, SINK_MAGIC);
    pthread_mutex_lock(&s->lock);
    s->is_closing = true;
    pthread_cond_signal(&s->wake);
    wait_for_end_locked(s);
    bool is_ended = s->is_ended;
    pthread_t writer = s->writer;
    s->is_abandoned = !is_ended; /* stuck in a write: it frees all when it comes back */
    pthread_mutex_unlock(&s->lock);
    if (!is_ended) {
        pthread_detach(writer);
        return;
    }
    pthread_join(writer, NULL);
    sink_free(s);
}

static bool append_locked(struct sink *s, struct span line)
{
    struct lines *l = &s->filling;
    if (line.n > s->bound_bytes || l->n + s->writing_bytes > s->bound_bytes - line.n)
        return false;
    if (line.n > l->cap - l->n) {
        size_t cap = l->cap * 2 > l->n + line.n ? l->cap * 2 : l->n + line.n;
        char *p = mem_try_grow(l->p, cap < 4096 ? 4096 : cap);
        if (p == NULL)
            return false;
        l->p = p;
        l->cap = cap < 4096 ? 4096 : cap;
    }
    memcpy(l->p + l->n, line.p, line.n);
    l->n += line.n;
    return true;
}

void sink_add(struct sink *s, struct span line)
{
    CHECK_OBJ(s, SINK_MAGIC);
    if (line.n == 0)
        return;
    pthread_mutex_lock(&s->lock);
    size_t before = s->filling.n;
    bool is_added = append_locked(s, line);
    size_t after = s->filling.n;
    pthread_mutex_unlock(&s->lock);
    if (!is_added)
        count_dropped(s, line.p, line.n, 0);
    else if (before == 0 || (before < SINK_BATCH_BYTES && after >= SINK_BATCH_BYTES))
        pthread_cond_signal(&s->wake);
}

void sink_reopen(struct sink *s)
{
    CHECK_OBJ(s, SINK_MAGIC);
    pthread_mutex_lock(&s->lock);
    s->is_reopening = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

struct sink_faults sink_faults(const struct sink *s)
{
    CHECK_OBJ(s, SINK_MAGIC);
    return (struct sink_faults){.dropped = atomic_load_explicit(&s->dropped, memory_order_relaxed),
                                .not_reopened =
                                    atomic_load_explicit(&s->not_reopened, memory_order_relaxed),
                                .errnum = atomic_load_explicit(&s->errnum, memory_order_relaxed)};
}
