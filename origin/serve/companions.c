/* SPDX-License-Identifier: MIT
 *
 * Which encoded form of a file a client may have. Pure. */
#include "origin/serve/companions.h"

#include "lib/base/digest.h"
#include "lib/http/accept.h"

#include <string.h>

/* In order of preference where a client takes several alike: the smallest first. */
static const struct kind {
    const char *name, *coding;
} kinds[] = {{"dcz", "dcz"}, {"zst", "zstd"}, {"br", "br"}, {"gz", "gzip"}};

bool companions_is_known(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return true;
    return false;
}

static bool rule_has(const struct field_rule *rule, const char *name)
{
    for (size_t i = 0; rule != NULL && i < rule->companions.count; i++)
        if (strcmp(rule->companions.v[i], name) == 0)
            return true;
    return false;
}

/* ".dcz-<hex>" of the dictionary that the client has (RFC 9842 s.2.2: a byte sequence of 32 bytes);
 * empty: it has none. */
static struct span dictionary_suffix(const struct fields *request)
{
    const struct field *f = fields_find_named(request, SPAN("Available-Dictionary"), 0);
    uint8_t sha256[DIGEST_SHA256_BYTES];
    char hex[2 * DIGEST_SHA256_BYTES + 1];
    struct span text = f != NULL ? f->value : SPAN_NONE;
    if (text.n < 2 || text.p[0] != ':' || text.p[text.n - 1] != ':' ||
        !digest_unbase64(span_make(text.p + 1, text.n - 2), sha256, sizeof sha256))
        return SPAN_NONE;
    digest_hex(sha256, sizeof sha256, hex);
    return arena_printf(request->mem, ".dcz-%s", hex);
}

static void add(struct companion *out, int *qualities, int *count, struct companion one,
                int quality)
{
    int at = (*count)++;
    for (; at > 0 && qualities[at - 1] < quality; at--) {
        out[at] = out[at - 1];
        qualities[at] = qualities[at - 1];
    }
    out[at] = one;
    qualities[at] = quality;
}

int companions_choose(const struct field_rule *rule, const struct fields *request,
                      struct companion out[COMPANIONS_MAX])
{
    int qualities[COMPANIONS_MAX], count = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct companion one = {.coding = span_of(kinds[i].coding)};
        int quality =
            rule_has(rule, kinds[i].name) ? accept_coding_quality(request, one.coding) : 0;
        if (quality == 0)
            continue;
        one.suffix =
            i == 0 ? dictionary_suffix(request) : arena_printf(request->mem, ".%s", kinds[i].name);
        if (one.suffix.n > 0)
            add(out, qualities, &count, one, quality);
    }
    add(out, qualities, &count, (struct companion){.coding = SPAN_NONE},
        accept_coding_quality(request, SPAN("identity")));
    return count;
}

struct span companions_vary(const struct field_rule *rule)
{
    if (rule == NULL || rule->companions.count == 0)
        return SPAN_NONE;
    return rule_has(rule, "dcz") ? SPAN("Accept-Encoding, Available-Dictionary")
                                 : SPAN("Accept-Encoding");
}
