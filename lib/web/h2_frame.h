/* SPDX-License-Identifier: MIT */
/* Private to lib/web: the DATA frames of answers on HTTP/2, from pieces of bodies to the queue. */
#ifndef LIB_WEB_H2_FRAME_H
#define LIB_WEB_H2_FRAME_H

#include "lib/web/h2_stream.h"

/* Callbacks of nghttp2; the source's ptr is the stream. A piece goes into the frame by reference
 * and is advanced once it is written; short ones and those of files are copied. */
ssize_t h2_frame_read(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t room, uint32_t *flags,
                      nghttp2_data_source *source, void *session);
int h2_frame_send(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t length,
                  nghttp2_data_source *source, void *session);
ssize_t h2_frame_length(nghttp2_session *ng, uint8_t type, int32_t id, int32_t conn_window,
                        int32_t stream_window, uint32_t max_frame, void *session);

#endif
