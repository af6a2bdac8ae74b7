/* SPDX-License-Identifier: MIT */
/* For the tests of lib/web: a loop that the test itself turns, a server on it, and a raw TCP peer
 * whose every byte the test chooses. */
#ifndef TESTS_UNIT_LIB_WEB_WIRE_H
#define TESTS_UNIT_LIB_WEB_WIRE_H

#include "lib/web/server.h"
#include "lib/web/server_counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define WIRE_ROOM (1 << 20)

struct wire {
    struct loop *loop;
    struct server *server;
    int fd;              /* the peer's side; -1: closed */
    char got[WIRE_ROOM]; /* what the peer has read, ended by a zero */
    size_t got_n;
    bool has_ended, was_reset;
    uint64_t got_total; /* over all connections, also what was forgotten */
    /* what the server's application does and saw */
    void (*on_request)(struct wire *w, struct exchange *x);
    struct exchange *x; /* the latest that is not done */
    int requests, dones, last_err, last_status;
    uint64_t bytes_out; /* head and body, of all exchanges done */
};

struct server_config wire_config(void); /* long time-outs */
/* config NULL: wire_config(). The peer is connected. */
void wire_open(struct wire *w, const struct server_config *config,
               void (*on_request)(struct wire *w, struct exchange *x));
void wire_connect(struct wire *w); /* a fresh TCP connection for the peer */
void wire_close(struct wire *w);   /* all of it; checks that every exchange had its on_done */
void wire_turn(struct wire *w);    /* one turn of the loop, without sleeping; the peer reads */
void wire_send(struct wire *w, struct span bytes); /* all of it, turning the loop */
void wire_say(struct wire *w, const char *text);
void wire_reset(struct wire *w); /* the peer vanishes with a RST */
void wire_end(struct wire *w);   /* the peer's FIN */
/* Turn until so; fail after 5 s. */
void wire_until_got(struct wire *w, const char *text); /* the peer has read it */
void wire_until_ended(struct wire *w);                 /* FIN or RST */
void wire_until_done(struct wire *w, int dones);
void wire_for_ms(struct wire *w, int ms);
void wire_forget(struct wire *w);                       /* what was got */
int wire_count(const struct wire *w, const char *text); /* occurrences in got */

/* TCP on loopback: a listening socket, non-blocking, and a connection to it, blocking. */
int wire_listen(int *port);
int wire_dial(int port);

#endif
