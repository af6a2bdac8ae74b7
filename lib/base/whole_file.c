/* SPDX-License-Identifier: MIT
 *
 * A file is whole, or as it was before. */
#include "lib/base/whole_file.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP  4096
#define LINE_BYTES 4096 /* of a file that has little but its first line */

static int read_all(int fd, struct buf *out)
{
    struct stat st;
    size_t step = fstat(fd, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size + 1 : READ_STEP;
    for (;; step = READ_STEP) {
        char beyond;
        size_t left = out->max_bytes - out->n, size = left == 0 ? 1 : step < left ? step : left;
        char *room = left > 0 ? buf_room(out, size) : &beyond;
        ssize_t n = room != NULL ? read(fd, room, size) : 0;
        if (room == NULL || (n > 0 && left == 0))
            return ERR_TOO_BIG;
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_of_errno(errno);
        if (n > 0)
            buf_filled(out, (size_t)n);
    }
}

int whole_file_read(const char *file, struct buf *out)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_of_errno(errno);
    int err = read_all(fd, out);
    int failed = errno;
    close(fd);
    errno = failed;
    return err;
}

int whole_file_first_line(const char *file, struct buf *out)
{
    struct buf text;
    struct span rest;
    buf_init(&text, LINE_BYTES);
    int err = whole_file_read(file, &text);
    struct span line = span_cut(buf_span(&text), '\n', &rest);
    if (span_ends(line, SPAN("\r")))
        line.n--;
    if (err == 0)
        buf_add_span(out, span_trim(line));
    if (err == 0 && buf_overflowed(out))
        err = ERR_TOO_BIG;
    int failed = errno;
    buf_wipe(&text);
    errno = failed;
    return err;
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

bool whole_file_may_be_kept(const char *path)
{
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0)
        return true;
    if (errno != ENOENT)
        return false;
    char *folder = mem_strdup(path), *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder] = '\0';
    bool may = faccessat(AT_FDCWD, slash != NULL ? folder : ".", W_OK | X_OK, AT_EACCESS) == 0;
    int kept = errno;
    mem_free(folder);
    errno = kept;
    return may;
}
