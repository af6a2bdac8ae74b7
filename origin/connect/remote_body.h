/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_REMOTE_BODY_H
#define ORIGIN_CONNECT_REMOTE_BODY_H

#include "origin/connect/remote_read.h"

/* What stands in a storage across a network, and its bytes.
 *
 * A content is what one answer said: size, validator, perhaps the beginning of its bytes. Whatever
 * is read of it later is read on condition that it is still that (If-Match, or If-Unmodified-Since
 * where the validator is weak or absent), so bytes of two versions never meet: a body breaks with
 * ERR_CHANGED. A storage that breaks in the middle of a body is asked for the rest, from the exact
 * byte, on the same condition.
 *
 * These are the operations of a struct connector that is a struct remote. */
void remote_find(struct connector *c, struct connector_find *find);

#endif
