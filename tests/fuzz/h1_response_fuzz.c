/* SPDX-License-Identifier: MIT */

/* Response heads: where the body ends is never in doubt, and what is written reads back. The first
 * byte chooses the method of the request. */
#include "lib/base/check.h"
#include "lib/http/h1_read.h"
#include "lib/http/h1_write.h"
#include "tests/fuzz/fuzz.h"

static void check_framing(const struct response_head *head, enum method to)
{
    bool has_body = to != METHOD_HEAD && status_has_body(head->status);
    CHECK(head->status >= 100 && head->status <= 999);
    CHECK(has_body || (head->content_length == 0 && !head->is_chunked));
    CHECK(!head->is_chunked || head->is_zstd || head->content_length == LENGTH_UNKNOWN);
    CHECK(!head->is_zstd || head->is_chunked);
    CHECK(head->content_length >= 0 || head->is_chunked || !head->keeps_alive);
    CHECK(fields_count(&head->fields, FIELD_TRANSFER_ENCODING) <= 1);
    CHECK(!head->is_chunked || fields_count(&head->fields, FIELD_CONTENT_LENGTH) == 0);
}

static void check_written(const struct response_head *head, struct arena *mem, size_t n)
{
    struct response_head again;
    const char *why;
    const struct h1_response_framing framing = {head->content_length, head->is_chunked,
                                                !head->keeps_alive, 1, head->is_zstd};
    size_t room = 2 * n + 1024;
    char *out = arena_bytes(mem, room);
    ptrdiff_t written = h1_write_response(out, room, head, &framing);
    CHECK(written > 0);
    int err = h1_parse_response(&again, span_make(out, (size_t)written), METHOD_GET, mem, &why);
    if (err != 0) { /* a field more than may be read: the framing's own */
        CHECK(head->fields.count >= 98);
        return;
    }
    CHECK(again.status == head->status && again.is_chunked == head->is_chunked &&
          again.is_zstd == head->is_zstd);
    CHECK(again.content_length == head->content_length || head->content_length == LENGTH_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum method methods[] = {METHOD_GET, METHOD_HEAD, METHOD_CONNECT, METHOD_POST};
    if (n == 0)
        return 0;
    enum method to = methods[data[0] % ARRAY_LEN(methods)];
    struct span text = span_make(data + 1, n - 1);
    struct response_head head;
    struct arena mem;
    const char *why = NULL;
    arena_init(&mem, 4 * n + (1 << 16));
    int err = h1_parse_response(&head, text, to, &mem, &why);
    CHECK((err == 0) == (why == NULL));
    if (err == 0) {
        struct h1_scan scan = {0};
        CHECK(h1_scan(&scan, text.p, text.n) == (int)text.n);
        if (to != METHOD_CONNECT)
            check_framing(&head, to);
        if (to == METHOD_GET)
            check_written(&head, &mem, n);
    }
    arena_finish(&mem);
    return 0;
}
