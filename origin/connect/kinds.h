/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_KINDS_H
#define ORIGIN_CONNECT_KINDS_H

#include "origin/connect/remote.h"

/* The kinds of storage across a network, each in the file of its name. */
extern const struct remote_kind remote_plain; /* any HTTP server */
extern const struct remote_kind remote_s3;
extern const struct remote_kind remote_swift;

#endif
