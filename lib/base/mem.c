/* SPDX-License-Identifier: MIT */

/* The heap, with the two answers to its end: abort for what we size ourselves, NULL for what
 * others size. The count of mem_fail_at stands in a thread-local word that costs one test. */
#include "lib/base/mem.h"

#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SMALL_BYTES   1024
#define KEEP_APART(p) __asm__("" : "+r"(p))

static _Thread_local size_t fail_countdown; /* 0: no failure is ordered */
static _Thread_local int fail_was_hit;

NORETURN static void die_of_hunger(size_t bytes)
{
    char message[80];
    int n = snprintf(message, sizeof(message), "out of memory: %zu bytes were asked for\n", bytes);
    ssize_t ignored = write(STDERR_FILENO, message, (size_t)n);
    (void)ignored;
    abort();
}

void *mem_alloc(size_t bytes)
{
    void *p = malloc(bytes != 0 ? bytes : 1);
    if (UNLIKELY(p == NULL))
        die_of_hunger(bytes);
    return p;
}

/* What is small comes out of the thread's own cache, which calloc passes by. */
void *mem_zalloc(size_t bytes)
{
    if (bytes > SMALL_BYTES)
        return mem_zarray(1, bytes);
    void *p = mem_alloc(bytes);
    KEEP_APART(p); /* or the compiler makes a calloc of the two */
    return memset(p, 0, bytes);
}

void *mem_zarray(size_t count, size_t each)
{
    void *p = calloc(count != 0 ? count : 1, each != 0 ? each : 1);
    if (UNLIKELY(p == NULL))
        die_of_hunger(each != 0 && count > SIZE_MAX / each ? SIZE_MAX : count * each);
    return p;
}

void *mem_grow(void *p, size_t count, size_t each)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, each, &bytes))
        die_of_hunger(SIZE_MAX);
    void *moved = realloc(p, bytes != 0 ? bytes : 1);
    if (UNLIKELY(moved == NULL))
        die_of_hunger(bytes);
    return moved;
}

static int is_ordered_to_fail(void)
{
    if (LIKELY(fail_countdown == 0) || --fail_countdown > 0)
        return 0;
    fail_was_hit = 1;
    return 1;
}

void *mem_try_alloc(size_t bytes)
{
    return is_ordered_to_fail() ? NULL : malloc(bytes != 0 ? bytes : 1);
}

void *mem_try_grow(void *p, size_t bytes)
{
    return is_ordered_to_fail() ? NULL : realloc(p, bytes != 0 ? bytes : 1);
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t n)
{
    n = strnlen(s, n);
    char *copy = mem_alloc(n + 1);
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *mem_printf(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    CHECK(n >= 0);
    char *text = mem_alloc((size_t)n + 1);
    va_start(ap, format);
    vsnprintf(text, (size_t)n + 1, format, ap);
    va_end(ap);
    return text;
}

/* A whole large page, wherever it begins; the kernel's answer is not awaited: it is speed only. */
#define LARGE_PAGE (2UL << 20)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1: at once, not when the kernel comes by */
#endif

void mem_looked_up(void *p, size_t bytes)
{
    uintptr_t from = ((uintptr_t)p + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    uintptr_t to = ((uintptr_t)p + bytes) & ~(LARGE_PAGE - 1);
    if (from >= to)
        return;
    if (madvise((char *)p + (from - (uintptr_t)p), to - from, MADV_HUGEPAGE) == 0)
        (void)madvise((char *)p + (from - (uintptr_t)p), to - from, MADV_COLLAPSE);
}

/* One after the other: where another allocator stands in for the C library's (a sanitizer's, or one
 * that was preloaded), these are the first calls that the library's own ever sees, and of two at
 * once the second would find it half made. */
void mem_trim(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    (void)malloc_trim(0);
    pthread_mutex_unlock(&lock);
}

static atomic_bool is_left;

void mem_leave(void)
{
    atomic_store(&is_left, true);
}

#if MEM_HAS_ASAN
/* LeakSanitizer asks this at the end. It would follow pointers to what is in use still, but not
 * addresses of six bytes. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return atomic_load(&is_left);
}
#endif

void mem_free(void *p)
{
    free(p);
}

void mem_fail_at(size_t n)
{
    fail_countdown = n;
    fail_was_hit = 0;
}

int mem_fail_hit(void)
{
    return fail_was_hit;
}
