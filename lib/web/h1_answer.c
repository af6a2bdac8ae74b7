/* SPDX-License-Identifier: MIT
 * The head of an answer: what the application said, what HTTP/1 needs for framing, and the lines
 * that every answer has. Runs on the exchange's loop. */
#include "lib/web/h1_answer.h"

#include "lib/http/h1_write.h"

/* Status line, framing fields, end of head. */
#define FRAMING_ROOM 160

static const char broken_head[] = "HTTP/1.1 500 Internal Server Error\r\n"
                                  "Content-Length: 0\r\nConnection: close\r\n\r\n";

static size_t room_for(const struct response_head *head)
{
    size_t room = FRAMING_ROOM + head->reason.n + head->fields.lines.n;
    for (uint32_t i = head->fields.lines_count; i < head->fields.count; i++)
        room += head->fields.v[i].name.n + head->fields.v[i].value.n + 4;
    return room;
}

static bool has_field(const struct response_head *head, enum field_id id)
{
    return fields_find(&head->fields, id, 0) != NULL;
}

/* The head's empty line gives way to the lines that every answer has. */
static size_t add_lines(char *end, const struct h1_answer_spec *spec)
{
    char *at = end - 2;
    if (!has_field(spec->head, FIELD_DATE))
        at = mempcpy(at, spec->date_line.p, spec->date_line.n);
    if (spec->server_line.n > 0 && !has_field(spec->head, FIELD_SERVER))
        at = mempcpy(at, spec->server_line.p, spec->server_line.n);
    memcpy(at, "\r\n", 2);
    return (size_t)(at + 2 - end);
}

bool h1_answer_begin(struct h1_out *o, struct exchange *x, const struct h1_answer_spec *spec,
                     struct body *body)
{
    const struct response_head *head = spec->head;
    struct h1_response_framing framing = {
        .content_length = head->content_length,
        .is_chunked = spec->framing == H1_CHUNKS,
        .is_zstd = head->is_zstd,
        .closes = spec->closes,
        .peer_minor_version = x->request.minor_version,
    };
    size_t room = room_for(head);
    char *out = arena_bytes(&x->mem, room + spec->date_line.n + spec->server_line.n);
    ptrdiff_t n = h1_write_response(out, room, head, &framing);
    if (n < 0 || arena_overflowed(&x->mem)) {
        body_close(&body);
        x->status = 500;
        h1_out_add(o, &x->mem, span_make(broken_head, sizeof broken_head - 1));
        h1_out_begin(o, H1_NO_BODY, 0, NULL);
        return false;
    }
    n += (ptrdiff_t)add_lines(out + n, spec);
    h1_out_add(o, &x->mem, span_make(out, (size_t)n));
    h1_out_begin(o, spec->framing, head->content_length, body);
    return true;
}

int h1_answer_inform(struct h1_out *o, struct exchange *x, const struct response_head *head)
{
    struct h1_response_framing framing = {.content_length = LENGTH_UNKNOWN,
                                          .peer_minor_version = x->request.minor_version};
    size_t room = room_for(head);
    char *out = arena_bytes(&x->mem, room);
    ptrdiff_t n = h1_write_response(out, room, head, &framing);
    if (n < 0)
        return (int)n;
    h1_out_add(o, &x->mem, span_make(out, (size_t)n));
    return 0;
}
