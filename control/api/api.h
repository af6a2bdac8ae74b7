/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_H
#define CONTROL_API_API_H

#include "control/api/api_worker.h"

/* The control plane's HTTP: the operators' and nodes' API, and the users' router. Each worker has
 * its own servers for both; what they share is in struct api. Threads: as each says. */

/* api_worker_create: on the main thread, before the threads start; puts itself into
 * a->workers[index]. api_worker_start: on its thread; makes its servers. */
struct api_worker *api_worker_create(struct api *a, struct loop *l, int index)
    __attribute__((returns_nonnull));
void api_worker_start(struct api_worker *w);
/* api_worker_drain: no further requests; on_idle(ctx) once none runs. Its thread. */
void api_worker_drain(struct api_worker *w, void (*on_idle)(void *ctx), void *ctx);
/* api_worker_stop: cuts what is left. Its thread; the struct itself stays (others may still ring),
 * for api_workers_free on the main thread when all workers are gone. */
void api_worker_stop(struct api_worker *w);
void api_workers_free(struct api *a);

#endif
