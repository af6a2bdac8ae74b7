/* SPDX-License-Identifier: MIT */

/* Arenas: a bump pointer in chunks of 4 KiB that circulate between the arenas of a thread and its
 * free list, so that a request whose needs are small touches no allocator and no lock. What does
 * not fit the newest chunk and is larger than ARENA_OWN_BYTES gets a chunk of its own behind it;
 * so at most a quarter of a chunk is ever left unused.
 *
 * Past the limit, memory is still real and each piece distinct (two structures in one shared
 * scratch would corrupt each other's pointers before anybody asked arena_overflowed); past
 * ARENA_EXCESS_BYTES more, somebody builds without bound and never asks: the program is wrong.
 *
 * Under AddressSanitizer what is not handed out is poisoned, so a use after reset is seen. */
#include "lib/base/arena.h"

#include "lib/base/mem.h"

#include <pthread.h>
#include <stdio.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define ARENA_CHUNK_BYTES  4096
#define ARENA_OWN_BYTES    1024
#define ARENA_ALIGN        _Alignof(max_align_t)
#define ARENA_EXCESS_BYTES ((size_t)16 << 20)
#define ARENA_FREE_CHUNKS  256 /* 1 MiB a thread */

struct arena_chunk {
    struct arena_chunk *next;
    size_t room_bytes;
    _Alignas(ARENA_ALIGN) char room[];
};
#define ARENA_ROOM_BYTES (ARENA_CHUNK_BYTES - offsetof(struct arena_chunk, room))
_Static_assert(ARENA_ROOM_BYTES > ARENA_OWN_BYTES, "a small piece fits an empty chunk");

/* The thread's spare chunks, all of the common size. Freed when the thread ends. */
static _Thread_local struct {
    struct arena_chunk *first;
    int count;
    bool is_announced; /* to the key whose destructor frees them */
} spare;
static pthread_key_t spare_key;
static pthread_once_t spare_once = PTHREAD_ONCE_INIT;

static void chunk_free(struct arena_chunk *c)
{
    UNPOISON(c->room, c->room_bytes);
    mem_free(c);
}

static void spare_free(void *unused)
{
    (void)unused;
    for (struct arena_chunk *next; spare.first != NULL; spare.first = next) {
        next = spare.first->next;
        chunk_free(spare.first);
    }
    spare.count = 0;
    spare.is_announced = false; /* a later destructor of this thread may finish one more arena */
}

static void spare_key_create(void)
{
    CHECK(pthread_key_create(&spare_key, spare_free) == 0);
}

static void spare_announce(void)
{
    pthread_once(&spare_once, spare_key_create);
    CHECK(pthread_setspecific(spare_key, &spare) == 0);
    spare.is_announced = true;
}

static struct arena_chunk *chunk_create(size_t room_bytes)
{
    struct arena_chunk *c = spare.first;
    if (room_bytes == ARENA_ROOM_BYTES && c != NULL) {
        spare.first = c->next;
        spare.count--;
        return c;
    }
    c = mem_alloc(offsetof(struct arena_chunk, room) + room_bytes);
    c->room_bytes = room_bytes;
    POISON(c->room, room_bytes);
    return c;
}

static void chunk_release(struct arena_chunk *c)
{
    if (c->room_bytes != ARENA_ROOM_BYTES || spare.count >= ARENA_FREE_CHUNKS) {
        chunk_free(c);
        return;
    }
    if (UNLIKELY(!spare.is_announced))
        spare_announce();
    POISON(c->room, c->room_bytes);
    c->next = spare.first;
    spare.first = c;
    spare.count++;
}

void arena_init(struct arena *a, size_t limit_bytes)
{
    *a = (struct arena){.limit_bytes = limit_bytes};
}

static void use_chunk(struct arena *a, struct arena_chunk *c)
{
    a->at = c->room;
    a->end = c->room + c->room_bytes;
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *kept = NULL;
    for (struct arena_chunk *c = a->chunks, *next; c != NULL; c = next) {
        next = c->next;
        if (kept == NULL && c->room_bytes == ARENA_ROOM_BYTES)
            kept = c;
        else
            chunk_release(c);
    }
    *a = (struct arena){.chunks = kept, .limit_bytes = a->limit_bytes};
    if (kept != NULL) {
        kept->next = NULL;
        POISON(kept->room, kept->room_bytes);
        use_chunk(a, kept);
    }
}

