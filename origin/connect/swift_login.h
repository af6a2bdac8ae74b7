/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_SWIFT_LOGIN_H
#define ORIGIN_CONNECT_SWIFT_LOGIN_H

#include "origin/connect/credentials.h"
#include "origin/connect/remote_ask.h"

/* A token for OpenStack Swift and the URL it opens, on one loop: TempAuth (version 1) or Keystone
 * (version 3). Fetched when it is first needed, renewed while the old one still opens, and fetched
 * again when it does not any more. */
struct swift_login {
    struct credentials credentials; /* `password`, or `temp_url_key` */
    struct remote_talk talk;
    bool is_under_way;
    msec_t not_before; /* after a failure; monotonic */
    char *token;       /* NULL: none yet */
    char *storage_url; /* parsed in `storage` */
    struct url storage;
    char *host;                  /* of storage */
    msec_t renew_at, expires_at; /* monotonic; 0: not told */
    uint64_t serial;             /* of the token */
    struct buf question;         /* of version 3 */
};

/* swift_login_need: 0: the token opens (a renewal may have begun); ERR_AGAIN: it is on its way;
 * another: it could not be had a moment ago. */
int swift_login_need(struct remote_loop *at, struct swift_login *s);
/* swift_login_again: the token of this serial was refused. true: another is there or on its way. */
bool swift_login_again(struct remote_loop *at, struct swift_login *s, uint64_t serial);
/* swift_login_sign: the login's own question. */
int swift_login_sign(struct remote_loop *at, struct swift_login *s, struct remote_ask *a,
                     struct request_head *head, struct client_target *target);
/* swift_login_use: takes a storage's URL. ERR_SYNTAX. */
MUST_USE int swift_login_use(struct swift_login *s, struct span url);
void swift_login_finish(struct swift_login *s);

#endif
