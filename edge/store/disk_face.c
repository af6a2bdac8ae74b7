/* SPDX-License-Identifier: MIT */

/* Names of a disk's states. */
#include "edge/store/disk_face.h"

static const char *const texts[] = {
#define X(id, text) text,
    STORE_DISK_STATES(X)
#undef X
};

const char *store_disk_state_text(enum store_disk_state s)
{
    return texts[s];
}
