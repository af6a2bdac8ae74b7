/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_TCP_H
#define CONTROL_DNS_DNS_TCP_H

#include "lib/net/addr.h"
#include "lib/net/deadlines.h"

/* DNS over TCP (RFC 7766): questions one after the other on a connection, each with its length
 * before it, answered in order. Bounded: a connection that is quiet ends, and where there are too
 * many, the one that has been quiet longest. Threads: the loop's. */
#define DNS_TCP_QUESTION_BYTES 1500
#define DNS_TCP_ANSWER_BYTES   1500

/* dns_tcp_fn: bytes of the answer in out (DNS_TCP_ANSWER_BYTES of room); 0: the connection is not
 * worth more. */
typedef size_t (*dns_tcp_fn)(void *ctx, const struct addr *peer, struct span question,
                             uint8_t *out);

struct dns_tcp {
    struct loop *loop;
    dns_tcp_fn on_question;
    void *ctx;
    struct deadlines quiet;
    struct list conns; /* quiet longest first */
    size_t count;
};
void dns_tcp_init(struct dns_tcp *t, struct loop *l, dns_tcp_fn on_question, void *ctx);
void dns_tcp_finish(struct dns_tcp *t); /* closes all; a zeroed one is fine */
void dns_tcp_accept(struct dns_tcp *t, int fd, const struct addr *peer); /* takes fd */

#endif
