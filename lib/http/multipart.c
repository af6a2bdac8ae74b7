/* SPDX-License-Identifier: MIT
 *
 * The parts of a multipart/byteranges body that are not the content itself. */
#include "lib/http/multipart.h"

static struct span part_head(const struct multipart_spec *spec, int i, struct arena *mem)
{
    char range[CONTENT_RANGE_ROOM];
    struct content_range cr = {spec->ranges[i].first, spec->ranges[i].last, spec->size};
    size_t n = content_range_write(range, &cr);
    bool has_type = spec->type.p != NULL;
    return arena_printf(mem, "%s--%.*s\r\n%s%.*s%sContent-Range: %.*s\r\n\r\n", i > 0 ? "\r\n" : "",
                        SPAN_FMT(spec->boundary), has_type ? "Content-Type: " : "",
                        has_type ? (int)spec->type.n : 0, has_type ? spec->type.p : "",
                        has_type ? "\r\n" : "", (int)n, range);
}

void multipart_plan(struct multipart *out, const struct multipart_spec *spec, struct arena *mem)
{
    out->before = arena_alloc(mem, sizeof *out->before * (size_t)spec->count);
    out->total_bytes = 0;
    for (int i = 0; i < spec->count; i++) {
        out->before[i] = part_head(spec, i, mem);
        out->total_bytes +=
            (int64_t)out->before[i].n + spec->ranges[i].last - spec->ranges[i].first + 1;
    }
    out->after = arena_printf(mem, "\r\n--%.*s--\r\n", SPAN_FMT(spec->boundary));
    out->total_bytes += (int64_t)out->after.n;
    out->content_type =
        arena_printf(mem, "multipart/byteranges; boundary=%.*s", SPAN_FMT(spec->boundary));
}
