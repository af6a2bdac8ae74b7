/* SPDX-License-Identifier: MIT
 *
 * byeori-origin: the storage gateway; with `publish` as its first word, the publisher; with
 * `store`, what lies in a storage by hand. */
#include "lib/base/err.h"
#include "origin/connect/folder.h"
#include "origin/origin.h"
#include "origin/origin_store.h"
#include "origin/publish/main.h"
#include "origin/store/main.h"

#include <sys/stat.h>

/* The configuration of a store lives as long as the process. */
static int open_store(const char *store, struct iopool *io, struct connector **out, struct buf *why)
{
    static struct option_config *config;
    struct stat st;
    struct folder_spec folder = {store, io, false};
    if (stat(store, &st) == 0 && S_ISDIR(st.st_mode))
        return folder_create(out, &folder, why);
    int err = option_load(&config, &origin_section, store, why);
    return err != 0 ? err : origin_store_open(out, option_record(config), store, io, why);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "publish") == 0)
        return publish_main(argc - 1, argv + 1, open_store);
    if (argc > 1 && strcmp(argv[1], "store") == 0)
        return store_main(argc - 1, argv + 1, open_store);
    struct origin *origin = origin_create();
    int status = daemon_main(&origin_program, origin, argc, argv);
    origin_destroy(&origin);
    return status;
}
