/* SPDX-License-Identifier: MIT
 *
 * A file is whole, or as it was before. */
#include "edge/admin/whole_file.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define READ_STEP 1024

int whole_file_read(const char *file, struct buf *out)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_of_errno(errno);
    ssize_t n = 1;
    while (n > 0) {
        char *room = buf_room(out, READ_STEP);
        n = room != NULL ? read(fd, room, READ_STEP) : -1;
        if (n > 0)
            buf_filled(out, (size_t)n);
    }
    close(fd);
    return n < 0 ? ERR_IO : 0;
}

static int write_all(int fd, struct span text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EINTR)
            return err_of_errno(errno);
        if (n > 0)
            text = span_skip(text, (size_t)n);
    }
    return fsync(fd) == 0 ? 0 : ERR_IO;
}

static int write_beside(const char *beside, struct span text)
{
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_of_errno(errno);
    int err = write_all(fd, text);
    if (close(fd) != 0 && err == 0)
        err = ERR_IO;
    return err;
}

int whole_file_replace(const char *file, struct span text)
{
    char *beside = mem_printf("%s.new", file);
    int err = write_beside(beside, text);
    if (err == 0 && rename(beside, file) != 0)
        err = err_of_errno(errno);
    if (err != 0)
        unlink(beside);
    mem_free(beside);
    return err;
}
