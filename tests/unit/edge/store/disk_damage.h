/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_EDGE_STORE_DISK_DAMAGE_H
#define TESTS_UNIT_EDGE_STORE_DISK_DAMAGE_H

#include "edge/store/disk_format.h"
#include "tests/unit/edge/store/disk_help.h"

/* What befalls a folder while nobody uses it. */

/* Turns one byte of every block in the folder's segments; of its payload or its record. */
static inline int blocks_flip(const char *path, bool is_payload)
{
    int flipped = 0;
    for (int n = 0; n < 100; n++) {
        char name[128];
        snprintf(name, sizeof(name), "%s/%06d.segment", path, n);
        int fd = open(name, O_RDWR);
        if (fd < 0)
            continue;
        struct disk_record r;
        struct disk_head head;
        struct stat s;
        assert_true(fstat(fd, &s) == 0 && pread(fd, &head, sizeof(head), 0) == sizeof(head));
        for (off_t at = DISK_PAGE; at + 64 < s.st_size; at += 64) {
            if (pread(fd, &r, sizeof(r), at) != sizeof(r) || !disk_is_block(&r) ||
                !disk_record_fits(&r, head.sequence, head.segment_bytes) ||
                disk_payload_of(&r, (uint64_t)at) != r.at)
                continue;
            off_t victim = is_payload ? (off_t)r.at + r.length / 2 : at + 16;
            uint8_t byte;
            assert_true(pread(fd, &byte, 1, victim) == 1);
            byte ^= 1;
            assert_true(pwrite(fd, &byte, 1, victim) == 1);
            flipped++;
            at = (off_t)disk_up((uint64_t)r.at + r.length, DISK_RECORD_ALIGN) - 64;
        }
        close(fd);
    }
    return flipped;
}

/* As after a crash: no segment has its foot. */
static inline void feet_remove(const char *path)
{
    for (int n = 0; n < 100; n++) {
        char name[128], page[DISK_PAGE] = "";
        struct stat s;
        snprintf(name, sizeof(name), "%s/%06d.segment", path, n);
        int fd = open(name, O_RDWR);
        if (fd < 0)
            continue;
        assert_true(fstat(fd, &s) == 0);
        assert_true(pwrite(fd, page, sizeof(page), s.st_size - DISK_PAGE) == DISK_PAGE);
        close(fd);
    }
}

#endif
