/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_DNS_DNS_SURVEYOR_H
#define CONTROL_DNS_DNS_SURVEYOR_H

#include "control/dns/dns_atlas.h"
#include "lib/net/loop.h"

/* Has the atlas made anew, on a thread of its own, whenever what it was made from has changed.
 * While there is none that fits, names are answered all the same, one decision a question and for
 * that one address only. Threads: the main one, but dns_surveyor_now any. */
struct dns_surveyor;

/* wanted: as for dns_atlas_create. */
struct dns_surveyor *dns_surveyor_create(struct loop *l, size_t wanted)
    __attribute__((returns_nonnull));
void dns_surveyor_destroy(struct dns_surveyor **s);
/* dns_surveyor_look: a few times a second. view is asked for what is now, and what it gave stays
 * valid until it is asked again, which is never while an atlas is made from it. */
void dns_surveyor_look(struct dns_surveyor *s, dns_view_fn view, void *ctx);

/* dns_surveyor_now: the newest for one thread, without a lock unless there is a newer one; borrowed
 * until the next call; NULL: none yet. A zeroed survey is one that has seen nothing. */
struct dns_survey {
    struct dns_atlas *held;
    uint64_t version;
};
const struct dns_atlas *dns_surveyor_now(struct dns_surveyor *s, struct dns_survey *mine);
void dns_survey_finish(struct dns_survey *mine);

#endif
