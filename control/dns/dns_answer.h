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

/* A question as it is looked up. Valid until the next dns_answer_look. */
struct dns_asked {
    /* set by who asks; borrowed */
    const struct dns_query *query;
    const struct addr *sender; /* asks for himself where query has no client subnet */
    /* found */
    enum dns_subject {
        DNS_SUBJECT_NONE,  /* nothing that is answered here */
        DNS_SUBJECT_CHAOS, /* the server itself */
        DNS_SUBJECT_NAME
    } subject;
    const struct dns_meaning *meaning; /* of NAME */
    const struct addr *client;
    struct dns_region region; /* of a site's client, where there is an atlas */
};

/* In two steps, so that a batch takes the first for all its questions side by side: what one
 * look-up misses in the processor's caches is waited for together with what the others do, and
 * what is remembered of the answers is on its way when the second begins.
 * dns_answer_find: of one that dns_answer_look has seen; borrowed until the next call. */
struct dns_answer {
    const struct dns_body *body; /* what stands behind its `bytes` is not there */
    unsigned scope_bits;
};
void dns_answer_look(struct dns_answerer *a, struct dns_asked *v, size_t count);
struct dns_answer dns_answer_find(struct dns_answerer *a, const struct dns_asked *asked,
                                  struct arena *mem);

#endif
