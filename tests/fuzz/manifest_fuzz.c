/* SPDX-License-Identifier: MIT */

/* Manifests of releases: what is read, written anew and read again is the same; names and paths
 * keep their bounds, and every file is found by its path. */
#include "lib/base/mem.h"
#include "origin/connect/manifest.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct manifest *m)
{
    CHECK(manifest_name_is_valid(m->name) && m->count <= MANIFEST_FILES_MAX);
    for (size_t i = 0; i < m->count; i++) {
        const struct manifest_file *f = &m->files[i];
        CHECK(f->path.n > 0 && f->path.n <= MANIFEST_PATH_MAX && f->size_bytes >= 0);
        const struct manifest_file *found = manifest_find(m, f->path);
        CHECK(found != NULL && span_eq(found->path, f->path));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest m = {.count = 0}, again = {.count = 0};
    struct buf why, text, text_again;
    buf_init(&why, 256);
    buf_init(&text, MANIFEST_MAX);
    buf_init(&text_again, MANIFEST_MAX);
    if (manifest_read(&m, span_make(data, size), &why) == 0) {
        check(&m);
        manifest_write(&m, &text);
        CHECK(manifest_read(&again, buf_span(&text), &why) == 0);
        manifest_write(&again, &text_again);
        CHECK(span_eq(buf_span(&text), buf_span(&text_again)));
    }
    manifest_finish(&m);
    manifest_finish(&again);
    buf_finish(&text);
    buf_finish(&text_again);
    buf_finish(&why);
    return 0;
}
