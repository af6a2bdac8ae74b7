/* SPDX-License-Identifier: MIT
 * private to lib/base */
#ifndef LIB_BASE_OPTION_VALUE_H
#define LIB_BASE_OPTION_VALUE_H

#include "lib/base/option.h"

/* The spellings of option values, both ways: the parsers of option.h, and values as a person would
 * write them. Pure. */

/* option_value_set: parses text into the field of record that row names (not SECTION, not TEXTS).
 * text lives as long as the record. 0, or ERR_CONFIG and a sentence without newline in `why`. */
MUST_USE int option_value_set(const struct option *row, void *record, const char *text,
                              struct buf *why);

/* option_value_range: "from 64KiB to 1GiB", "at least 1s"; nothing where every value goes. */
void option_value_range(const struct option *row, struct buf *out);
/* option_value_kind: "size", "duration", "error|warn|info|debug"... */
void option_value_kind(const struct option *row, struct buf *out);

/* option_value_nearest: the one of `count` names that `name` was probably meant to be, or NULL. */
const char *option_value_nearest(const char *name, const char *const *names, size_t count);

#endif
