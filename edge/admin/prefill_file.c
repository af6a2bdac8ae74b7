/* SPDX-License-Identifier: MIT
 *
 * One file a job, written when it is ordered and dropped when nothing of it is left to be done. */
#include "edge/admin/prefill_file.h"

#include "lib/base/whole_file.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (2 * PREFILL_BODY_BYTES) /* as it is written may be longer than as it came */

static char *path_of(const char *folder, struct span id)
{
    return mem_printf("%s/%.*s" PREFILL_FILE_ENDING, folder, SPAN_FMT(id));
}

int prefill_file_open(const char *folder)
{
    if (folder[0] == '\0' || mkdir(folder, 0750) == 0 || errno == EEXIST)
        return 0;
    return err_of_errno(errno);
}

int prefill_file_save(const char *folder, const struct prefill_order *order)
{
    struct buf text;
    struct json_out o;
    if (folder[0] == '\0')
        return 0;
    char *path = path_of(folder, order->id);
    buf_init(&text, FILE_BYTES);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    prefill_order_write(order, &o);
    json_out_end_object(&o);
    int err = buf_overflowed(&text) ? ERR_TOO_BIG : whole_file_replace(path, buf_span(&text));
    buf_finish(&text);
    mem_free(path);
    return err;
}

void prefill_file_drop(const char *folder, struct span id)
{
    if (folder[0] == '\0')
        return;
    char *path = path_of(folder, id);
    (void)unlink(path);
    mem_free(path);
}

static void read_one(const char *path, msec_t now_wall, prefill_file_fn fn, void *ctx)
{
    struct prefill_order order;
    struct json_in in = {0};
    struct arena mem;
    struct buf text;
    buf_init(&text, FILE_BYTES + 1024);
    arena_init(&mem, 2 * FILE_BYTES);
    int err = whole_file_read(path, &text);
    if (err == 0)
        err = json_in_parse(&in, buf_span(&text), FILE_BYTES);
    if (err == 0)
        prefill_order_read(&in, in.root, now_wall, &order, &mem);
    if (err == 0 && !json_in_is_faulty(&in) && order.id.n > 0 && !arena_overflowed(&mem))
        fn(ctx, &order);
    else
        LOG_WARN("prefill-not-read", "file=%s reason=\"%s\"", path,
                 in.fault[0] != '\0' ? in.fault : err_text(err));
    json_in_finish(&in);
    arena_finish(&mem);
    buf_finish(&text);
}

void prefill_file_each(const char *folder, msec_t now_wall, prefill_file_fn fn, void *ctx)
{
    DIR *d = folder[0] != '\0' ? opendir(folder) : NULL;
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        struct span name = span_of(e->d_name), ending = SPAN(PREFILL_FILE_ENDING);
        if (name.n <= ending.n || !span_eq(span_skip(name, name.n - ending.n), ending))
            continue;
        char *path = mem_printf("%s/%s", folder, e->d_name);
        read_one(path, now_wall, fn, ctx);
        mem_free(path);
    }
    if (d != NULL)
        closedir(d);
}
