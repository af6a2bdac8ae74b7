/* SPDX-License-Identifier: MIT
 * for tests: keys as a file has them */
#ifndef TESTS_UNIT_LIB_BASE_SEAL_KEYS_H
#define TESTS_UNIT_LIB_BASE_SEAL_KEYS_H

#include "lib/base/seal.h"

#include <stdlib.h>
#include <unistd.h>

#define SEAL_OLD "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
#define SEAL_NEW "ff112233445566778899aabbccddeeff00112233445566778899aabbccddee00\r\n"

/* seal_keys_read of a file with this text. */
static inline int seal_read_keys(const char *text, struct seal_keys **out, struct buf *why)
{
    char file[] = "/tmp/byeori-keys-XXXXXX";
    int fd = mkstemp(file);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    int err = seal_keys_read(out, file, why);
    close(fd);
    unlink(file);
    return err;
}

#endif
