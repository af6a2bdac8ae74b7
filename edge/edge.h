/* SPDX-License-Identifier: MIT */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include "lib/daemon/daemon.h"

/* The edge as a program: its parts, in the order they start; they stop from the end. */
struct edge;
struct edge *edge_create(void) __attribute__((returns_nonnull));
void edge_destroy(struct edge **e);
extern const struct daemon_program edge_program; /* app: a struct edge */

#endif
