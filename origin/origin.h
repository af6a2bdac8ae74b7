/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_ORIGIN_H
#define ORIGIN_ORIGIN_H

#include "lib/daemon/daemon.h"

/* byeori-origin as a program: its configuration, its parts and their order. */
extern const struct daemon_program origin_program;

/* origin_create, origin_destroy: what daemon_main carries as the program's own. */
struct origin;
struct origin *origin_create(void);
void origin_destroy(struct origin **o);

#endif
