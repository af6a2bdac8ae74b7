/* SPDX-License-Identifier: MIT */
#ifndef LIB_WEB_ROUTER_H
#define LIB_WEB_ROUTER_H

#include "lib/web/exchange.h"

/* Routes of small APIs (admin listeners, the control plane) as a table. A pattern's segments in
 * braces
 * match one path segment: "/v1/nodes/{id}/drain". HEAD is served by GET's route. Unknown path: 404;
 * known path, other method: 405 with Allow. Threads: any (immutable). */
#define ROUTER_ARGS 4
struct router_match {
    struct span arg[ROUTER_ARGS]; /* in order of the pattern, percent-decoded, in x->mem */
    int count;
    struct span query; /* undecoded */
};

typedef void (*router_fn)(void *app, struct exchange *x, const struct router_match *m);
struct router_row {
    enum method method;
    const char *pattern;
    router_fn run; /* sets x->events before it returns, or answers at once */
    int tag;       /* the application's (rights) */
};

/* router_run: finds the row and runs it, or answers 404, 405. rows ended by pattern NULL.
 * before(app, x, row) == false: it has answered (authentication) and the row is not run. NULL:
 * none. */
typedef bool (*router_before_fn)(void *app, struct exchange *x, const struct router_row *row);
void router_run(const struct router_row *rows, router_before_fn before, void *app,
                struct exchange *x);
/* router_find: NULL when no row fits; then *status is 404 or 405. */
const struct router_row *router_find(const struct router_row *rows, struct exchange *x,
                                     struct router_match *m, int *status);

/* router_query_next: one parameter after the other, percent- and plus-decoded, in mem or in the
 * query itself: 1, 0 at the end, ERR_SYNTAX for bad escapes. rest: the query, then what is left. */
int router_query_next(struct span *rest, struct arena *mem, struct span *name, struct span *value);
/* router_query: value of the first parameter of that name; p == NULL: not there. ERR_SYNTAX in *err
 * for bad escapes. */
struct span router_query(struct span query, const char *name, struct arena *mem, int *err);

/* exchange_events for handlers that answer at once and keep nothing. */
extern const struct exchange_events router_no_events;

#endif
