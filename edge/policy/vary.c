/* SPDX-License-Identifier: MIT */

/* Which requests may share one stored answer. The values are kept in a form of our own, one line a
 * name: "-" where the request had no such field, "=" and its value where it had. Two requests match
 * when the lines are the same; what is folded here is known to mean the same (RFC 9111 s.4.1), and
 * nothing else is. */
#include "edge/policy/vary.h"

#include "lib/http/accept.h"

#define NAMES_MAX            32 /* more of them: nothing that anybody would find again */
#define AVAILABLE_DICTIONARY SPAN("available-dictionary")

static struct span lower(struct span s, struct arena *mem)
{
    char *p = arena_bytes(mem, s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + ('a' - 'A') : s.p[i]);
    return span_make(p, s.n);
}

/* Puts name in its place among the sorted ones, unless it is there. -1: no room. */
static int insert_sorted(struct span *names, int count, struct span name)
{
    int at = 0;
    while (at < count && span_cmp(names[at], name) < 0)
        at++;
    if (at < count && span_eq(names[at], name))
        return count;
    if (count == NAMES_MAX)
        return -1;
    memmove(&names[at + 1], &names[at], (size_t)(count - at) * sizeof(*names));
    names[at] = name;
    return count + 1;
}

/* The names of all lines, sorted; -1: "*", too many, or not a list of names. */
static int read_names(const struct fields *response, struct span *names, struct arena *mem)
{
    int count = 0;
    const struct field *f = fields_find(response, FIELD_VARY, 0);
    for (; f != NULL; f = fields_find(response, FIELD_VARY, (uint32_t)(f - response->v) + 1)) {
        struct span rest = f->value, element;
        while (count >= 0 && list_next_element(&rest, &element)) {
            bool is_name = token_is_valid(element) && !span_eq(element, SPAN("*"));
            count = is_name ? insert_sorted(names, count, lower(element, mem)) : -1;
        }
        if (count < 0)
            break;
    }
    return count;
}

/* "dcb", "dcz": only who has that dictionary can read it. */
static bool is_dictionary_coded(const struct fields *response)
{
    const struct field *f = fields_find(response, FIELD_CONTENT_ENCODING, 0);
    for (; f != NULL;
         f = fields_find(response, FIELD_CONTENT_ENCODING, (uint32_t)(f - response->v) + 1)) {
        struct span rest = f->value, coding;
        while (list_next_element(&rest, &coding)) {
            if (span_ieq(coding, SPAN("dcb")) || span_ieq(coding, SPAN("dcz")))
                return true;
        }
    }
    return false;
}

struct span vary_names(const struct fields *response, struct arena *mem)
{
    struct span names[NAMES_MAX];
    int count = read_names(response, names, mem);
    if (is_dictionary_coded(response)) {
        count = count >= 0 ? insert_sorted(names, count, SPAN("accept-encoding")) : count;
        count = count >= 0 ? insert_sorted(names, count, AVAILABLE_DICTIONARY) : count;
    }
    if (count < 0)
        return SPAN_NONE;
    size_t room = 1;
    for (int i = 0; i < count; i++)
        room += names[i].n + 1;
    char *p = arena_bytes(mem, room), *at = p;
    for (int i = 0; i < count; i++) {
        if (i > 0)
            *at++ = ',';
        memcpy(at, names[i].p, names[i].n);
        at += names[i].n;
    }
    return span_make(p, (size_t)(at - p));
}

/* Accept-Encoding as the set of codings that may be answered with: the order of preference changes
 * nothing that a cache could get wrong, and codings that no origin has are left out, so that the
 * classes are few whatever clients send. */
static struct span accept_encoding_class(const struct fields *request, struct arena *mem)
{
    static const struct span codings[] = {{"br", 2},      {"compress", 8}, {"dcb", 3}, {"dcz", 3},
                                          {"deflate", 7}, {"gzip", 4},     {"zstd", 4}};
    struct span class = SPAN("");
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        struct span parts[] = {class, codings[i], SPAN(",")};
        if (accept_coding_quality(request, codings[i]) > 0)
            class = arena_join(mem, parts, ARRAY_LEN(parts));
    }
    struct span parts[] = {class, SPAN("!identity")};
    if (accept_coding_quality(request, SPAN("identity")) == 0)
        class = arena_join(mem, parts, ARRAY_LEN(parts));
    return class;
}

/* A list whose elements fold case: one comma and no space between them, all lines as one. */
static struct span folded_list(struct span joined, struct arena *mem)
{
    struct span rest = joined, element;
    char *p = arena_bytes(mem, joined.n + 1), *at = p;
    while (list_next_element(&rest, &element)) {
        struct span folded = lower(element, mem);
        if (at > p)
            *at++ = ',';
        for (size_t i = 0; i < folded.n; i++) {
            if (folded.p[i] != ' ' && folded.p[i] != '\t')
                *at++ = folded.p[i];
        }
    }
    return span_make(p, (size_t)(at - p));
}

/* Who takes nothing that is coded with a dictionary may as well have none: one class. */
static bool takes_dictionaries(const struct fields *request)
{
    return accept_coding_quality(request, SPAN("dcz")) > 0 ||
           accept_coding_quality(request, SPAN("dcb")) > 0;
}

static struct span value_line(struct span name, const struct fields *request, struct arena *mem)
{
    struct span value;
    if (fields_find_named(request, name, 0) == NULL ||
        (span_eq(name, AVAILABLE_DICTIONARY) && !takes_dictionaries(request)))
        return SPAN("-\n");
    if (field_id_of(name) == FIELD_ACCEPT_ENCODING)
        value = accept_encoding_class(request, mem);
    else if (span_eq(name, SPAN("accept-language")))
        value = folded_list(fields_joined(request, name, mem), mem);
    else
        value = fields_joined(request, name, mem);
    struct span parts[] = {SPAN("="), value.p != NULL ? value : SPAN(""), SPAN("\n")};
    return arena_join(mem, parts, ARRAY_LEN(parts));
}

struct span vary_values(struct span names, const struct fields *request, struct arena *mem)
{
    struct span all = SPAN("");
    while (names.p != NULL && names.n > 0) {
        struct span name = span_cut(names, ',', &names);
        struct span parts[] = {all, value_line(name, request, mem)};
        all = arena_join(mem, parts, ARRAY_LEN(parts));
    }
    return all;
}

bool vary_matches(struct span names, struct span values, const struct fields *request,
                  struct arena *mem)
{
    if (names.p == NULL)
        return false;
    return names.n == 0 || span_eq(values, vary_values(names, request, mem));
}
