/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_ANSWER_H
#define CONTROL_DNS_DNS_ANSWER_H

#include "control/dns/dns_body.h"
#include "control/dns/dns_counters.h"
#include "control/dns/dns_names.h"
#include "control/dns/dns_surveyor.h"

/* From a question to the records that answer it: what the name means, who asks from where, which
 * edges, and what is remembered of that. No sockets, no clock. One for each zone and worker.
 * Threads: the worker's. */
struct dns_answerer;

struct dns_answerer_spec {
    const struct dns_zone *zone;
    struct dns_surveyor *surveyor;
    dns_view_fn view;
    void *view_ctx;
    struct dns_counters *counters;
};
struct dns_answerer *dns_answerer_create(const struct dns_answerer_spec *spec)
    __attribute__((returns_nonnull));
void dns_answerer_destroy(struct dns_answerer **a);

/* dns_answer_find: borrowed until the next call. sender: who asks where q has no client subnet. */
struct dns_answer {
    const struct dns_body *body;
    unsigned scope_bits;
};
struct dns_answer dns_answer_find(struct dns_answerer *a, const struct dns_query *q,
                                  const struct addr *sender, struct arena *mem);

#endif
