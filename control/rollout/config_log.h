/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROLLOUT_CONFIG_LOG_H
#define CONTROL_ROLLOUT_CONFIG_LOG_H

#include "control/state/state.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"

/* The versions that the configuration had: each document whole, with who made it and why. The
 * newest CONFIG_LOG_KEEP stay. In the state only.
 * Threads: the state's (or main, at start). */
#define CONFIG_LOG_KEEP    200
#define CONFIG_LOG_CHANGES 2

struct config_version {
    uint64_t version;
    msec_t at_wall_ms;
    struct span who, what; /* what: "PUT /v1/sites/games", "return to 7: ..." */
    struct span document;  /* {"sites": [...]} */
};

/* config_log_changes: the facts that keep it, in mem; how many. */
size_t config_log_changes(const struct config_version *v,
                          struct state_change out[CONFIG_LOG_CHANGES], struct arena *mem);
/* config_log_find: ERR_NOT_FOUND: never there, or no longer kept. Spans in mem. */
MUST_USE int config_log_find(struct state *s, uint64_t version, struct config_version *out,
                             struct arena *mem);
/* config_log_write: all that are kept, without documents, as elements of an open array, the newest
 * last. */
struct json_out;
MUST_USE int config_log_write(struct state *s, struct json_out *o);

/* config_log_write_one: the same of one, as members of an open object. */
void config_log_write_one(const struct config_version *v, struct json_out *o);

#endif
