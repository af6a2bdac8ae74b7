/* SPDX-License-Identifier: MIT
 * private to edge/store: one disk: what waits for it, who serves it, how it is */
#ifndef EDGE_STORE_DISK_H
#define EDGE_STORE_DISK_H

#include "edge/store/disk_sync.h"
#include "edge/store/generation_inner.h"
#include "edge/store/medium_disk.h"
#include "edge/store/object_image.h"

/* Each disk has one thread that writes, in order, and a few that read. Workers put jobs into two
 * bounded queues and never wait; what comes of a job shows in the block's state, and who follows
 * the generation is woken by that.
 *
 *   block:  PRESENT ─ keep ─> (queued, its memory pinned) ─ written ─> PRESENT, and on the disk
 *           PRESENT, on the disk ─ evicted from memory ─> STORED ─ load ─> FILLING ─> PRESENT
 *
 *   segment of the disk:  FREE ─> OPEN ─ full ─> SEALED ─ oldest, room is needed ─> FREE
 *
 * The disk's lock comes after all others (segment.h). */
enum disk_job_kind {
    DISK_JOB_BLOCK,  /* memory to disk */
    DISK_JOB_MOVE,   /* disk to disk, before its segment is written over */
    DISK_JOB_LOAD,   /* disk to memory */
    DISK_JOB_OBJECT, /* the head of the generation's object */
    DISK_JOB_DROP,   /* the generation's object is gone for good */
    DISK_JOB_PURGE,  /* a purge, for what is on the disk */
    DISK_JOB_SYNC,   /* all before it outlives the machine; then somebody is told */
    DISK_JOB_SPREAD, /* the disk has none but its own keys, among those that there are now */
};

struct disk_job {
    struct list link;
    enum disk_job_kind kind;
    uint32_t bytes;                /* of the block */
    struct generation *generation; /* referenced; NULL for DROP */
    uint64_t id;                   /* DROP: of the generation; SPREAD: of the disks */
    int64_t index;
    uint64_t checksum;
    struct segment *segment; /* BLOCK, LOAD: pinned; where it is, or goes, in memory */
    bool has_pages;          /* LOAD: all of its place there */
    uint32_t offset;
    uint32_t disk_segment, disk_at; /* MOVE, LOAD: where it is on the disk; a spot */
    uint32_t written_at;            /* BLOCK, MOVE: where it is written; a spot */
    msec_t since;                   /* LOAD: when it was queued, or taken up */
    struct disk_record record;      /* BLOCK, MOVE, PURGE: what is written; PURGE: its payload */
    uint8_t *payload;
    struct disk_sync *sync; /* SYNC: referenced */
};

#define DISK_LOADERS     8
#define DISK_THREADS_MAX (DISK_LOADERS + 3)
#define DISK_RUN         4 /* blocks that wake one loader; neighbours are read in one go */
#define DISK_LOADING_MAX (DISK_LOADERS * DISK_RUN)
#define DISK_LOADS_MAX   512 /* and an eighth of memory: beyond it readers go past the store */
#define DISK_LOADS_MIN   16  /* of the bound, whatever the memory */
#define DISK_LOADS_SLOW  1   /* the bound while the disk is slow */
#define DISK_FAULTS_MAX  4   /* reads in a row that may fail before the disk is dead */
#define DISK_FLUSH_BYTES (1u << 20) /* what is written waits for company up to here */
#define DISK_FLUSH_MS    500        /* and, from its first record on, no longer than that */
#define DISK_PROBE_MS    5000
#define DISK_QUEUE_BYTES ((int64_t)64 << 20) /* pinned in memory at most, and a quarter of it */

enum disk_segment_state { DISK_SEGMENT_FREE, DISK_SEGMENT_OPEN, DISK_SEGMENT_SEALED };

struct disk_segment {
    uint64_t sequence; /* 0: never written. The writer's own, as what follows */
    uint64_t turn;     /* the writer's sequence when it was passed over last (disk_turn.h) */
    uint8_t state;
    bool is_barred;   /* its file could not be made */
    bool is_unsynced; /* SEALED, and may not outlive the machine yet */
    uint32_t readers; /* loads under way: under the disk's lock */
    /* any: bytes of pinned generations, as counted when they came or were pinned, and the last
     * moment that one of them is */
    _Atomic uint32_t pinned_bytes;
    _Atomic msec_t pinned_until;
};

/* The writer's own. */
struct disk_writer {
    uint8_t *buffer;
    size_t room;
    uint32_t segment;    /* the OPEN one, or SEGMENT_NONE */
    uint32_t flushed;    /* bytes of it that lie on the disk */
    uint32_t filled;     /* bytes in the buffer, to come after them */
    uint32_t pinned;     /* bytes of memory that jobs in the buffer pin */
    uint32_t records;    /* in the segment */
    struct buf summary;  /* of the segment */
    struct list pending; /* jobs in the buffer */
    msec_t pending_since;
    uint64_t sequence;        /* the highest in use */
    msec_t barred_until;      /* when files are tried to be made again */
    bool has_missed;          /* a purge or a drop came while it was dead */
    struct buf image;         /* of an object, while it is written */
    struct buf orders;        /* that outlive their segment (disk_orders.h) */
    uint8_t *moved;           /* a block, while it is moved; as large as the buffer */
    struct disk_coder *coder; /* disk_code.h */
};

