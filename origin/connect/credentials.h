/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_CREDENTIALS_H
#define ORIGIN_CONNECT_CREDENTIALS_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "origin/connect/remote.h"

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
/* credentials_open: as load, for a file that was checked at the start: where it cannot be read now,
 * it is followed until it can. "": there is none. */
void credentials_open(struct credentials *c, const char *file);
/* For kinds of storage that keep nothing else: enter and leave of struct remote_kind. */
void *credentials_enter(struct remote_loop *at);
void credentials_leave(struct remote_loop *at, void *state);
/* credentials_check: whether the file holds these secrets (ended by NULL). 0, or ERR_CONFIG and why
 * not. */
struct credentials_check {
    const char *credentials_file, *const *names;
    const char *config_file; /* and line: where the option stands */
    int line;
};
MUST_USE int credentials_check(const struct credentials_check *check, struct buf *why);
/* credentials_follow: reads the file again where it has changed; what cannot be read changes
 * nothing. now: monotonic. */
void credentials_follow(struct credentials *c, msec_t now);
/* credentials_value: p == NULL: not there. Borrowed until the next follow. */
struct span credentials_value(const struct credentials *c, const char *name);

#endif
