/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_REMOTE_WRITE_H
#define ORIGIN_CONNECT_REMOTE_WRITE_H

#include "origin/connect/remote_ask.h"

/* Listing, storing and removing in a storage across a network; the operations of a struct connector
 * that is a struct remote.
 */
void remote_list(struct connector *c, struct connector_list *l);
void remote_put(struct connector *c, struct connector_put *p);
void remote_remove(struct connector *c, struct connector_remove *r);

#endif
