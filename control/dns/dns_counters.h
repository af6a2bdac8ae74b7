/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_COUNTERS_H
#define CONTROL_DNS_DNS_COUNTERS_H

#include "lib/base/counter.h"

/* One for each worker, written by its thread. */
#define DNS_COUNTERS(X)                                                                            \
    X(udp_questions, "questions that came by UDP")                                                 \
    X(tcp_questions, "questions that came by TCP")                                                 \
    X(subnets, "questions with a client subnet")                                                   \
    X(cookies, "questions with a cookie")                                                          \
    X(proven, "questions with a cookie that we gave to who sends them")                            \
    X(answers, "answers with records")                                                             \
    X(without_data, "answers that there is no such record")                                        \
    X(without_name, "answers that there is no such name")                                          \
    X(refused, "questions for other zones, or of a kind that is not answered")                     \
    X(faulty, "questions answered with FORMERR, NOTIMP, NOTAUTH or BADVERS")                       \
    X(malformed, "messages dropped that are no question")                                          \
    X(truncated, "answers by UDP that say: come by TCP")                                           \
    X(limited, "questions not answered because of their network's rate")                           \
    X(limited_cut, "questions told to come by TCP because of their network's rate")                \
    X(limited_cookie, "questions told to come with our cookie because of that")                    \
    X(decisions, "routing decisions made; the other answers were remembered")                      \
    X(unmapped, "questions for a site's edges while no atlas fitted")                              \
    X(tcp_connections, "connections accepted")                                                     \
    X(dropped, "datagrams too long, or that could not be sent")

struct dns_counters {
#define X(name, help) counter_t name;
    DNS_COUNTERS(X)
#undef X
};

extern const struct counter_table dns_counter_table; /* prefix "byeori_control_dns_" */

#endif
