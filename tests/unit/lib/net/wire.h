/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_LIB_NET_WIRE_H
#define TESTS_UNIT_LIB_NET_WIRE_H

#include "lib/net/addr.h"

/* wire_connect: two ends of one TCP connection over loopback, both non-blocking. Room in the
 * sockets is kept small, so that back-pressure is met soon. */
void wire_connect(int fds[2]);
/* wire_listen: a listening socket on 127.0.0.1; *addr tells where. */
int wire_listen(struct addr *addr);
void wire_block(int fd); /* makes fd blocking: the test plays the peer by hand */

#endif
