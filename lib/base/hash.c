/* SPDX-License-Identifier: MIT */

/* XXH3 in its three uses. The seeded one takes a whole random secret rather than a seed word:
 * nobody who does not know it can compute collisions. Any thread. */
#include "lib/base/hash.h"

#include "lib/base/digest.h"
#include "lib/base/hash_wide.h"

#include <pthread.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define WIDE_BYTES 4096

static uint8_t secret[192];
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;
_Static_assert(sizeof(secret) >= XXH3_SECRET_SIZE_MIN, "XXH3 refuses a shorter one");

static void secret_draw(void)
{
    digest_random(secret, sizeof(secret));
}

uint64_t hash64(const void *p, size_t n)
{
    return n >= WIDE_BYTES ? hash64_wide(p, n) : XXH3_64bits(n > 0 ? p : "", n);
}

uint64_t hash64_seeded(const void *p, size_t n)
{
    pthread_once(&secret_once, secret_draw);
    return XXH3_64bits_withSecret(n > 0 ? p : "", n, secret, sizeof(secret));
}

struct hash128 hash128(const void *p, size_t n, uint64_t seed)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(n > 0 ? p : "", n, seed);
    return (struct hash128){.lo = h.low64, .hi = h.high64};
}
