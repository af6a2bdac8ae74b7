/* SPDX-License-Identifier: MIT
 * Budgets against floods. What nghttp2 bounds by itself (CONTINUATION, entries of SETTINGS, answers
 * that wait to be sent, sizes of tables) is left to it. */
#include "lib/web/h2_guard.h"

/* A browser that leaves a page resets all of its streams at once, and does so every few seconds;
 * clients that probe the bandwidth send some PINGs a second. */
#define FRAMES_BURST 500
#define FRAMES_PER_S 100
#define RESETS_BURST 400
#define RESETS_PER_S 40

void h2_guard_init(struct h2_guard *g, msec_t now)
{
    bucket_init(&g->frames, FRAMES_PER_S, FRAMES_BURST, now);
    bucket_init(&g->resets, RESETS_PER_S, RESETS_BURST, now);
}

/* Padding, 256 bytes at most with its length, can make an empty frame look long. */
static bool is_empty_data(const nghttp2_frame_hd *hd)
{
    size_t padding = (hd->flags & NGHTTP2_FLAG_PADDED) != 0 ? 256 : 0;
    return hd->length <= padding && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0;
}

bool h2_guard_received(struct h2_guard *g, const nghttp2_frame_hd *hd, msec_t now)
{
    switch (hd->type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_WINDOW_UPDATE: /* answered by nothing, and many where windows are small */
        return true;
    case NGHTTP2_DATA:
        return !is_empty_data(hd) || bucket_take(&g->frames, 1, now);
    case NGHTTP2_RST_STREAM:
        return bucket_take(&g->resets, 1, now);
    default:
        return bucket_take(&g->frames, 1, now);
    }
}

bool h2_guard_sent_reset(struct h2_guard *g, uint32_t error_code, msec_t now)
{
    if (error_code == NGHTTP2_NO_ERROR || error_code == NGHTTP2_INTERNAL_ERROR)
        return true; /* our own doing */
    return bucket_take(&g->resets, 1, now);
}
