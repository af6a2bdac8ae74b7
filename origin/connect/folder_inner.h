/* SPDX-License-Identifier: MIT */
/* private to origin/connect: what the folder's files share */
#ifndef ORIGIN_CONNECT_FOLDER_INNER_H
#define ORIGIN_CONNECT_FOLDER_INNER_H

#include "origin/connect/folder.h"

#include <stdint.h>

#define FOLDER_PATH_MAX 4096

struct folder {
    struct connector connector;
    int root_fd;
    struct iopool *io;
    bool uses_sendfile;
};

struct folder *folder_of(struct connector *c);
/* folder_open: relative to `at`, never leaving it; a descriptor, or -errno. resolve: more of
 * openat2's RESOLVE_ flags. */
int folder_open(int at, const char *path, uint64_t flags, uint64_t resolve);
int folder_err(int errnum);
/* folder_path: relative and zero-terminated into out; false: it cannot be the path of a file. */
bool folder_path(struct span path, char out[FOLDER_PATH_MAX]);

void folder_list(struct connector *c, struct connector_list *l);
void folder_put(struct connector *c, struct connector_put *p);
void folder_remove(struct connector *c, struct connector_remove *r);

#endif
