/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_ADMIN_ROWS_H
#define EDGE_ADMIN_ADMIN_ROWS_H

/* private to edge/admin: the calls behind the admin listener's routes. */
#include "edge/admin/admin.h"

#define ADMIN_JSON_MAX (4u << 20)

struct admin {
    struct admin_spec spec;
    struct admin_base *base;
    int walks; /* listings of objects under way */
};

/* router_fn; app is the struct admin. */
void admin_status(void *app, struct exchange *x, const struct router_match *m);
void admin_explain(void *app, struct exchange *x, const struct router_match *m);
void admin_purge(void *app, struct exchange *x, const struct router_match *m);
void admin_objects(void *app, struct exchange *x, const struct router_match *m);
void admin_prefill_order(void *app, struct exchange *x, const struct router_match *m);
void admin_prefills(void *app, struct exchange *x, const struct router_match *m);
void admin_prefill(void *app, struct exchange *x, const struct router_match *m);
void admin_prefill_cancel(void *app, struct exchange *x, const struct router_match *m);

/* admin_put_tiers: "tiers": who is asked, in this order, for what is not here, and how each is.
 * resource: its source_key; NULL: of no one resource, so that no sibling owns it. */
struct json_out;
void admin_put_tiers(struct json_out *o, const struct admin *a, const struct upstream *u,
                     const uint64_t *resource);

/* admin_problem: an error as RFC 9457 says. title: a constant sentence. */
void admin_problem(struct exchange *x, int status, const char *title);

#endif
