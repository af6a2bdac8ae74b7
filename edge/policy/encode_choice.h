/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_ENCODE_CHOICE_H
#define EDGE_POLICY_ENCODE_CHOICE_H

#include "lib/site/site.h"
#include "lib/http/message.h"

/* Whether a stored body is sent with Content-Encoding: zstd (RFC 8878, RFC 9659), to whom, and at
 * what cost. The coded representation is another one than the stored: it has its own validator, a
 * weak one (its bytes depend on the level that load allowed), and no ranges. Pure. */
struct encode_content {
    int status;
    const struct fields *fields; /* as stored */
    int64_t size;                /* LENGTH_UNKNOWN: not known yet */
};
/* encode_may: whether the content is of a kind that may be coded at all; then its answers vary by
 * Accept-Encoding, coded or not. */
bool encode_may(const struct site *site, const struct encode_content *content);
/* encode_may_pack: whether it may be told another edge in the transfer coding zstd, which changes
 * nothing of it: not its validators, ranges or length. */
bool encode_may_pack(const struct site *site, const struct encode_content *content);
/* encode_is_wanted: whether this client gets it coded: it takes zstd, and likes it no less than the
 * content as it is; it asks for no range. */
bool encode_is_wanted(const struct request_head *request);

/* encode_level: by how busy this worker was with coding lately, in thousandths of its time: the
 * site's best while it is idle, then less; 0: not now. */
int encode_level(const struct site *site, int busy_permille);
/* encode_is_worth: whether so many bytes that became so many are worth the client's trouble. */
bool encode_is_worth(uint64_t bytes_in, uint64_t bytes_out);

/* encode_etag: the coded representation's own, from the stored one's; SPAN_NONE where that
 * is none. */
struct span encode_etag(struct span stored, struct arena *mem);
/* encode_fields: the stored fields turned into those of the coded representation. */
void encode_fields(struct fields *fs, struct arena *mem);
/* encode_vary: says that Accept-Encoding decides, unless it is said already. */
void encode_vary(struct fields *fs);

#endif
