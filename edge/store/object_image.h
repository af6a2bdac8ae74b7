/* SPDX-License-Identifier: MIT
 * private to edge/store: an object without its bytes, as it lies on a disk */
#ifndef EDGE_STORE_OBJECT_IMAGE_H
#define EDGE_STORE_OBJECT_IMAGE_H

#include "edge/store/object.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

#include <stdbool.h>

#define OBJECT_IMAGE_MAX (1u << 20) /* larger ones stay in memory */

struct object_image {
    struct object_spec spec; /* generation is the caller's to fill in */
    struct fields fields;    /* what spec points to */
    struct freshness freshness;
    int64_t length, block_bytes; /* of the generation */
    bool is_soft_purged;
};

/* object_image_write: appends o to out. object_image_read: the texts are borrowed from `from`, the
 * list of fields lies in mem. ERR_SYNTAX: not an image of this version. */
void object_image_write(const struct object *o, struct buf *out);
MUST_USE int object_image_read(struct object_image *out, struct span from, struct arena *mem);

#endif
