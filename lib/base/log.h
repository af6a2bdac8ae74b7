/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_LOG_H
#define LIB_BASE_LOG_H

#include "lib/base/check.h"
#include "lib/base/sink.h"

/* The process's own log, on standard error: one line an event,
 *   2026-01-02T03:04:05.678Z warn upstream-refused upstream=s3 status=503
 * the event's name fixed, values as key=value. Control bytes and backslashes in values are escaped
 * here; a value that may hold a space is quoted by the format: path=\"%s\". Threads: any; never
 * blocks once log_start was called (a writer thread takes over and lines beyond its bound are
 * counted and dropped); before it, lines are written directly.
 * LOG_*_LIMITED: for what a peer can provoke: from that place ten at once, then ten a minute while
 * it goes on; the next line says how many were left out. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
extern const char *const log_level_names[]; /* in their order, ended by NULL: an option's choices */

struct log_limit {
    int64_t window;
    uint32_t count, left_out;
};

void log_set_level(enum log_level level);
enum log_level log_level_now(void);
/* log_start: lines go to sink (borrowed) from here; NULL: directly to standard error again. */
void log_start(struct sink *sink);
/* log_lost: lines since then that could not be written. Not beside log_start. */
uint64_t log_lost(void);

void log_line(enum log_level level, const char *event, const char *format, ...) PRINTF(3, 4);
bool log_limit_pass(struct log_limit *limit, uint32_t *left_out);

#define LOG_AT(level, ...)                                                                         \
    do {                                                                                           \
        if ((level) <= log_level_now())                                                            \
            log_line((level), __VA_ARGS__);                                                        \
    } while (0)
#define LOG_LIMITED(level, event, ...)                                                             \
    do {                                                                                           \
        static struct log_limit limit_;                                                            \
        uint32_t left_out_ = 0;                                                                    \
        if ((level) <= log_level_now() && log_limit_pass(&limit_, &left_out_)) {                   \
            if (left_out_ > 0)                                                                     \
                log_line((level), event "-repeated", "left_out=%u", left_out_);                    \
            log_line((level), event, __VA_ARGS__);                                                 \
        }                                                                                          \
    } while (0)

#define LOG_ERROR(...)        LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOG_WARN(...)         LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_INFO(...)         LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_DEBUG(...)        LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_WARN_LIMITED(...) LOG_LIMITED(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_INFO_LIMITED(...) LOG_LIMITED(LOG_LEVEL_INFO, __VA_ARGS__)

#endif
