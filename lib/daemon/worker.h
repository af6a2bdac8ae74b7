/* SPDX-License-Identifier: MIT */
#ifndef LIB_DAEMON_WORKER_H
#define LIB_DAEMON_WORKER_H

#include "lib/net/loop.h"

/* A thread with a loop. Made and ended by daemon.c. */
struct worker {
    uint32_t magic;
    int index;         /* 0 .. count - 1 */
    struct loop *loop; /* its own */
    struct daemon *daemon;
    void *state; /* what worker_start returned; touched by its thread */
};
#define WORKER_MAGIC 0x30c4e812U

#endif
