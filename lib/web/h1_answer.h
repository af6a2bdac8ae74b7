/* SPDX-License-Identifier: MIT */
/* Private to lib/web: the heads of answers as HTTP/1 bytes. */
#ifndef LIB_WEB_H1_ANSWER_H
#define LIB_WEB_H1_ANSWER_H

#include "lib/web/exchange.h"
#include "lib/web/h1_out.h"

struct h1_answer_spec {
    const struct response_head *head;
    struct span date_line, server_line; /* whole lines; left out where head has such a field */
    enum h1_framing framing;
    bool closes;
};

/* h1_answer_begin: takes body. False: the head cannot be told (a byte that would split the message,
 * no memory in the exchange): then 500 stands in its place and the connection has to close. */
bool h1_answer_begin(struct h1_out *o, struct exchange *x, const struct h1_answer_spec *spec,
                     struct body *body);
/* h1_answer_inform: an interim answer; 0, or ERR_SYNTAX. */
int h1_answer_inform(struct h1_out *o, struct exchange *x, const struct response_head *head);

#endif
