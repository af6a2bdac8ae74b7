/* SPDX-License-Identifier: MIT */

/* LD_PRELOAD: time runs HASTEN times faster for a program, as it does for the trace that is played
 * through it. nginx looks every ten seconds whether its cache is too large: of a week that is
 * played in a minute it would hold, most of the time, many times what it may. Deadlines have to be
 * told longer by as much. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000LL

static long factor = 1;
static long long began_ns;

static long long now_ns(clockid_t id)
{
    struct timespec t;
    syscall(SYS_clock_gettime, id, &t);
    return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("HASTEN");
    factor = text != NULL ? strtol(text, NULL, 10) : 1;
    factor = factor > 1 ? factor : 1;
    began_ns = now_ns(CLOCK_MONOTONIC);
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE && id != CLOCK_MONOTONIC_RAW)
        return (int)syscall(SYS_clock_gettime, id, out);
    long long ns = began_ns + (now_ns(CLOCK_MONOTONIC) - began_ns) * factor;
    *out = (struct timespec){.tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC};
    return 0;
}

int epoll_wait(int fd, struct epoll_event *events, int room, int timeout_ms)
{
    if (timeout_ms > 0)
        timeout_ms = (int)((timeout_ms + factor - 1) / factor);
    return (int)syscall(SYS_epoll_pwait, fd, events, room, timeout_ms, NULL, 0);
}
