/* SPDX-License-Identifier: MIT */
/* One server and one client of HTTP/2, which each test of a program begins and ends. */
#ifndef TESTS_UNIT_LIB_WEB_H2_SCENE_H
#define TESTS_UNIT_LIB_WEB_H2_SCENE_H

#include "tests/unit/lib/web/h2_peer.h"

static struct wire w;
static struct peer p;

static void begin(void (*app)(struct wire *w, struct exchange *x), uint32_t window)
{
    wire_open(&w, NULL, app);
    peer_open(&p, &w, window);
}

static void end(void)
{
    peer_close(&p);
    wire_close(&w);
}

#define HEAD(method, path) ":method: " method "\n:scheme: http\n:authority: h\n:path: " path "\n"

#endif
