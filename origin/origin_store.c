/* SPDX-License-Identifier: MIT
 *
 * From the options to the storage that they name. */
#include "origin/origin_store.h"

#include "origin/connect/folder.h"
#include "origin/connect/storage_options.h"

int origin_store_open(struct connector **out, const struct origin_options *o, const char *file,
                      struct iopool *io, struct buf *why)
{
    struct folder_spec folder = {o->folder, io, o->uses_sendfile};
    if (o->storages.count > 0)
        return storage_create(out, o->storages.v, file, why);
    return folder_create(out, &folder, why);
}
