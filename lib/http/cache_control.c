/* SPDX-License-Identifier: MIT */

/* Cache-Control into numbers and statements. What follows from them is decided in edge/policy. */
#include "lib/http/cache_control.h"

#include "lib/http/chars.h"

enum directive_kind {
    AGE_LIMIT, /* a number; unreadable: 0 */
    ALLOWANCE, /* a number, the lesser holds; unreadable: as absent */
    DEMAND,    /* a number, the greater holds; unreadable: as absent */
    RESTRICTS, /* holds whatever argument stands behind it */
    PERMITS,   /* holds only as it is defined, without argument */
    OF_FIELDS  /* restricts; may be for some fields only */
};

#define AT(field) offsetof(struct cache_control, field)
static const struct {
    struct span name;
    enum directive_kind kind;
    size_t at, fields_at;
} directives[] = {
    {{"max-age", 7}, AGE_LIMIT, AT(max_age), 0},
    {{"s-maxage", 8}, AGE_LIMIT, AT(s_maxage), 0},
    {{"no-store", 8}, RESTRICTS, AT(no_store), 0},
    {{"no-cache", 8}, OF_FIELDS, AT(no_cache), AT(no_cache_fields)},
    {{"private", 7}, OF_FIELDS, AT(is_private), AT(private_fields)},
    {{"public", 6}, PERMITS, AT(is_public), 0},
    {{"immutable", 9}, PERMITS, AT(is_immutable), 0},
    {{"must-revalidate", 15}, RESTRICTS, AT(must_revalidate), 0},
    {{"proxy-revalidate", 16}, RESTRICTS, AT(proxy_revalidate), 0},
    {{"must-understand", 15}, PERMITS, AT(must_understand), 0},
    {{"no-transform", 12}, RESTRICTS, AT(no_transform), 0},
    {{"only-if-cached", 14}, RESTRICTS, AT(only_if_cached), 0},
    {{"max-stale", 9}, ALLOWANCE, AT(max_stale), 0},
    {{"min-fresh", 9}, DEMAND, AT(min_fresh), 0},
    {{"stale-while-revalidate", 22}, ALLOWANCE, AT(stale_while_revalidate), 0},
    {{"stale-if-error", 14}, ALLOWANCE, AT(stale_if_error), 0},
};

void cache_control_init(struct cache_control *cc)
{
    *cc = (struct cache_control){.max_age = DELTA_NONE,
                                 .s_maxage = DELTA_NONE,
                                 .min_fresh = DELTA_NONE,
                                 .stale_while_revalidate = DELTA_NONE,
                                 .stale_if_error = DELTA_NONE,
                                 .max_stale = DELTA_NONE};
}

bool delta_seconds(struct span s, sec_t *out)
{
    sec_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is_digit(s.p[i]))
            return false;
        v = v * 10 + (s.p[i] - '0');
        if (v > DELTA_MAX)
            v = DELTA_MAX;
    }
    *out = v;
    return true;
}

/* What stands behind a directive's name. */
struct argument {
    bool is_there, is_right; /* right: token or quoted string, without the quotes */
    struct span text;
};

static struct argument read_argument(struct span behind)
{
    struct argument a = {.is_there = behind.n != 0};
    if (behind.n == 0 || behind.p[0] != '=')
        return a;
    a.text = span_skip(behind, 1);
    if (a.text.n >= 2 && a.text.p[0] == '"' && a.text.p[a.text.n - 1] == '"') {
        a.text = span_make(a.text.p + 1, a.text.n - 2);
        a.is_right = span_index(a.text, '"') < 0 && span_index(a.text, '\\') < 0;
    } else {
        a.is_right = token_is_valid(a.text);
    }
    return a;
}

/* The stricter of what was said before and what is said now. */
static void say_number(sec_t *number, enum directive_kind kind, const struct argument *a,
                       sec_t without_argument)
{
    sec_t v;
    if (!a->is_there && without_argument != DELTA_NONE)
        v = without_argument;
    else if (!a->is_right || !delta_seconds(a->text, &v))
        v = kind == AGE_LIMIT ? 0 : DELTA_NONE;
    if (v == DELTA_NONE)
        return;
    if (*number == DELTA_NONE || (kind == DEMAND ? v > *number : v < *number))
        *number = v;
}

/* Said for some fields, and for no others so far: those fields. Anything else is for all. */
static void say_of_fields(bool *is_said, struct span *of, const struct argument *a)
{
    bool is_qualified = a->is_right && a->text.n != 0 && !*is_said;
    *of = is_qualified ? a->text : SPAN_NONE;
    *is_said = true;
}

static void say(struct cache_control *cc, size_t i, const struct argument *a)
{
    char *base = (char *)cc;
    void *at = base + directives[i].at, *of = base + directives[i].fields_at;
    switch (directives[i].kind) {
    case AGE_LIMIT:
    case ALLOWANCE:
    case DEMAND: /* max-stale alone means something without argument (s.5.2.1.2) */
        say_number(at, directives[i].kind, a, at == &cc->max_stale ? DELTA_MAX : DELTA_NONE);
        break;
    case RESTRICTS:
        *(bool *)at = true;
        break;
    case PERMITS:
        *(bool *)at |= !a->is_there;
        break;
    case OF_FIELDS:
        say_of_fields(at, of, a);
        break;
    }
}

static void read_directive(struct cache_control *cc, struct span element)
{
    size_t n = 0;
    while (n < element.n && char_is(element.p[n], CHAR_TOKEN))
        n++;
    struct span name = span_make(element.p, n);
    for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
        if (!span_ieq(name, directives[i].name))
            continue;
        struct argument a = read_argument(span_skip(element, n));
        say(cc, i, &a);
        return;
    }
}

void cache_control_read(struct cache_control *cc, const struct fields *fs, enum field_id field)
{
    const struct field *f = fields_find(fs, field, 0);
    for (; f != NULL; f = fields_find(fs, field, (uint32_t)(f - fs->v) + 1)) {
        struct span rest = f->value, element;
        while (list_next_element(&rest, &element))
            read_directive(cc, element);
    }
}
