/* SPDX-License-Identifier: MIT
 * private to lib/net: what plain and TLS connections are made of */
#ifndef LIB_NET_CONN_INNER_H
#define LIB_NET_CONN_INNER_H

#include "lib/net/conn.h"
#include "lib/net/deadlines.h"

#include <event2/event_struct.h>

/* One kind of stream. All on the loop's thread, none blocks, none calls the holder. */
struct conn_ops {
    const char *name;
    ssize_t (*read)(struct conn *c, void *dst, size_t room);
    ssize_t (*writev)(struct conn *c, const struct iovec *v, int count, bool more);
    int (*end_write)(struct conn *c);
    /* The socket became ready; returns what the holder is to be told (enum conn_ready). */
    unsigned (*on_socket)(struct conn *c, unsigned ready);
    void (*finish)(struct conn *c, bool is_reset); /* frees what is the kind's own */
};

/* can_recv and can_send are about the socket, may_read and may_write about the stream in it. For a
 * plain connection they are the same; TLS may hold bytes that the socket has given away already. */
struct conn {
    uint32_t magic;
    int fd;
    bool can_recv, can_send;
    bool may_read, may_write;
    bool has_peer_ended; /* a FIN is in the queue: read on to it, no event will follow */
    bool is_corked, has_sendfile;
    bool has_read_again; /* since the second look was put off */
    struct loop *loop;
    const struct conn_ops *ops;
    const struct conn_events *events;
    void *ctx;
    uint64_t bytes_in, bytes_out;
    struct deadline second_look;
    struct addr peer;
    int error; /* sticks: the kernel tells a broken stream once, then shows an end */
    struct event event;
};
#define CONN_MAGIC      0xc0221a5eU
#define CONN_MAX_PIECES 64 /* of a write */

/* conn_init: c is zeroed, the first thing of a block of mem_ that conn_close frees, and has its
 * ops; takes fd. */
void conn_init(struct conn *c, struct loop *l, int fd, const struct addr *peer);

/* conn_tell: enum conn_ready to the holder, who may close c inside: last act of who calls it. */
void conn_tell(struct conn *c, unsigned ready);

/* The socket below: results as conn_read and conn_writev; keeps can_recv and can_send true. */
ssize_t conn_socket_recv(struct conn *c, void *dst, size_t room);
ssize_t conn_socket_sendv(struct conn *c, const struct iovec *v, int count, bool more);
/* About how many bytes the socket would take now. A system call. */
size_t conn_socket_room(const struct conn *c);

#endif
