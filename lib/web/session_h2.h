/* SPDX-License-Identifier: MIT */
/* Private to lib/web: sessions that speak HTTP/2. */
#ifndef LIB_WEB_SESSION_H2_H
#define LIB_WEB_SESSION_H2_H

#include "lib/web/session.h"

/* session_h2_replace: takes the place of a session and its connection, on which `read` (borrowed)
 * has come already; what is left of `from` is its maker's to free. */
void session_h2_replace(struct session *from, const struct span *read, size_t count);

#endif
