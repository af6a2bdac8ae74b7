/* SPDX-License-Identifier: MIT */

/* The table of byte classes, made by the compiler from the grammar of the RFCs. */
#include "lib/http/chars.h"

#define BETWEEN(c, a, b) ((c) >= (a) && (c) <= (b))
#define DIGIT(c)         BETWEEN(c, '0', '9')
#define ALPHA(c)         (BETWEEN(c, 'A', 'Z') || BETWEEN(c, 'a', 'z'))
#define VCHAR(c)         BETWEEN(c, 0x21, 0x7e)
#define OBS_TEXT(c)      ((c) >= 0x80)
#define TCHAR(c)                                                                                   \
    (ALPHA(c) || DIGIT(c) || (c) == '!' || BETWEEN(c, '#', '\'') || (c) == '*' || (c) == '+' ||    \
     (c) == '-' || (c) == '.' || (c) == '^' || (c) == '_' || (c) == '`' || (c) == '|' ||           \
     (c) == '~')
#define UNRESERVED(c) (ALPHA(c) || DIGIT(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define SUB_DELIM(c)  ((c) == '!' || (c) == '$' || BETWEEN(c, '&', ',') || (c) == ';' || (c) == '=')
#define PCHAR(c)      (UNRESERVED(c) || SUB_DELIM(c) || (c) == ':' || (c) == '@')
/* Not in the grammar, sent by every browser (WHATWG URL), and with one meaning only. */
#define BROWSER(c) ((c) == '[' || (c) == ']' || (c) == '^' || (c) == '`' || BETWEEN(c, '{', '}'))
#define PATH(c)    (PCHAR(c) || BROWSER(c) || (c) == '/' || (c) == '%')

#define CLASSES(c)                                                                                 \
    ((TCHAR(c) ? CHAR_TOKEN : 0) |                                                                 \
     (VCHAR(c) || OBS_TEXT(c) || (c) == ' ' || (c) == '\t' ? CHAR_VALUE : 0) |                     \
     (PATH(c) ? CHAR_PATH : 0) | (PATH(c) || (c) == '?' ? CHAR_QUERY : 0) |                        \
     (UNRESERVED(c) || SUB_DELIM(c) || (c) == '%' ? CHAR_NAME : 0) |                               \
     (UNRESERVED(c) ? CHAR_PLAIN : 0) | ((VCHAR(c) && (c) != '"') || OBS_TEXT(c) ? CHAR_ETAG : 0))
#define HEX(c)                                                                                     \
    (DIGIT(c)               ? (c) - '0'                                                            \
     : BETWEEN(c, 'a', 'f') ? (c) - 'a' + 10                                                       \
     : BETWEEN(c, 'A', 'F') ? (c) - 'A' + 10                                                       \
                            : -1)

#define ROW4(f, c)  f(c), f((c) + 1), f((c) + 2), f((c) + 3)
#define ROW16(f, c) ROW4(f, c), ROW4(f, (c) + 4), ROW4(f, (c) + 8), ROW4(f, (c) + 12)
#define ROW64(f, c) ROW16(f, c), ROW16(f, (c) + 16), ROW16(f, (c) + 32), ROW16(f, (c) + 48)
#define ROW256(f)   ROW64(f, 0), ROW64(f, 64), ROW64(f, 128), ROW64(f, 192)

const uint8_t char_classes[256] = {ROW256(CLASSES)};
const int8_t char_hex_values[256] = {ROW256(HEX)};
