/* SPDX-License-Identifier: MIT */
/* Private to lib/web. */
#ifndef LIB_WEB_H1_FLUSH_H
#define LIB_WEB_H1_FLUSH_H

#include "lib/web/h1_exchange.h"

/* h1_flush: writes what the answers have, as far as the socket, the bodies and one turn's share
 * allow. Each answer that went out whole ends with on_done(0). */
enum h1_flushed h1_flush(struct h1_session *s);

#endif
