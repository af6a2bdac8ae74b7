/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_ERR_H
#define LIB_BASE_ERR_H

#include "lib/base/err.def"

/* Functions return 0 or one of these; counts are >= 0. An HTTP status is never an error code. */
enum err {
#define X(name, number, text) name = -(number),
    ERR_DEF(X)
#undef X
};

/* err_text: the sentence for code (a constant string). err_name: "ERR_AGAIN".
 * Unknown codes give "unknown error"; 0 gives "ok". err_of_errno: nearest code for an errno. */
const char *err_text(int code);
const char *err_name(int code);
int err_of_errno(int errnum);

#endif
