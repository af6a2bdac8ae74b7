/* SPDX-License-Identifier: MIT
 * From an accepted socket to a session of the protocol it speaks. Runs on the server's loop. */
#include "lib/web/server.h"

#include "lib/web/server_inner.h"
#include "lib/web/session_h1.h"

#include <unistd.h>

void server_accept(struct server *s, int fd, const struct addr *peer, struct tls_server *tls,
                   void *tag)
{
    CHECK_OBJ(s, SERVER_MAGIC);
    if (s->session_count >= s->config.conns) {
        counter_add(&s->count.connections_refused, 1);
        (void)close(fd);
        return;
    }
    struct conn *c = tls != NULL ? conn_create_tls_server(s->loop, fd, peer, tls)
                                 : conn_create_plain(s->loop, fd, peer);
    session_h1_start(s, c, tag);
}
