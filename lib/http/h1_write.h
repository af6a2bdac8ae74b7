/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_H1_WRITE_H
#define LIB_HTTP_H1_WRITE_H

#include "lib/http/message.h"

/* Heads into bytes. Writes nothing that could split a message: a name or value with CR, LF or NUL
 * is ERR_SYNTAX (callers built it from outside data: a fault worth refusing, not repairing).
 * Return: bytes written, or ERR_TOO_BIG when `room` is too small (nothing usable then). Pure.
 *
 * Framing fields (Content-Length, Transfer-Encoding, Connection) are made here from the head's
 * content_length, is_chunked and keeps_alive; any such fields in `fields` are left out.
 * h1_write_response: a status without body gets no framing but 304/HEAD may pass content_length on
 * (is_head: the length is told, no body follows). minor_version is of the peer: HTTP/1.0 gets
 * neither chunked nor implicit keep-alive. */
struct h1_response_framing {
    int64_t content_length; /* LENGTH_UNKNOWN: none is told */
    bool is_chunked, closes;
    uint8_t peer_minor_version;
};
ptrdiff_t h1_write_response(char *out, size_t room, const struct response_head *head,
                            const struct h1_response_framing *framing);
/* h1_write_request: method_text, origin-form target (path and query), Host from host and port,
 * then fields; content_length > 0 or (== 0 and method expects one) or chunked when unknown. */
ptrdiff_t h1_write_request(char *out, size_t room, const struct request_head *head);

#endif
