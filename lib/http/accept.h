/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_ACCEPT_H
#define LIB_HTTP_ACCEPT_H

#include "lib/http/headers.h"

/* Accept-Encoding (RFC 9110 s.12.5.3). Pure. Quality in thousandths, 0 (not acceptable) .. 1000.
 * Without the field anything would be acceptable; then 1000 for "identity" and 0 for all others. */
int accept_coding_quality(const struct fields *fs, struct span coding);

#endif
