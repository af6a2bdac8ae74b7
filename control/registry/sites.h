/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_SITES_H
#define CONTROL_REGISTRY_SITES_H

#include "control/registry/picture.h"
#include "lib/proto/site_doc.h"

/* The sites there are: those of the configuration file (hosts only: the edges' own files define
 * them) and those put through the API, whose documents go to the edges. A name, and a host, belongs
 * to one site. Private to control/registry: registry.h is the face, and holds the lock. */
struct sites;

struct sites *sites_create(void) __attribute__((returns_nonnull));
void sites_destroy(struct sites **s);
/* All sites of the file, replacing those it had before. A site put through the API that has the
 * same name, or a host of one of them gives way. */
void sites_set_file(struct sites *s, const struct site_doc *docs, size_t count);
/* sites_may_put: ERR_EXISTS and a sentence where the file has the name or another site a host. */
MUST_USE int sites_may_put(const struct sites *s, const struct site_doc *doc, struct buf *why);
/* sites_may_follow: the same, where all sites of the API are about to be replaced: only those of
 * the file stand in the way. */
MUST_USE int sites_may_follow(const struct sites *s, const struct site_doc *doc, struct buf *why);
/* sites_clear: takes out all that came through the API. */
void sites_clear(struct sites *s);
size_t sites_count(const struct sites *s);
/* sites_put: text is the document as it came, doc what was read from it. */
void sites_put(struct sites *s, const struct site_doc *doc, struct span text, uint64_t version);
void sites_set_version(struct sites *s, uint64_t version);
uint64_t sites_version(const struct sites *s);

/* sites_document: member "sites" of an open object, all that were put through the API, as it would
 * be with `text` for the site `name` (text p == NULL: without it; name p == NULL: as it is). */
struct json_out;
void sites_document(const struct sites *s, struct span name, struct span text, struct json_out *o);
/* sites_take_out: ERR_NOT_FOUND, or ERR_EXISTS and a sentence where it is the file's. */
MUST_USE int sites_may_take_out(const struct sites *s, struct span name, struct buf *why);
void sites_take_out(struct sites *s, struct span name, uint64_t version);
/* sites_each: those that were put through the API, in order of names. */
void sites_each(const struct sites *s, void (*fn)(void *ctx, struct span name), void *ctx);

/* Into a picture that is being made: hosts, and the version. */
void sites_draw(const struct sites *s, struct picture *p);
/* sites_write: the site as JSON for the API, as the next value of o; false: there is none. */
bool sites_write(const struct sites *s, struct span name, struct json_out *o);
void sites_write_all(const struct sites *s, struct json_out *o);

#endif
