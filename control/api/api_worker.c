/* SPDX-License-Identifier: MIT
 * What every file of the API asks of its worker. */
#include "control/api/api_worker.h"

void api_worker_check_idle(struct api_worker *w)
{
    if (!w->is_draining || w->on_idle == NULL || w->jobs > 0 || w->servers_left > 0)
        return;
    void (*tell)(void *ctx) = w->on_idle;
    w->on_idle = NULL;
    tell(w->idle_ctx);
}
