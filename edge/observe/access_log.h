/* SPDX-License-Identifier: MIT */
#ifndef EDGE_OBSERVE_ACCESS_LOG_H
#define EDGE_OBSERVE_ACCESS_LOG_H

#include "lib/base/clock.h"
#include "lib/base/sink.h"
#include "lib/net/loop.h"
#include "lib/proto/usage.h"

/* One line of JSON for each request, with fixed keys (edge/README.md lists them). */
struct access_entry {
    msec_t wall;
    uint64_t id;
    nsec_t took_ns;
    struct span client, site, method, scheme, host, target, range, user_agent, referer;
    int status;
    uint64_t head_bytes, body_bytes;
    uint64_t by_source[LEDGER_SOURCE_COUNT];
    struct span cache; /* our member of Cache-Status */
    struct span upstream;
    const char *fault; /* NULL: the whole answer was sent */
    uint8_t major_version, minor_version;
};

/* access_log_line: the line with its newline, in out; time is e->wall as clock_iso spells it. Texts
 * are cut at 1,024 bytes. client, site, scheme and cache are ours, and need no escapes. */
#define ACCESS_LINE_ROOM (76 << 10)
struct span access_log_line(const struct access_entry *e, const char time[CLOCK_ISO_BYTES],
                            char out[ACCESS_LINE_ROOM]);

/* One worker's lines of a turn of its loop: they go to the sink together, under one lock. */
struct access_log {
    struct loop *loop;
    struct sink *sink; /* NULL: nothing is logged */
    struct loop_task hand_over;
    msec_t wall; /* what time spells: many lines have the same */
    char time[CLOCK_ISO_BYTES + 1];
    char *lines;
    size_t n;
};
/* access_log_init: borrows loop and sink. access_log_finish: hands over what is left. Threads: the
 * loop's. */
void access_log_init(struct access_log *l, struct loop *loop, struct sink *sink);
void access_log_add(struct access_log *l, const struct access_entry *e);
void access_log_finish(struct access_log *l);

#endif
