/* SPDX-License-Identifier: MIT */

/* A disk that does what a test wants, laid between a program and the system with LD_PRELOAD. The
 * file that BYEORI_FAULTS names is mapped: whoever changes it changes how the disk is from then on.
 * It holds rules; the first one whose folder a file lies in decides. Its writer is
 * tests/harness/faults.py. Threads: any. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RULES   4
#define STEP_MS 10

/* errno of each call, or 0; milliseconds before each read, write and sync. */
struct rule {
    char folder[240];
    volatile int32_t open_errno, read_errno, write_errno, allocate_errno, sync_errno;
    volatile int32_t read_ms, write_ms, sync_ms;
};
_Static_assert(sizeof(struct rule) == 272, "as faults.py packs it");

static const struct rule *rules;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static ssize_t (*real_preadv)(int, const struct iovec *, int, off_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fallocate)(int, int, off_t, off_t);
static int (*real_fdatasync)(int);
static int (*real_openat)(int, const char *, int, ...);

static void begin(void)
{
    *(void **)&real_preadv = dlsym(RTLD_NEXT, "preadv64");
    *(void **)&real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    *(void **)&real_fallocate = dlsym(RTLD_NEXT, "fallocate64");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    *(void **)&real_openat = dlsym(RTLD_NEXT, "openat64");
    const char *name = getenv("BYEORI_FAULTS");
    int fd = name != NULL ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *p = mmap(NULL, RULES * sizeof(*rules), PROT_READ, MAP_SHARED, fd, 0);
    rules = p != MAP_FAILED ? p : NULL;
    close(fd);
}

/* The rule of what is open as fd (a folder, or a file in one), or NULL. */
static const struct rule *rule_of(int fd)
{
    char link[64], path[512];
    pthread_once(&once, begin);
    if (rules == NULL)
        return NULL;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < RULES; i++) {
        size_t length = strlen(rules[i].folder);
        if (length > 0 && strncmp(path, rules[i].folder, length) == 0 &&
            (path[length] == '/' || path[length] == '\0'))
            return &rules[i];
    }
    return NULL;
}

/* In steps: who hangs goes on as soon as the rule no longer says so. */
static void wait_ms(const volatile int32_t *ms)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    for (int32_t waited = 0; waited < *ms; waited += STEP_MS)
        nanosleep(&step, NULL);
}

ssize_t preadv64(int fd, const struct iovec *to, int count, off_t at)
{
    const struct rule *r = rule_of(fd);
    if (r == NULL)
        return real_preadv(fd, to, count, at);
    wait_ms(&r->read_ms);
    if (r->read_errno == 0)
        return real_preadv(fd, to, count, at);
    errno = r->read_errno;
    return -1;
}

ssize_t pwrite64(int fd, const void *from, size_t n, off_t at)
{
    const struct rule *r = rule_of(fd);
    if (r == NULL)
        return real_pwrite(fd, from, n, at);
    wait_ms(&r->write_ms);
    if (r->write_errno == 0)
        return real_pwrite(fd, from, n, at);
    errno = r->write_errno;
    return -1;
}

int fallocate64(int fd, int mode, off_t at, off_t n)
{
    const struct rule *r = rule_of(fd);
    if (r == NULL || r->allocate_errno == 0)
        return real_fallocate(fd, mode, at, n);
    errno = r->allocate_errno;
    return -1;
}

int fdatasync(int fd)
{
    const struct rule *r = rule_of(fd);
    if (r != NULL)
        wait_ms(&r->sync_ms);
    if (r == NULL || r->sync_errno == 0)
        return real_fdatasync(fd);
    errno = r->sync_errno;
    return -1;
}

int openat64(int folder, const char *name, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    const struct rule *r = folder >= 0 ? rule_of(folder) : NULL;
    pthread_once(&once, begin);
    if (r == NULL || r->open_errno == 0 || (flags & O_CREAT) == 0)
        return real_openat(folder, name, flags, mode);
    errno = r->open_errno;
    return -1;
}
