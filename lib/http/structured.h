/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_STRUCTURED_H
#define LIB_HTTP_STRUCTURED_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/http/headers.h"

/* Structured fields (RFC 9651): what this project reads (dictionaries of CDN-Cache-Control, lists
 * of
 * Cache-Groups) and writes (Cache-Status, Proxy-Status). Any error fails the whole field (s.4.2).
 * */
enum structured_type {
    STRUCTURED_INTEGER,
    STRUCTURED_DECIMAL,
    STRUCTURED_STRING,
    STRUCTURED_TOKEN,
    STRUCTURED_BYTES,
    STRUCTURED_BOOLEAN,
    STRUCTURED_DATE,
    STRUCTURED_DISPLAY,
    STRUCTURED_INNER_LIST /* parsed and skipped: text is its source */
};

struct structured_item {
    struct span key; /* dictionaries */
    enum structured_type type;
    struct span text; /* STRING: unescaped; TOKEN, BYTES, DISPLAY: as written */
    int64_t integer;  /* INTEGER, BOOLEAN (0, 1), DATE; DECIMAL in thousandths */
};

/* Count of members (a later one of the same key replaces the earlier), or ERR_SYNTAX, ERR_TOO_BIG
 * for more than max. Parameters are checked and left out. Text from mem where unescaped. */
int structured_dictionary(struct span text, struct structured_item *out, int max,
                          struct arena *mem);
int structured_list(struct span text, struct structured_item *out, int max, struct arena *mem);

#endif
