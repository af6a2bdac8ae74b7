/* SPDX-License-Identifier: MIT
 * private to control: routing rules of the configuration */
#ifndef CONTROL_CONTROL_RULES_H
#define CONTROL_CONTROL_RULES_H

#include "control/control_options.h"
#include "control/route/rule_set.h"
#include "lib/geo/geo_follow.h"

/* control_rules_check: a line in why for each fault. */
void control_rules_check(struct option_config *config, struct buf *why);
/* control_rules_geo: lives like mem and o. */
void control_rules_geo(const struct control_options *o, struct geo_follow_spec *out,
                       struct arena *mem);
/* control_rules_make: into c: the rules of the document (NULL: none; lives like c->mem) and of the
 * file, and what they stand on. 0, or ERR_* and a sentence. */
MUST_USE int control_rules_make(const struct control_options *o, const struct routing_doc *document,
                                struct api_config *c, struct buf *why);

#endif
