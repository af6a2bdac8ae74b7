/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_CHECK_H
#define LIB_BASE_CHECK_H

/* Checks that stay on in every build, magic numbers, and the attributes that let the compiler
 * know a contract. A failed check prints its text and place to standard error and aborts. */

#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define MUST_USE     __attribute__((warn_unused_result))
#define NONNULL      __attribute__((nonnull))
#define NORETURN     __attribute__((noreturn))
#define PURE         __attribute__((pure))
#define LIKELY(e)    __builtin_expect(!!(e), 1)
#define UNLIKELY(e)  __builtin_expect(!!(e), 0)

/* For what cannot happen unless this program is wrong. Never for what a peer or a file may do. */
#define CHECK(e)                                                                                   \
    do {                                                                                           \
        if (UNLIKELY(!(e)))                                                                        \
            check_failed(#e, __FILE__, __LINE__);                                                  \
    } while (0)

/* o points to a live structure whose `magic` field is m. */
#define CHECK_OBJ(o, m) CHECK((o) != NULL && (o)->magic == (m))

#define ARRAY_LEN(a)                   (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, field) ((type *)(void *)((char *)(ptr)-offsetof(type, field)))

NORETURN void check_failed(const char *text, const char *file, int line);

#endif
