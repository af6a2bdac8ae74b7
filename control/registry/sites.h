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
/* sites_put: text is the document as it came, doc what was read from it. */
void sites_put(struct sites *s, const struct site_doc *doc, struct span text, uint64_t version);
void sites_set_version(struct sites *s, uint64_t version);
uint64_t sites_version(const struct sites *s);

/* Into a picture that is being made: hosts, and the document of all sites that have origins. */
void sites_draw(const struct sites *s, struct picture *p);
/* sites_write: the site as JSON for the API, as the next value of o; false: there is none. */
struct json_out;
bool sites_write(const struct sites *s, struct span name, struct json_out *o);
void sites_write_all(const struct sites *s, struct json_out *o);

#endif
