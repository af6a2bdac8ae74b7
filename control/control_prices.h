/* SPDX-License-Identifier: MIT
 * private to control: prices and tariffs of the configuration, or of a file of their own */
#ifndef CONTROL_CONTROL_PRICES_H
#define CONTROL_CONTROL_PRICES_H

#include "control/control_options.h"

extern const struct option_section price_section, tariff_section;

/* control_prices_check: 0, or ERR_CONFIG and a line in why for each fault. */
MUST_USE int control_prices_check(struct option_config *config, struct buf *why);
/* control_prices_make: those of the configuration, in mem. 0, or ERR_CONFIG and lines in why. */
MUST_USE int control_prices_make(struct option_config *config, struct price *out, struct arena *mem,
                                 struct buf *why);
/* control_prices_file: those of a file of their own, the same. ERR_IO and ERR_NOT_FOUND too. */
MUST_USE int control_prices_file(const char *file, struct price *out, struct arena *mem,
                                 struct buf *why);

#endif
