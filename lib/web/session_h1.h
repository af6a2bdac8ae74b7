/* SPDX-License-Identifier: MIT */
/* Private to lib/web: sessions that speak HTTP/1. */
#ifndef LIB_WEB_SESSION_H1_H
#define LIB_WEB_SESSION_H1_H

struct conn;
struct server;

/* session_h1_start: takes c. */
void session_h1_start(struct server *sv, struct conn *c, void *tag);

#endif
