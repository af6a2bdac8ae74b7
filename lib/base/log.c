/* SPDX-License-Identifier: MIT */

/* One event, one line. The line is made whole on the stack of the caller; control bytes in what
 * the format produced are escaped (and so is the backslash that escapes them), so that no peer can
 * write a line of its own. Spaces are not: a value that may hold one stands in quotes in the
 * format, as path=\"%s\". Any thread. */
#include "lib/base/log.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_TEXT_BYTES      4096 /* what an event may say; the rest is cut and marked */
#define LOG_LIMIT_BURST     10
#define LOG_LIMIT_MS        6000 /* for each line beyond the burst */
#define LOG_LONGEST_ESCAPE  4    /* \x1b */
#define LOG_HEAD_ROOM_BYTES 160

static _Atomic int level_now = LOG_LEVEL_INFO;
static _Atomic(struct sink *) log_sink;
const char *const log_level_names[] = {"error", "warn", "info", "debug", NULL};

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

enum log_level log_level_now(void)
{
    return (enum log_level)atomic_load_explicit(&level_now, memory_order_relaxed);
}

void log_start(struct sink *sink)
{
    atomic_store_explicit(&log_sink, sink, memory_order_release);
}

uint64_t log_lost(void)
{
    struct sink *sink = atomic_load_explicit(&log_sink, memory_order_acquire);
    return sink != NULL ? sink_faults(sink).dropped : 0;
}

static char *put_escaped(char *at, char c)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char byte = (unsigned char)c;
    if (byte >= 0x20 && byte != 0x7f && byte != '\\') {
        *at++ = c;
        return at;
    }
    *at++ = '\\';
    switch (byte) {
    case '\\':
        *at++ = '\\';
        return at;
    case '\n':
        *at++ = 'n';
        return at;
    case '\r':
        *at++ = 'r';
        return at;
    case '\t':
        *at++ = 't';
        return at;
    default:
        *at++ = 'x';
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
        return at;
    }
}

static void write_directly(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, p, n);
        if (done < 0 && errno != EINTR)
            return;
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    char text[LOG_TEXT_BYTES], line[LOG_HEAD_ROOM_BYTES + LOG_TEXT_BYTES * LOG_LONGEST_ESCAPE];
    int saved_errno = errno;
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;

    char now[25];
    clock_iso(clock_wall_ms(), now);
    int head = snprintf(line, LOG_HEAD_ROOM_BYTES, "%s %s %.100s%s", now, log_level_names[level],
                        event, length > 0 ? " " : "");
    char *at = line + head;
    for (size_t i = 0; i < length; i++)
        at = put_escaped(at, text[i]);
    if ((size_t)n > length && n > 0)
        at = (char *)memcpy(at, "...", 3) + 3;
    *at++ = '\n';

    struct sink *sink = atomic_load_explicit(&log_sink, memory_order_acquire);
    if (sink != NULL)
        sink_add(sink, span_make(line, (size_t)(at - line)));
    else
        write_directly(line, (size_t)(at - line));
    errno = saved_errno;
}

/* A burst, and then a line now and then. Several threads may stand in one place at once: one of
 * them opens the new window, and a line counted into the wrong one of two does no harm. */
bool log_limit_pass(struct log_limit *limit, uint32_t *left_out)
{
    int64_t now = clock_mono_ms() / LOG_LIMIT_MS + 1; /* never the 0 of a fresh limit */
    int64_t before = __atomic_load_n(&limit->window, __ATOMIC_RELAXED);
    *left_out = 0;
    if (before != now && __atomic_compare_exchange_n(&limit->window, &before, now, false,
                                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        uint32_t count = __atomic_load_n(&limit->count, __ATOMIC_RELAXED);
        count = count > now - before ? count - (uint32_t)(now - before) : 0;
        __atomic_store_n(&limit->count, count, __ATOMIC_RELAXED);
    }
    if (__atomic_fetch_add(&limit->count, 1, __ATOMIC_RELAXED) < LOG_LIMIT_BURST) {
        *left_out = __atomic_exchange_n(&limit->left_out, 0, __ATOMIC_RELAXED);
        return true;
    }
    __atomic_sub_fetch(&limit->count, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&limit->left_out, 1, __ATOMIC_RELAXED);
    return false;
}
