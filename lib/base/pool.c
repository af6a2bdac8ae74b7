/* SPDX-License-Identifier: MIT */

/* The allocator itself tells how much room a block has, so nothing stands in front of one, and a
 * block that rests here costs what it cost before. malloc gives 24 bytes of room, then 16 more for
 * each class: a block is of the class whose requests it can hold to the last byte.
 *
 * Under AddressSanitizer nothing is kept, so that a use after pool_free is seen. */
#include "lib/base/pool.h"

#include "lib/base/mem.h"

#include <malloc.h>
#include <string.h>

#define CLASS_BYTES 16
#define FIRST_BYTES 24 /* room of class 0 */

#define SPARE_MAX_BYTES (MEM_HAS_ASAN ? (size_t)0 : (size_t)1 << 20)

struct pool_spare {
    struct pool_spare *next;
};

/* The first class whose blocks have room for so many; POOL_CLASSES and more: of no class. */
static size_t class_for(size_t bytes)
{
    return bytes <= FIRST_BYTES ? 0 : (bytes - FIRST_BYTES + CLASS_BYTES - 1) / CLASS_BYTES;
}

/* The last class whose requests fit into the room. */
static size_t class_of(size_t room)
{
    return room < FIRST_BYTES ? POOL_CLASSES : (room - FIRST_BYTES) / CLASS_BYTES;
}

void *pool_try_alloc(struct pool *p, size_t bytes)
{
    size_t class = class_for(bytes);
    struct pool_spare *s = class < POOL_CLASSES ? p->spare[class] : NULL;
    if (s == NULL)
        return mem_try_alloc(bytes > FIRST_BYTES ? bytes : FIRST_BYTES);
    p->spare[class] = s->next;
    p->spare_bytes -= malloc_usable_size(s);
    return s;
}

void pool_free(struct pool *p, void *block)
{
    if (block == NULL)
        return;
    size_t room = malloc_usable_size(block), class = class_of(room);
    if (class >= POOL_CLASSES || p->spare_bytes + room > SPARE_MAX_BYTES) {
        mem_free(block);
        return;
    }
    struct pool_spare *s = block;
    s->next = p->spare[class];
    p->spare[class] = s;
    p->spare_bytes += room;
}

void *pool_try_grow(struct pool *p, void *block, size_t bytes)
{
    size_t room = block != NULL ? malloc_usable_size(block) : 0;
    if (block != NULL && bytes <= room)
        return block;
    void *moved = pool_try_alloc(p, bytes);
    if (moved == NULL || block == NULL)
        return moved;
    memcpy(moved, block, room);
    pool_free(p, block);
    return moved;
}

void pool_finish(struct pool *p)
{
    for (size_t i = 0; i < POOL_CLASSES; i++) {
        while (p->spare[i] != NULL) {
            struct pool_spare *s = p->spare[i];
            p->spare[i] = s->next;
            mem_free(s);
        }
    }
    p->spare_bytes = 0;
}
