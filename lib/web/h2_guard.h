/* SPDX-License-Identifier: MIT */
/* Private to lib/web: what a client may make an HTTP/2 connection do for nothing. Two budgets that
 * fill up again with time: frames that carry no request and no body (PING, SETTINGS, PRIORITY,
 * empty DATA, ...), and streams that end before their answer, whether the client resets them
 * (CVE-2023-44487) or makes us do it by illegal frames (CVE-2025-8671). Pure; time is passed in. */
#ifndef LIB_WEB_H2_GUARD_H
#define LIB_WEB_H2_GUARD_H

#include "lib/base/bucket.h"

#include <nghttp2/nghttp2.h>

struct h2_guard {
    struct bucket frames, resets;
};

void h2_guard_init(struct h2_guard *g, msec_t now);
/* Each false: the budget is spent, and the connection has to end.
 * h2_guard_received: a frame began. h2_guard_sent_reset: we had to reset a stream. */
bool h2_guard_received(struct h2_guard *g, const nghttp2_frame_hd *hd, msec_t now);
bool h2_guard_sent_reset(struct h2_guard *g, uint32_t error_code, msec_t now);

#endif
