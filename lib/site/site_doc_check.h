/* SPDX-License-Identifier: MIT */
#ifndef LIB_SITE_SITE_DOC_CHECK_H
#define LIB_SITE_SITE_DOC_CHECK_H

#include "lib/proto/site_doc.h"

/* site_doc_check: whether an edge would take this site: the same text is made of it, read by the
 * same table of options and looked over by the same checks, so that control refuses what an edge
 * would. What only an edge can know is left to it: whether the files that options name are there,
 * and what its own file says. 0, or ERR_CONFIG and a sentence in why. Threads: any. */
MUST_USE int site_doc_check(const struct site_doc *doc, struct buf *why);

#endif