void arena_finish(struct arena *a)
{
    for (struct arena_chunk *c = a->chunks, *next; c != NULL; c = next) {
        next = c->next;
        chunk_release(c);
    }
    arena_init(a, a->limit_bytes);
}

/* A piece that does not fit the newest chunk. */
static char *take_new_chunk(struct arena *a, size_t bytes)
{
    bool is_own = bytes > ARENA_OWN_BYTES;
    struct arena_chunk *c = chunk_create(is_own ? bytes : ARENA_ROOM_BYTES);
    UNPOISON(c->room, bytes);
    if (is_own && a->chunks != NULL) {
        c->next = a->chunks->next;
        a->chunks->next = c;
        return c->room;
    }
    c->next = a->chunks;
    a->chunks = c;
    use_chunk(a, c);
    a->at += bytes;
    return c->room;
}

/* Past the limit, or of what does not fit the newest chunk. */
static char *take_slowly(struct arena *a, size_t bytes, size_t align)
{
    bool is_over =
        a->is_overflowed || a->used_bytes + bytes < bytes || a->used_bytes + bytes > a->limit_bytes;
    if (is_over) {
        a->is_overflowed = true;
        CHECK(bytes <= ARENA_EXCESS_BYTES);
        CHECK(a->used_bytes + bytes <= a->limit_bytes + ARENA_EXCESS_BYTES);
    }
    a->used_bytes += bytes;
    char *p = a->at;
    size_t pad = -(uintptr_t)p & (align - 1), room = (size_t)(a->end - a->at);
    if (room < bytes || room - bytes < pad) {
        p = take_new_chunk(a, bytes);
    } else {
        p += pad;
        a->at = p + bytes;
        UNPOISON(p, bytes);
    }
    if (is_over)
        memset(p, 0, bytes);
    return p;
}

/* bytes are a size, and far from the end of the address space; so are limits. */
static inline char *take(struct arena *a, size_t bytes, size_t align)
{
    size_t pad = -(uintptr_t)a->at & (align - 1);
    if (bytes == 0)
        bytes = 1;
    if (UNLIKELY((size_t)(a->end - a->at) < bytes + pad || bytes + pad < bytes ||
                 a->used_bytes + bytes > a->limit_bytes || a->is_overflowed))
        return take_slowly(a, bytes, align);
    char *p = a->at + pad;
    a->at = p + bytes;
    a->used_bytes += bytes;
    UNPOISON(p, bytes);
    return p;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    return take(a, bytes, ARENA_ALIGN);
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
    return memset(take(a, bytes, ARENA_ALIGN), 0, bytes);
}

char *arena_bytes(struct arena *a, size_t bytes)
{
    return take(a, bytes, 1);
}

struct span arena_dup(struct arena *a, struct span s)
{
    if (s.n == 0)
        return s.p == NULL ? SPAN_NONE : SPAN("");
    return span_make(memcpy(take(a, s.n, 1), s.p, s.n), s.n);
}

char *arena_cstr(struct arena *a, struct span s)
{
    char *copy = take(a, s.n + 1, 1);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

struct span arena_vprintf(struct arena *a, const char *format, va_list ap)
{
    char small[512];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof(small), format, ap);
    CHECK(n >= 0);
    char *text = take(a, (size_t)n + 1, 1);
    if ((size_t)n < sizeof(small))
        memcpy(text, small, (size_t)n + 1);
    else
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return span_make(text, (size_t)n);
}

struct span arena_printf(struct arena *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    struct span s = arena_vprintf(a, format, ap);
    va_end(ap);
    return s;
}

struct span arena_join(struct arena *a, const struct span *parts, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].n;
    char *text = take(a, bytes, 1), *at = text;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].n > 0)
            at = (char *)memcpy(at, parts[i].p, parts[i].n) + parts[i].n;
    }
    return span_make(text, bytes);
}
