/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_REMOTE_REMAINS_H
#define ORIGIN_CONNECT_REMOTE_REMAINS_H

#include "origin/connect/remote_ask.h"

/* What would remain of an object when it gives way or is removed: the segments that lie elsewhere
 * in the storage (OpenStack Swift). Looked for while the object stands, since it is what names
 * them, and swept when it stands no longer, so that no reader ever meets an object whose segments
 * are gone. Embedded; everything on its loop.
 *
 *   look: HEAD of the object [─> its segments]      sweep: DELETE, one after the other */
struct remote_remain {
    struct span bucket, path; /* as of an ask */
};

struct remote_remains {
    /* in */
    struct remote_loop *at;
    struct span path; /* of the object; borrowed */
    /* After each look and each sweep, perhaps from inside. ERR_NOT_FOUND (of a look): there is no
     * object. An error of a sweep: that much is left, and has been logged. */
    void (*done)(struct remote_remains *r, int err);
    /* private; all zero */
    struct remote_talk head, names;
    struct arena mem;
    struct remote_remain *found;
    size_t count, room, swept;
};

/* How a kind finds them. */
struct remote_remains_kind {
    /* Completes the question for the names (a GET of the object's path), by the head of the object.
     * false: the object consists of nothing else. */
    bool (*ask)(struct remote_remains *r, const struct response_head *object,
                struct remote_ask *names);
    /* Adds what the answer tells: 0 or an error. */
    int (*read)(struct remote_remains *r, struct span answer);
};

void remote_remains_look(struct remote_remains *r);
/* remote_remains_add: both are copied. remote_remains_keep: what begins so is not swept. */
void remote_remains_add(struct remote_remains *r, struct span bucket, struct span path);
void remote_remains_keep(struct remote_remains *r, struct span prefix);
void remote_remains_sweep(struct remote_remains *r);
void remote_remains_finish(struct remote_remains *r); /* nothing is under way; zeroed is fine */

#endif
