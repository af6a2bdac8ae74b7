/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_SERVE_SERVE_H
#define ORIGIN_SERVE_SERVE_H

#include "lib/base/counter.h"
#include "lib/base/option.h"
#include "lib/web/exchange.h"
#include "origin/connect/connector.h"
#include "origin/serve/gate.h"

/* The HTTP face of a storage: GET and HEAD with validators, conditional requests and ranges
 * (RFC 9110 s.13, s.14). One per worker, on its loop's thread. */
#define SERVE_COUNTERS(X)                                                                          \
    X(requests, "requests answered")                                                               \
    X(not_found, "requests for what is not there")                                                 \
    X(not_modified, "requests answered with 304")                                                  \
    X(ranges, "requests answered with 206")                                                        \
    X(busy, "requests answered with 503 because the storage was at its limit")                     \
    X(changed, "answers cut because what is stored changed meanwhile")                             \
    X(failed, "requests answered with 502 or 504 because the storage failed")                      \
    X(body_bytes, "bytes of bodies sent")

struct serve_counters {
#define X(name, help) counter_t name;
    SERVE_COUNTERS(X)
#undef X
};
extern const struct counter_table serve_counter_table; /* prefix "byeori_origin_" */

struct serve {
    struct connector *connector;        /* shared */
    struct gate *gate;                  /* shared; NULL: the storage needs none */
    const struct option_records *rules; /* struct field_rule; replaced on its thread at a reload */
    const char *index;                  /* file for a path that ends in '/'; "": 404 */
    struct serve_counters counters;
};

/* serve_request: a server_fn; app is a struct serve *. */
void serve_request(void *app, struct exchange *x);

#endif
