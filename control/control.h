/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "lib/daemon/daemon.h"

/* byeori-control as a program of lib/daemon: the parts of the control plane and their order. */
struct control;
extern const struct daemon_program control_program;

struct control *control_create(void) __attribute__((returns_nonnull));
void control_destroy(struct control **c);

#endif
