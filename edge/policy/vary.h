/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_VARY_H
#define EDGE_POLICY_VARY_H

#include "lib/http/headers.h"

/* Vary (RFC 9111 s.4.1). A stored answer keeps the names of its Vary and, as one byte string, the
 * normalised values that the request had for them. Accept-Encoding is folded to few classes.
 * Pure. */

/* vary_names: all Vary lines as a list; "" none; p == NULL: contains "*". From mem. What is coded
 * with a dictionary varies by it, whether it says so or not (RFC 9842 s.6.2). */
struct span vary_names(const struct fields *response, struct arena *mem);
/* vary_values: the request's values for names, from mem; "" where names is "". */
struct span vary_values(struct span names, const struct fields *request, struct arena *mem);
bool vary_matches(struct span names, struct span values, const struct fields *request,
                  struct arena *mem);

#endif
