/* SPDX-License-Identifier: MIT */
/* What the servers of these tests answer (see wire.h). */
#ifndef TESTS_UNIT_LIB_WEB_APPS_H
#define TESTS_UNIT_LIB_WEB_APPS_H

#include "tests/unit/lib/web/wire.h"

#define GET      "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define APP_DATE "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"

void app_reply_hello(struct wire *w, struct exchange *x);
void app_reply_later(struct wire *w, struct exchange *x); /* the test does, on w->x */
/* "/<status>/<length or ->/<text>" says what to answer; "-" is an unknown length. */
void app_reply_as_asked(struct wire *w, struct exchange *x);
void app_echo(struct wire *w, struct exchange *x); /* up to 100,000 bytes */
/* Takes body. With APP_DATE, so that a test can compare whole answers. */
void app_respond(struct exchange *x, int status, int64_t length, struct body *body);

/* A body whose maker is slow, or breaks; one at a time. */
struct slow_body {
    struct body body;
    const char *text;
    size_t left;
    int end; /* what comes after the text */
    bool is_closed;
};
extern struct slow_body slow;
void app_slow_begin(const char *text, int end);
void app_slow_more(const char *text, int end); /* and calls body_ready */

#endif
