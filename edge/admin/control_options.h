/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_CONTROL_OPTIONS_H
#define EDGE_ADMIN_CONTROL_OPTIONS_H

#include "lib/base/option.h"
#include "lib/base/seal.h"
#include "lib/net/tls_ctx.h"

/* The `control` section: how the control plane is reached, and where what it said is kept. */
struct control_options {
    const char *url;               /* "": there is none */
    const char *token_file;        /* of this node */
    const char *state_file;        /* "": nothing is kept */
    const char *secret_key_file;   /* it is sealed by; "": it is kept in clear */
    const char *ca;                /* PEM file of whom we trust; "": the system's */
    const char *certificate, *key; /* PEM files of this node; "": none is shown */
};
extern const struct option_section control_section; /* single */
/* control_check: of the options in config, with the files that they name. 0, or ERR_CONFIG and a
 * line in why for each fault. */
MUST_USE int control_check(const struct control_options *options,
                           const struct option_config *config, struct buf *why);

/* What the files hold; *out NULL where none is named (control_tls: where url is not https). 0, or
 * ERR_* and a sentence in why that quotes no secret.
 * control_bearer: "Bearer <token>", the caller's to free. */
MUST_USE int control_keys(const struct control_options *options, struct seal_keys **out,
                          struct buf *why);
MUST_USE int control_bearer(const struct control_options *options, char **out, struct buf *why);
MUST_USE int control_tls(const struct control_options *options, struct tls_client **out,
                         struct buf *why);

#endif
