/* SPDX-License-Identifier: MIT
 * private to edge/store: a purge as it lies on a disk */
#ifndef EDGE_STORE_PURGE_IMAGE_H
#define EDGE_STORE_PURGE_IMAGE_H

#include "edge/store/object.h"
#include "edge/store/purge_marks.h"

#define PURGE_IMAGE_MAX 65536u /* a longer one becomes one of everything */

struct purge_image {
    bool is_soft;
    bool is_key;              /* of the key whose hash stands in the record; else: */
    struct purge_scope scope; /* texts borrowed from what was read */
};

/* purge_image_write: into out; returns its bytes, or 0: it does not fit. */
size_t purge_image_write(const struct purge_image *p, uint8_t *out, size_t room);
MUST_USE int purge_image_read(struct purge_image *out, struct span from);

#endif
