/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_DATE_H
#define LIB_HTTP_DATE_H

#include "lib/base/check.h"
#include "lib/base/clock.h"
#include "lib/base/span.h"

/* HTTP-date (RFC 9110 s.5.6.7). Pure. */
#define DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

void date_write(sec_t wall_s, char out[DATE_BYTES]);
/* date_parse: IMF-fixdate, and the two obsolete forms. now_s settles the century of RFC 850 years
 * (more than 50 years ahead is the past). False: not a date. */
bool date_parse(struct span text, sec_t now_s, sec_t *out);

#endif
