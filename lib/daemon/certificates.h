/* SPDX-License-Identifier: MIT */
#ifndef LIB_DAEMON_CERTIFICATES_H
#define LIB_DAEMON_CERTIFICATES_H

#include "lib/base/option.h"
#include "lib/net/loop.h"
#include "lib/net/tls_ctx.h"

/* The `certificate` and `tls` sections that every program has, and their files followed on disk: a
 * file that changed is read again within CERTIFICATES_FOLLOW_MS * 3, once it has stopped changing,
 * and serves connections from then on. One that cannot be used is refused, which a log line and
 * metrics tell once, and what was in use before stays.
 *
 * Threads: the main thread, whose loop is `l`; certificates_tls from any. */
#define CERTIFICATES_FOLLOW_MS 1000

struct certificate_options {
    const char *name;
    int line;
    const char *chain, *key; /* PEM files */
    const char *ocsp;        /* DER file; "": none */
};
extern const struct option_section certificate_section; /* titled, any number */

struct tls_options {
    const char *ticket_keys; /* file; "": random keys of this process */
};
extern const struct option_section tls_section; /* single */

struct certificates_spec {
    const struct option_records *certificates; /* of struct certificate_options */
    const struct tls_options *tls;
};
/* certificates_check: every file that config names in spec loads. 0, or ERR_CERTIFICATE and a line
 * in why for each fault. */
MUST_USE int certificates_check(const struct certificates_spec *spec,
                                const struct option_config *config, struct buf *why);

struct certificates;
/* 0 and *out, or ERR_CERTIFICATE and a line in why for each fault. Copies what it needs of spec. */
MUST_USE int certificates_create(struct certificates **out, struct loop *l,
                                 const struct certificates_spec *spec, struct buf *why);
/* certificates_reload: all anew by another configuration, or ERR_CERTIFICATE and as it was. */
MUST_USE int certificates_reload(struct certificates *c, const struct certificates_spec *spec,
                                 struct buf *why);
/* certificates_give: takes what the control plane gives (NULL: nothing), in place of what it gave
 * before. What the configuration names stands before it: its certificates where both bear a name,
 * its ticket keys where it has any. */
struct given;
void certificates_give(struct certificates *c, struct given *given);
const struct given *certificates_given(const struct certificates *c); /* borrowed; NULL: none */
void certificates_destroy(struct certificates **c);

/* certificates_tls: what new connections use, without or with HTTP/2. A reference; NULL: there are
 * no certificates. */
struct tls_server *certificates_tls(struct certificates *c, bool offers_h2);
void certificates_write_metrics(const struct certificates *c, struct buf *out);

#endif