struct disk_recovery;
struct disk {
    /* constant */
    struct store *store;
    uint32_t number;
    int loads_max;
    double weight;
    uint64_t name_hash;
    struct medium_disk medium;
    /* owns: whether the key is d's, if all disks are well. */
    bool (*owns)(const struct disk *d, uint64_t key_hash);
    struct disk_segment *segments;
    struct disk_recovery *recovery; /* its thread's own, from the start until it ends */
    /* any */
    _Atomic uint32_t unread; /* segments whose records are not known yet; 0: all is */
    _Atomic int state;       /* enum store_disk_state */
    _Atomic bool has_unmade; /* segments whose files may still be made */
    _Atomic bool has_strays; /* it has, or is about to have, objects that are another disk's */
    _Atomic int64_t queued_bytes, used_bytes;
    _Atomic int loads_out;      /* queued and running */
    _Atomic uint32_t faults;    /* reads that failed in a row */
    _Atomic msec_t progress_at; /* a load ended last, or began when there was none */
    _Atomic msec_t probe_at;    /* when a dead disk is tried again */
    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t has_write, has_load, has_left, has_end; /* has_left: a segment's last load */
    struct list writes, loads, loading; /* loading: those that a thread has taken */
    bool is_ending, is_recovering;
    int threads_count;
    pthread_t threads[DISK_THREADS_MAX];
    struct disk_writer writer;
};

/* disk_init: opened, nothing read yet, no threads. disk_finish: half-made is fine. */
MUST_USE int disk_init(struct disk *d, struct store *st, const struct store_disk *config,
                       struct buf *why);
void disk_finish(struct disk *d);

static inline bool disk_is_up(const struct disk *d)
{
    return atomic_load_explicit(&d->state, memory_order_relaxed) != STORE_DISK_DEAD;
}

/* disk_may_write: takes room in the queue until the job is done. disk_may_load: for one load. */
MUST_USE bool disk_may_write(struct disk *d, uint32_t bytes);
bool disk_is_behind(const struct disk *d); /* half of that room is taken */
bool disk_has_room(const struct disk *d);  /* never used; and it is not behind */
MUST_USE bool disk_may_load(struct disk *d);
/* disk_load_done: has_come: it was read, well or not. */
void disk_load_done(struct disk *d, bool has_come);
/* disk_is_slow: it said so, or has given nothing back for long, though it was asked. */
bool disk_is_slow(struct disk *d);
void disk_write(struct disk *d, struct disk_job *j); /* takes the job */
void disk_load(struct disk *d, struct disk_job *j);  /* the same; it waits for _go */
void disk_load_go(struct disk *d, int count);        /* so many came */
/* For the threads. disk_take_loads: the next, and those behind it that can be read with it; 0: the
 * end. disk_end_load: it was done. disk_take_writes: whatever there is; waits for wait_ms at most
 * (-1: until there is something); false: the end. disk_rest: waits so long; false: the end. */
int disk_take_loads(struct disk *d, struct disk_job *out[DISK_RUN]);
void disk_end_load(struct disk *d, struct disk_job *j);
bool disk_rest(struct disk *d, msec_t wait_ms);
/* disk_take_waiting: one that no thread has taken, or NULL. disk_take_late: generation and index of
 * those that were taken before `since`, referenced; their number. */
struct disk_job *disk_take_waiting(struct disk *d);
struct disk_late {
    struct generation *generation;
    int64_t index;
};
int disk_take_late(struct disk *d, msec_t since, struct disk_late out[DISK_LOADING_MAX]);
bool disk_take_writes(struct disk *d, struct list *out, msec_t wait_ms);
void disk_end(struct disk *d); /* nothing more is taken; threads end when all is done */

/* disk_recovered: its thread has ended; is_whole: the records of all segments are known.
 * disk_wait_recovered: until then, at most so long (-1: for ever); false: they are not yet, or the
 * disk is to end. */
void disk_recovered(struct disk *d, bool is_whole);
bool disk_wait_recovered(struct disk *d, msec_t max_ms);

/* disk_segment_enter: nobody writes over the segment until it is left. */
void disk_segment_enter(struct disk *d, uint32_t segment);
void disk_segment_leave(struct disk *d, uint32_t segment);
void disk_segment_wait(struct disk *d, uint32_t segment); /* until nobody is in it */
/* disk_segment_pin: so many bytes more of it are pinned, until then (monotonic).
 * disk_segment_is_pinned: most of it is. */
void disk_segment_pin(struct disk *d, uint32_t segment, uint32_t bytes, msec_t until);
bool disk_segment_is_pinned(const struct disk *d, uint32_t segment);

/* disk_read_told: how a read went: one that fails is its record's fault, several in a row are the
 * disk's (errno tells why). disk_fault: errno tells why. disk_set_state: a line of log for each
 * change. */
void disk_read_told(struct disk *d, msec_t took_ms, bool is_good);
void disk_fault(struct disk *d, const char *doing);
void disk_set_state(struct disk *d, enum store_disk_state state, const char *why);

/* disk_job_make: of a kind, with nothing. disk_drop: what the disk has of a generation is gone for
 * good. disk_job_free: gives back what it holds. */
struct disk_job *disk_job_make(enum disk_job_kind kind) __attribute__((returns_nonnull));
void disk_drop(struct disk *d, uint64_t id);
void disk_job_free(struct disk_job *j);

#endif
