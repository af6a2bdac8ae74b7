/* SPDX-License-Identifier: MIT */

/* Request heads. However the bytes arrive, the end of the head is the same. What is accepted holds
 * nothing that could be read in two ways, and what is written from it reads back to the same. */
#include "lib/base/check.h"
#include "lib/http/h1_read.h"
#include "lib/http/h1_write.h"
#include "tests/fuzz/fuzz.h"

static const struct h1_limits limits = {.target_bytes = 8192, .fields = 100};

static int scan_in_steps(const char *p, size_t n)
{
    struct h1_scan scan = {0};
    int end = 0;
    for (size_t i = 1; i <= n && end == 0; i++)
        end = h1_scan(&scan, p, i);
    return end;
}

static void check_accepted(const struct request_head *head)
{
    uint32_t codings = fields_count(&head->fields, FIELD_TRANSFER_ENCODING);
    uint32_t lengths = fields_count(&head->fields, FIELD_CONTENT_LENGTH);
    CHECK(codings == 0 || (codings == 1 && lengths == 0 && head->minor_version == 1));
    CHECK((head->content_length == LENGTH_UNKNOWN) == (codings == 1));
    CHECK(head->minor_version == 0 || fields_count(&head->fields, FIELD_HOST) == 1);
    CHECK(memchr(head->target.p, ' ', head->target.n) == NULL);
    for (uint32_t i = 0; i < head->fields.count; i++) {
        const struct field *f = &head->fields.v[i];
        CHECK(token_is_valid(f->name) && f->id == field_id_of(f->name));
        CHECK(f->value.n == 0 || memchr(f->value.p, '\n', f->value.n) == NULL);
        CHECK(span_eq(span_trim(f->value), f->value));
    }
}

static void check_written(const struct request_head *head, struct arena *mem, size_t n)
{
    struct request_head again;
    const char *why;
    size_t room = 2 * n + 1024; /* names.def may spell as long, framing is made here */
    char *out = arena_bytes(mem, room);
    ptrdiff_t written = h1_write_request(out, room, head);
    CHECK(written > 0);
    struct h1_limits same_scheme = limits;
    same_scheme.scheme = head->scheme;
    same_scheme.fields = UINT32_MAX;
    CHECK(h1_parse_request(&again, span_make(out, (size_t)written), mem, &same_scheme, &why) == 0);
    CHECK(span_eq(again.method_text, head->method_text) && span_eq(again.host, head->host));
    CHECK(span_eq(again.path, head->path) && span_eq(again.query, head->query));
    CHECK(again.port == head->port && again.content_length == head->content_length);
    CHECK(again.keeps_alive == head->keeps_alive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *p = (const char *)data, *why;
    struct h1_scan scan = {0};
    struct request_head head;
    struct arena mem;
    int end = h1_scan(&scan, p, n);
    CHECK(end == scan_in_steps(p, n));
    arena_init(&mem, 4 * n + (1 << 16));
    size_t length = end > 0 ? (size_t)end : n;
    int status = h1_parse_request(&head, span_make(p, length), &mem, &limits, &why);
    CHECK(status == 0 || (status >= 400 && status < 600 && why != NULL));
    CHECK(status != 0 || end > 0); /* the parser accepts only what the scanner calls a head */
    if (status == 0)
        check_accepted(&head);
    if (status == 0 && head.host.n != 0 && head.path.n != 0)
        check_written(&head, &mem, n);
    arena_finish(&mem);
    return 0;
}
