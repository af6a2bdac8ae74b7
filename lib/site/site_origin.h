/* SPDX-License-Identifier: MIT */
#ifndef LIB_SITE_SITE_ORIGIN_H
#define LIB_SITE_SITE_ORIGIN_H

#include "lib/base/check.h"
#include "lib/http/url.h"

/* One origin of a site, as the configuration has it:
 *
 *   "http://10.0.0.1:9000"                                   the n-th in order of preference
 *   "http://10.0.0.1:9000 order=1 weight=3 connections=64"
 *
 * Those of one order share the load by their weights; a higher order is for when no lower one will
 * do. Pure. */
struct site_origin {
    struct url url;   /* borrows from the text */
    uint32_t order;   /* its place in the list, where not given */
    uint32_t weight;  /* 1 to 1000; 1 where not given */
    uint32_t at_once; /* requests on the way to it, of all workers; 0: no bound */
};

/* site_origin_read: 0, or ERR_SYNTAX and what is wrong in *why (constant). */
MUST_USE int site_origin_read(struct span text, uint32_t place, struct site_origin *out,
                              const char **why);
/* site_origin_sort: by order; those of one order stay as they are. */
void site_origin_sort(struct site_origin *v, size_t count);

/* site_host_is_listed: whether host:port is in the list of "host", "*.below.host" or "host:port";
 * without a port in the list the scheme's own is meant. */
struct option_texts;
bool site_host_is_listed(const struct option_texts *list, const struct url *url);

#endif
