/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_H1_WRITE_H
#define LIB_HTTP_H1_WRITE_H

#include "lib/http/message.h"

/* Heads into bytes. Writes nothing that could split a message: a name that is no token, a value
 * with a control character, a target or host with a space is ERR_SYNTAX (callers built it from
 * outside data: a fault worth refusing, not repairing).
 * Return: bytes written, or ERR_TOO_BIG when `room` is too small (nothing usable then). Pure.
 *
 * Framing fields (Content-Length, Transfer-Encoding, Connection; Host of a request) are made here;
 * any such fields in `fields` are left out. Names of names.def are written in their spelling.
 * h1_write_response: 1xx and 204 get no length whatever `framing` says; 304 and the answer to HEAD
 * tell the one they are given, and no body follows. peer_minor_version 0: no chunked (the body then
 * ends by close, which is said), and keep-alive is said where it is meant. */
struct h1_response_framing {
    int64_t content_length; /* LENGTH_UNKNOWN: none is told */
    bool is_chunked, closes;
    uint8_t peer_minor_version;
    bool is_zstd; /* with is_chunked, not to HTTP/1.0: content_length is of what it holds */
};
ptrdiff_t h1_write_response(char *out, size_t room, const struct response_head *head,
                            const struct h1_response_framing *framing);
/* h1_write_request: method_text, origin-form target (path and query), Host from host and port,
 * then fields; Content-Length where it is > 0, or 0 with POST, PUT or PATCH; chunked where it is
 * unknown; "Connection: close" where keeps_alive is not set; "Connection: TE" where fields have TE.
 */
ptrdiff_t h1_write_request(char *out, size_t room, const struct request_head *head);

#endif
