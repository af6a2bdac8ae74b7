/* SPDX-License-Identifier: MIT */
#ifndef LIB_WEB_SERVER_COUNTERS_H
#define LIB_WEB_SERVER_COUNTERS_H

#include "lib/base/counter.h"

/* One per server (so per worker), written by its thread. */
#define SERVER_COUNTERS(X)                                                                         \
    X(connections, "connections accepted")                                                         \
    X(connections_closed, "connections closed")                                                    \
    X(connections_refused, "connections closed at once for want of room")                          \
    X(requests, "requests whose head was read")                                                    \
    X(bad_requests, "requests refused by the codec")                                               \
    X(handshakes_failed, "TLS handshakes that failed")                                             \
    X(timeouts_head, "connections cut for a head that did not come")                               \
    X(timeouts_idle, "idle connections closed")                                                    \
    X(timeouts_stall, "connections and HTTP/2 streams cut for want of progress")                   \
    X(http2_connections, "connections that spoke HTTP/2")                                          \
    X(floods, "HTTP/2 connections ended for a flood of frames or resets")                          \
    X(received_bytes, "application bytes received")                                                \
    X(sent_bytes, "application bytes sent")                                                        \
    X(untaken_bytes,                                                                               \
      "bytes of whole HTTP/1 answers that were lost as the client reset the connection")           \
    X(aborted, "responses cut short")

struct server_counters {
#define X(name, help) counter_t name;
    SERVER_COUNTERS(X)
#undef X
};

extern const struct counter_table server_counter_table; /* prefix "byeori_http_server_" */

#endif
