/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_SWIFT_SEGMENTS_H
#define ORIGIN_CONNECT_SWIFT_SEGMENTS_H

#include "origin/connect/remote_upload.h"

/* Large objects of OpenStack Swift: what is larger than a part lies as segments in a container
 * beside the object's, "<container>_segments", below the object's own path,
 *
 *   <path>/<SHA-256 of the whole>-<bytes of a part>/00000000
 *
 * so that an upload of the same content goes on where one ended, and two of different contents
 * never meet. The object is a list of them (a static large object) and stands when that is written.
 * Of objects that give way or are removed the segments below their own path in that container are
 * removed too, of static and dynamic ones, whoever wrote them; segments that lie elsewhere may
 * belong to others and are left. With temporary URLs none are found: they open objects one by one.
 */
extern const struct remote_parts swift_parts;
extern const struct remote_remains_kind swift_remains;

#endif
