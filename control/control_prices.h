/* SPDX-License-Identifier: MIT
 * private to control: prices and tariffs of the configuration, or of a file of their own */
#ifndef CONTROL_CONTROL_PRICES_H
#define CONTROL_CONTROL_PRICES_H

#include "control/control_options.h"

extern const struct option_section price_section, tariff_section;

/* control_prices_check: a line in why for each fault. */
void control_prices_check(const struct control_options *o, const char *file, struct buf *why);
/* control_prices_make: c->price, in c->mem. 0, or ERR_CONFIG and lines in why. */
MUST_USE int control_prices_make(const struct control_options *o, const char *file,
                                 struct api_config *c, struct buf *why);

#endif
