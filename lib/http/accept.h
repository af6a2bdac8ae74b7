/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_ACCEPT_H
#define LIB_HTTP_ACCEPT_H

#include "lib/http/headers.h"

/* Accept-Encoding (RFC 9110 s.12.5.3). Pure. Quality in thousandths, 0..1000. */
int accept_coding_quality(const struct fields *fs, struct span coding);

#endif
