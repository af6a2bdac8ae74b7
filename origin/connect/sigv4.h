/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_SIGV4_H
#define ORIGIN_CONNECT_SIGV4_H

#include "lib/base/arena.h"
#include "lib/base/clock.h"

/* AWS Signature Version 4, as S3 wants it: each part of a path is encoded once and never
 * normalised. Pure: the time is an argument; what it returns lives in the arena. */
struct sigv4_key {
    struct span access_key; /* may hold ':' (OpenStack Swift: "account:user") */
    struct span secret;
    struct span session_token; /* empty: none */
    struct span region;
};

struct sigv4_pair {
    struct span name, value; /* of a field: the name in lower case; of a query: not encoded */
};

struct sigv4_request {
    struct span method;
    struct span host;                /* as the Host field has it */
    struct span path;                /* encoded (sigv4_encode_path) */
    const struct sigv4_pair *query;  /* in any order */
    const struct sigv4_pair *fields; /* to be signed besides host and x-amz-*; in any order */
    size_t query_count, fields_count;
    struct span payload_hash; /* hex SHA-256 of the body, or SIGV4_UNSIGNED */
};
#define SIGV4_UNSIGNED   SPAN("UNSIGNED-PAYLOAD")
#define SIGV4_PAIRS_MAX  32
#define SIGV4_DATE_BYTES 16 /* 20130524T000000Z */

/* The fields that a signed request must bear besides those given. */
struct sigv4_signed {
    struct span date;          /* X-Amz-Date */
    struct span authorization; /* Authorization */
    struct span query;         /* encoded and sorted, without '?'; p == NULL: none */
};
/* sigv4_sign: X-Amz-Date, X-Amz-Content-SHA256 and, where there is one, X-Amz-Security-Token are
 * signed too and must be sent. */
void sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *r, sec_t now,
                struct arena *mem, struct sigv4_signed *out);

/* Percent-encoding of RFC 3986's unreserved set, hex in upper case; of a path: not its '/'. */
struct span sigv4_encode(struct span raw, struct arena *mem);
struct span sigv4_encode_path(struct span raw, struct arena *mem);

#endif
