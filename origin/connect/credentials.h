/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_CREDENTIALS_H
#define ORIGIN_CONNECT_CREDENTIALS_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"

#include <sys/stat.h>

/* Secrets in a file of their own, never in the configuration: lines "name = value" as in
 * ~/.aws/credentials; '#', ';' and [sections] are skipped. The file is looked at again every five
 * seconds, so what renews them writes a new file by rename and is done. One for each loop. */
struct credentials {
    const char *file; /* borrowed */
    struct buf text;
    struct stat seen;
    msec_t next_look;
    uint64_t mark; /* changes with the contents; never 0 once loaded */
};
#define CREDENTIALS_MAX (64 << 10)

/* credentials_load: ERR_NOT_FOUND, ERR_IO, ERR_TOO_BIG. credentials_finish: a zeroed one is fine.
 */
MUST_USE int credentials_load(struct credentials *c, const char *file);
void credentials_finish(struct credentials *c);
/* credentials_follow: reads the file again where it has changed; what cannot be read changes
 * nothing. now: monotonic. */
void credentials_follow(struct credentials *c, msec_t now);
/* credentials_value: p == NULL: not there. Borrowed until the next follow. */
struct span credentials_value(const struct credentials *c, const char *name);

#endif
