/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_STORE_COUNTERS_H
#define EDGE_STORE_STORE_COUNTERS_H

#include "lib/base/counter.h"

/* What the store counts, over all workers. */
#define STORE_COUNTERS(X)                                                                          \
    X(inserted, "objects that entered the index")                                                  \
    X(replaced, "objects that made room for a newer answer")                                       \
    X(evicted_objects, "objects that left for want of room")                                       \
    X(evicted_blocks, "blocks that left for want of room")                                         \
    X(evicted_bytes, "bytes that left for want of room")                                           \
    X(carried_bytes, "bytes that eviction moved because they were in use")                         \
    X(purged, "objects that a purge met")                                                          \
    X(no_space, "reservations refused because nothing could leave")                                \
    X(written_bytes, "bytes written into segments of memory")                                      \
    X(disk_written_bytes, "bytes written to disks, records and summaries and all")                 \
    X(disk_written_blocks, "blocks written to disks")                                              \
    X(disk_coded_blocks, "of disk_written_blocks, those that were written coded")                  \
    X(disk_coded_saved_bytes, "bytes that these were shorter than the blocks themselves")          \
    X(disk_code_refused, "blocks that it did not pay to code, by their sample or in whole")        \
    X(disk_coding_ns, "nanoseconds of processor time for samples and for coding")                  \
    X(disk_decoding_ns, "nanoseconds of processor time for decoding what was read")                \
    X(disk_moved_bytes,                                                                            \
      "bytes, as they lie, of blocks that were written again to outlive their segment")            \
    X(disk_read_bytes, "bytes of blocks read from disks")                                          \
    X(disk_read_blocks, "blocks read from disks")                                                  \
    X(disk_evicted_blocks, "blocks that left a disk for want of room")                             \
    X(disk_not_kept,                                                                               \
      "blocks, heads and drops not written: its queue was full, or the disk failed")               \
    X(disk_bypassed, "reads that went past a disk that was slow")                                  \
    X(disk_corrupt, "blocks on disks that did not match their checksum")                           \
    X(disk_scrubbed_bytes, "bytes of blocks that the scrub read and compared")                     \
    X(disk_scrubbed_blocks, "blocks that the scrub read and compared")                             \
    X(disk_scrub_damaged, "of disk_corrupt, those that the scrub found")                           \
    X(disk_scrub_rounds, "times the scrub came to the end of a disk")                              \
    X(disk_faults, "reads and writes that a disk failed")                                          \
    X(recovered_objects, "objects found on disks at the start")                                    \
    X(recovered_blocks, "blocks found on disks at the start")                                      \
    X(forgotten_objects, "objects found there whose heads memory had no room for")                 \
    X(forgotten_blocks, "blocks of recovered objects, the same")

struct store_counters {
#define X(name, help) counter_t name;
    STORE_COUNTERS(X)
#undef X
};

#endif
