/* SPDX-License-Identifier: MIT */

/* The codes of err.def as words, and the nearest code for what the system says. Any thread. */
#include "lib/base/err.h"

#include <errno.h>

const char *err_text(int code)
{
    switch (code) {
    case 0:
        return "ok";
#define X(name, number, text)                                                                      \
    case name:                                                                                     \
        return text;
        ERR_DEF(X)
#undef X
    default:
        return "unknown error";
    }
}

const char *err_name(int code)
{
    switch (code) {
    case 0:
        return "OK";
#define X(name, number, text)                                                                      \
    case name:                                                                                     \
        return #name;
        ERR_DEF(X)
#undef X
    default:
        return "ERR_UNKNOWN";
    }
}

static const struct {
    int errnum, code;
} errnos[] = {
    {EAGAIN, ERR_AGAIN},
    {EINPROGRESS, ERR_AGAIN},
    {ENOMEM, ERR_NO_MEMORY},
    {E2BIG, ERR_TOO_BIG},
    {EFBIG, ERR_TOO_BIG},
    {EMSGSIZE, ERR_TOO_BIG},
    {ENAMETOOLONG, ERR_TOO_BIG},
    {ENOENT, ERR_NOT_FOUND},
    {ENOTDIR, ERR_NOT_FOUND},
    {ENODEV, ERR_NOT_FOUND},
    {ENXIO, ERR_NOT_FOUND},
    {EEXIST, ERR_EXISTS},
    {EADDRINUSE, ERR_EXISTS},
    {EPIPE, ERR_CLOSED},
    {ECONNRESET, ERR_CLOSED},
    {ECONNABORTED, ERR_CLOSED},
    {ETIMEDOUT, ERR_TIMEOUT},
    {ECONNREFUSED, ERR_REFUSED},
    {EHOSTUNREACH, ERR_REFUSED},
    {ENETUNREACH, ERR_REFUSED},
    {EHOSTDOWN, ERR_REFUSED},
    {ENETDOWN, ERR_REFUSED},
    {EADDRNOTAVAIL, ERR_REFUSED},
    {ENOSPC, ERR_NO_SPACE},
    {EDQUOT, ERR_NO_SPACE},
    {EACCES, ERR_DENIED},
    {EPERM, ERR_DENIED},
    {EROFS, ERR_DENIED},
    {EXDEV, ERR_DENIED}, /* openat2: a path that leaves its root */
    {ELOOP, ERR_DENIED},
    {ENOSYS, ERR_UNSUPPORTED},
    {EOPNOTSUPP, ERR_UNSUPPORTED},
    {EAFNOSUPPORT, ERR_UNSUPPORTED},
    {EPROTONOSUPPORT, ERR_UNSUPPORTED},
    {ECANCELED, ERR_CANCELLED},
    {EPROTO, ERR_PROTOCOL},
    {EBUSY, ERR_BUSY},
    {EMFILE, ERR_BUSY},
    {ENFILE, ERR_BUSY},
};

int err_of_errno(int errnum)
{
    if (errnum == 0)
        return 0;
    for (unsigned i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++) {
        if (errnos[i].errnum == errnum)
            return errnos[i].code;
    }
    return ERR_IO;
}
