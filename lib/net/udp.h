/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_UDP_H
#define LIB_NET_UDP_H

#include "lib/base/counter.h"
#include "lib/net/addr.h"
#include "lib/net/loop.h"

/* Questions and answers in datagrams, in batches (recvmmsg, sendmmsg): each answer goes back to
 * where its question came from, from the address it was sent to, within the same turn. udp_bind
 * runs at start, once for each worker and address with SO_REUSEPORT, as listener_bind does; the
 * rest on the worker's loop. What the kernel cannot take at once is lost, as datagrams may be. */
#define UDP_QUESTION_BYTES 1500 /* a longer one is dropped */
#define UDP_ANSWER_BYTES   1500
#define UDP_BATCH          32 /* with what the kernel holds of them, they fit the nearest cache */

/* Borrowed during the call. */
struct udp_question {
    const struct addr *peer;
    struct span bytes;
    uint8_t *answer;     /* UDP_ANSWER_BYTES of room */
    size_t answer_bytes; /* set by who answers; 0, as it is at first: no answer */
};
/* udp_fn: 1..UDP_BATCH questions that came together, so that each step of answering may be taken
 * for all of them before the next. */
typedef void (*udp_fn)(void *ctx, struct udp_question *v, size_t count);

struct udp_spec {
    int fd; /* taken */
    udp_fn on_questions;
    void *ctx;
    counter_t *dropped; /* too long, or answers that could not be sent; of this thread */
};

/* udp_bind: 0 and *out_fd, or -errno. With port 0 the first chooses, *addr is updated. */
MUST_USE int udp_bind(struct addr *addr, bool is_first, int *out_fd);

struct udp;
struct udp *udp_start(struct loop *l, const struct udp_spec *spec);
void udp_stop(struct udp **u); /* not from inside on_questions; NULL is fine */

#endif
