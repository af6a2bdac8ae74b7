/* SPDX-License-Identifier: MIT
 * private to lib/net: writing to an open TLS stream where the kernel does not seal */
#ifndef LIB_NET_TLS_WRITE_H
#define LIB_NET_TLS_WRITE_H

#include "lib/net/tls_stream.h"

/* So many records of data are sealed with one key, and few more. */
#define TLS_KEY_RECORDS (1u << 24)

/* tls_write: as conn_writev. */
ssize_t tls_write(struct conn *c, const struct iovec *v, int count, bool more);

#endif
