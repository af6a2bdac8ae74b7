/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ENCODE_ENCODE_BODY_H
#define EDGE_ENCODE_ENCODE_BODY_H

#include "edge/encode/encoded.h"
#include "lib/base/clock.h"
#include "lib/net/loop.h"
#include "lib/web/body.h"

/* Coded bodies on their way to a client. Threads: their loop's. */

/* How busy one worker is with coding. */
struct encode_load {
    nsec_t since; /* of the window that is being counted */
    uint64_t spent_ns;
    int permille; /* of the window before */
    uint32_t running;
};
int encode_load_permille(struct encode_load *l, nsec_t now);

/* encoded_body: a copy that is here, from its first byte to its last. Takes the reference. */
struct body *encoded_body(struct encoded **e);

/* encode_body: codes `from` (takes it) while the client reads, for one client; as long as there is
 * room runs ahead of it, keeps what it makes, and in the end puts it into the table, under the id
 * that the caller leads. However it ends, the table is told. NULL: no memory: *from stays the
 * caller's, and the table is told as well. What was taken can be read whenever `from` pauses. */
struct encode_spec {
    struct encoded_table *table; /* NULL: nothing is kept, and nobody told */
    uint64_t id;
    struct loop *loop;
    struct encode_load *load;
    int level;
    int64_t size; /* of from; -1: not known */
    int64_t max;  /* of from, to be kept */
    bool (*is_worth)(uint64_t bytes_in, uint64_t bytes_out);
};
struct body *encode_body(const struct encode_spec *spec, struct body **from);

#endif
