/* SPDX-License-Identifier: MIT */

/* Methods, schemes and status codes: their names and what follows from them. */
#include "lib/http/message.h"

static const struct span method_texts[METHOD_COUNT] = {
    [METHOD_GET] = {"GET", 3},         [METHOD_HEAD] = {"HEAD", 4},
    [METHOD_POST] = {"POST", 4},       [METHOD_PUT] = {"PUT", 3},
    [METHOD_DELETE] = {"DELETE", 6},   [METHOD_OPTIONS] = {"OPTIONS", 7},
    [METHOD_PATCH] = {"PATCH", 5},     [METHOD_TRACE] = {"TRACE", 5},
    [METHOD_CONNECT] = {"CONNECT", 7},
};

enum method method_of(struct span text)
{
    if (text.n == 3 && memcmp(text.p, "GET", 3) == 0)
        return METHOD_GET;
    for (int m = METHOD_HEAD; m < METHOD_COUNT; m++) {
        if (span_eq(text, method_texts[m])) /* case-sensitive: RFC 9110 s.9.1 */
            return (enum method)m;
    }
    return METHOD_OTHER;
}

struct span method_text(enum method m)
{
    CHECK(m > METHOD_OTHER && m < METHOD_COUNT);
    return method_texts[m];
}

bool method_is_safe(enum method m)
{
    return m == METHOD_GET || m == METHOD_HEAD || m == METHOD_OPTIONS || m == METHOD_TRACE;
}

struct span scheme_text(enum scheme s)
{
    return s == SCHEME_HTTPS ? SPAN("https") : SPAN("http");
}

int scheme_port(enum scheme s)
{
    return s == SCHEME_HTTPS ? 443 : 80;
}

/* X(status, reason): RFC 9110 s.15 and the IANA registry of status codes. */
#define STATUSES(X)                                                                                \
    X(100, "Continue")                                                                             \
    X(101, "Switching Protocols")                                                                  \
    X(102, "Processing")                                                                           \
    X(103, "Early Hints")                                                                          \
    X(200, "OK")                                                                                   \
    X(201, "Created")                                                                              \
    X(202, "Accepted")                                                                             \
    X(203, "Non-Authoritative Information")                                                        \
    X(204, "No Content")                                                                           \
    X(205, "Reset Content")                                                                        \
    X(206, "Partial Content")                                                                      \
    X(207, "Multi-Status")                                                                         \
    X(208, "Already Reported")                                                                     \
    X(226, "IM Used")                                                                              \
    X(300, "Multiple Choices")                                                                     \
    X(301, "Moved Permanently")                                                                    \
    X(302, "Found")                                                                                \
    X(303, "See Other")                                                                            \
    X(304, "Not Modified")                                                                         \
    X(305, "Use Proxy")                                                                            \
    X(307, "Temporary Redirect")                                                                   \
    X(308, "Permanent Redirect")                                                                   \
    X(400, "Bad Request")                                                                          \
    X(401, "Unauthorized")                                                                         \
    X(402, "Payment Required")                                                                     \
    X(403, "Forbidden")                                                                            \
    X(404, "Not Found")                                                                            \
    X(405, "Method Not Allowed")                                                                   \
    X(406, "Not Acceptable")                                                                       \
    X(407, "Proxy Authentication Required")                                                        \
    X(408, "Request Timeout")                                                                      \
    X(409, "Conflict")                                                                             \
    X(410, "Gone")                                                                                 \
    X(411, "Length Required")                                                                      \
    X(412, "Precondition Failed")                                                                  \
    X(413, "Content Too Large")                                                                    \
    X(414, "URI Too Long")                                                                         \
    X(415, "Unsupported Media Type")                                                               \
    X(416, "Range Not Satisfiable")                                                                \
    X(417, "Expectation Failed")                                                                   \
    X(421, "Misdirected Request")                                                                  \
    X(422, "Unprocessable Content")                                                                \
    X(423, "Locked")                                                                               \
    X(424, "Failed Dependency")                                                                    \
    X(425, "Too Early")                                                                            \
    X(426, "Upgrade Required")                                                                     \
    X(428, "Precondition Required")                                                                \
    X(429, "Too Many Requests")                                                                    \
    X(431, "Request Header Fields Too Large")                                                      \
    X(451, "Unavailable For Legal Reasons")                                                        \
    X(500, "Internal Server Error")                                                                \
    X(501, "Not Implemented")                                                                      \
    X(502, "Bad Gateway")                                                                          \
    X(503, "Service Unavailable")                                                                  \
    X(504, "Gateway Timeout")                                                                      \
    X(505, "HTTP Version Not Supported")                                                           \
    X(506, "Variant Also Negotiates")                                                              \
    X(507, "Insufficient Storage")                                                                 \
    X(508, "Loop Detected")                                                                        \
    X(511, "Network Authentication Required")

struct span status_reason(int status)
{
    switch (status) {
#define X(code, reason)                                                                            \
    case code:                                                                                     \
        return SPAN(reason);
        STATUSES(X)
#undef X
    default:
        return SPAN("");
    }
}

struct span status_line(int status)
{
    switch (status) {
#define X(code, reason)                                                                            \
    case code:                                                                                     \
        return SPAN("HTTP/1.1 " #code " " reason "\r\n");
        STATUSES(X)
#undef X
    default:
        return SPAN_NONE;
    }
}

bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

bool status_is_heuristic(int status)
{
    switch (status) {
    case 200:
    case 203:
    case 204:
    case 206:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 414:
    case 501:
        return true;
    default:
        return false;
    }
}
