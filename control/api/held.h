/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_HELD_H
#define CONTROL_API_HELD_H

#include "control/api/api_worker.h"

/* Heartbeats whose answer waits for news (DESIGN: one exchange carries all). Each waits on its own
 * worker; news of any worker reach all by the bell. */

/* held_answer_or_wait: answers at once where there is news for h or it does not wish to wait. x is
 * held's from here; h is used during the call only. */
void held_answer_or_wait(struct api_worker *w, struct exchange *x, const struct heartbeat *h);
/* held_ring: there may be news. Any thread. */
void held_ring(struct api *a);
/* held_release: answers all that wait (the worker drains). */
void held_release(struct api_worker *w);

#endif
