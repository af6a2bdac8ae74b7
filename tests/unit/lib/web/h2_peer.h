/* SPDX-License-Identifier: MIT */
/* A client of HTTP/2 for the tests of lib/web: nghttp2's client session on the raw peer of wire.h,
 * and frames byte by byte where a client would not send them. */
#ifndef TESTS_UNIT_LIB_WEB_H2_PEER_H
#define TESTS_UNIT_LIB_WEB_H2_PEER_H

#include "tests/unit/lib/web/apps.h"

#include <nghttp2/nghttp2.h>

#define PEER_STREAMS 512

struct peer_stream {
    int32_t id;
    int status, informs;
    char fields[1024]; /* "name: value\n" of the final head */
    char body[256];    /* its beginning */
    size_t body_n;
    uint64_t ended_at; /* body bytes of all streams when it ended */
    bool is_ended, is_reset;
    uint32_t reset_code;
};

struct peer {
    struct wire *w;
    nghttp2_session *ng;
    size_t taken; /* of w->got */
    struct peer_stream streams[PEER_STREAMS];
    int stream_count;
    uint64_t body_bytes; /* all streams */
    bool holds_back;     /* does not give windows back by itself */
    int goaways, pings;
    uint32_t goaway_code;
    int32_t goaway_last;
    uint32_t max_streams;
    char names[256 << 10]; /* of fields sent: nghttp2 borrows them */
    size_t names_n;
};

/* The connection of w begins anew with a preface; window: initial, of streams (0: 65,535). */
void peer_open(struct peer *p, struct wire *w, uint32_t window);
void peer_close(struct peer *p);
void peer_turn(struct peer *p); /* both sides */
/* fields: "name: value\n" each, after the pseudo fields of a GET of path; body NULL: none. */
struct peer_stream *peer_get(struct peer *p, const char *path);
struct peer_stream *peer_request(struct peer *p, const char *fields, const char *body);
struct peer_stream *peer_send_head(struct peer *p, const char *fields); /* a body follows */
/* As much of text as the windows take. */
void peer_send_data(struct peer *p, const struct peer_stream *st, const char *text, bool is_end);
/* Turn until so; fail after a minute. */
void peer_until_ended(struct peer *p, const struct peer_stream *st); /* whole, or reset */
void peer_until_goaway(struct peer *p);
void peer_until_closed(struct peer *p);
bool peer_has_field(const struct peer_stream *st, const char *line);

/* Raw frames: nothing of what nghttp2 thinks of them. */
void peer_raw(struct peer *p, uint8_t type, uint8_t flags, uint32_t id, struct span payload);

#define PEER_UNTIL(p, condition, what)                                                             \
    do {                                                                                           \
        msec_t end_ = clock_mono_ms() + 60000;                                                     \
        while (!(condition)) {                                                                     \
            if (clock_mono_ms() > end_)                                                            \
                fail_msg("no %s", what);                                                           \
            peer_turn(p);                                                                          \
        }                                                                                          \
    } while (0)

#endif
