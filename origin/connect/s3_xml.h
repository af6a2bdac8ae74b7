/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_S3_XML_H
#define ORIGIN_CONNECT_S3_XML_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* What S3 storages answer, as a walk over its elements (expat). Namespaces' prefixes are dropped;
 * document types, nesting above 16 and texts above 8 KiB are refused. Pure. */
#define S3_XML_DEPTH_MAX 16
#define S3_XML_TEXT_MAX  8192

struct s3_xml_events {
    /* An element ends. path: "ListBucketResult/Contents/Key", the root first; text: what stood
     * right inside it. Both until it returns. 0, or an error that ends the walk. */
    int (*element)(void *ctx, struct span path, struct span text);
};
/* s3_xml_walk: 0; ERR_SYNTAX: not well-formed, or refused; or what element() said. */
MUST_USE int s3_xml_walk(struct span xml, const struct s3_xml_events *events, void *ctx);

#endif
