/* SPDX-License-Identifier: MIT */

/* Field lines in their order, and the way from a name to its id. What single fields mean is told in
 * the other files of this folder. */
#include "lib/http/headers.h"

#include "lib/http/chars.h"

#define FIELDS_FIRST_ROOM 16
#define NAME_MAX_BYTES    24 /* of names.def; field_id_of has one case for each length */

static const struct span spellings[FIELD_COUNT] = {
#define X(id, spelling) [FIELD_##id] = {spelling, sizeof(spelling) - 1},
    FIELD_NAMES(X)
#undef X
};

#define X(id, spelling)                                                                            \
    _Static_assert(sizeof(spelling) - 1 >= 2 && sizeof(spelling) - 1 <= NAME_MAX_BYTES, spelling);
FIELD_NAMES(X)
#undef X

static inline uint64_t load8(const char *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return span_lower8(w);
}

/* All n < 8 bytes at p as one word (some of them twice). */
static inline uint64_t load_short(const char *p, size_t n)
{
    uint32_t front, back;
    if (n < 4)
        return span_lower8((uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << 8 |
                           (uint64_t)(uint8_t)p[n - 1] << 16);
    memcpy(&front, p, 4);
    memcpy(&back, p + n - 4, 4);
    return span_lower8(front | (uint64_t)back << 32);
}

/* n, and in the end the whole of `name`, are constants: what is left is a comparison or two. */
static inline __attribute__((always_inline)) bool is_name(const char *p, const char *name, size_t n)
{
    if (n < 8)
        return load_short(p, n) == load_short(name, n);
    return load8(p) == load8(name) && load8(p + n - 8) == load8(name + n - 8) &&
           (n <= 16 || load8(p + 8) == load8(name + 8));
}

/* Only the names of length n stay in the code when n is a constant. */
static inline __attribute__((always_inline)) enum field_id id_of_length(const char *p, size_t n)
{
#define X(id, spelling)                                                                            \
    if (sizeof(spelling) - 1 == n && is_name(p, spelling, sizeof(spelling) - 1))                   \
        return FIELD_##id;
    FIELD_NAMES(X)
#undef X
    return FIELD_OTHER;
}

#define CASE(n)                                                                                    \
    case n:                                                                                        \
        return id_of_length(name.p, n)

enum field_id field_id_of(struct span name)
{
    switch (name.n) {
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
        CASE(6);
        CASE(7);
        CASE(8);
        CASE(9);
        CASE(10);
        CASE(11);
        CASE(12);
        CASE(13);
        CASE(14);
        CASE(15);
        CASE(16);
        CASE(17);
        CASE(18);
        CASE(19);
        CASE(20);
        CASE(21);
        CASE(22);
        CASE(23);
        CASE(24);
    default:
        return FIELD_OTHER;
    }
}

struct span field_spelling(enum field_id id)
{
    CHECK(id > FIELD_OTHER && id < FIELD_COUNT);
    return spellings[id];
}

void fields_init(struct fields *fs, struct arena *mem)
{
    *fs = (struct fields){.mem = mem};
}

/* False where the arena is over its bound: the field is then left out, and the arena tells. */
static bool grow(struct fields *fs)
{
    uint32_t room = fs->room == 0 ? FIELDS_FIRST_ROOM : 2 * fs->room;
    struct field *v = arena_alloc(fs->mem, room * sizeof(*v));
    if (arena_overflowed(fs->mem))
        return false;
    if (fs->count != 0)
        memcpy(v, fs->v, fs->count * sizeof(*v));
    fs->v = v;
    fs->room = room;
    return true;
}

static inline void append(struct fields *fs, enum field_id id, struct span name, struct span value)
{
    if (fs->count == fs->room && !grow(fs))
        return;
    bool are_ids_known = fs->count == 0 || fs->ids != 0;
    struct field *f = &fs->v[fs->count++];
    f->name = name;
    f->value = value;
    f->id = id;
    if (are_ids_known)
        fs->ids |= field_bit(id);
}

void fields_add(struct fields *fs, enum field_id id, struct span value)
{
    append(fs, id, field_spelling(id), value);
}

void fields_add_named(struct fields *fs, struct span name, struct span value)
{
    append(fs, field_id_of(name), name, value);
}

void fields_set(struct fields *fs, enum field_id id, struct span value)
{
    fields_remove(fs, id);
    fields_add(fs, id, value);
}

static bool is_field(const struct field *f, enum field_id id, struct span name)
{
    return f->id == id && (id != FIELD_OTHER || span_ieq(f->name, name));
}

static void forget_lines(struct fields *fs)
{
    fs->lines = SPAN_NONE;
    fs->lines_count = 0;
}

static void remove_all(struct fields *fs, enum field_id id, struct span name)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < fs->count; i++) {
        if (is_field(&fs->v[i], id, name)) {
            if (i < fs->lines_count)
                forget_lines(fs);
            continue;
        }
        if (kept != i)
            fs->v[kept] = fs->v[i];
        kept++;
    }
    fs->count = kept;
}

void fields_remove(struct fields *fs, enum field_id id)
{
    CHECK(id != FIELD_OTHER);
    if (fields_may_have(fs, id))
        remove_all(fs, id, SPAN_NONE);
}

void fields_remove_named(struct fields *fs, struct span name)
{
    remove_all(fs, field_id_of(name), name);
}

const struct field *fields_search(const struct fields *fs, enum field_id id, uint32_t from)
{
    for (uint32_t i = from; i < fs->count; i++) {
        if (fs->v[i].id == id)
            return &fs->v[i];
    }
    return NULL;
}

const struct field *fields_find_named(const struct fields *fs, struct span name, uint32_t from)
{
    enum field_id id = field_id_of(name);
    for (uint32_t i = from; i < fs->count; i++) {
        if (is_field(&fs->v[i], id, name))
            return &fs->v[i];
    }
    return NULL;
}

uint32_t fields_count(const struct fields *fs, enum field_id id)
{
    uint32_t count = 0;
    for (uint32_t i = 0; fields_may_have(fs, id) && i < fs->count; i++)
        count += fs->v[i].id == id;
    return count;
}

/* A value that is there is told from none by its p, also where it is empty. */
static struct span present(struct span value)
{
    return value.p != NULL ? value : SPAN("");
}

struct span fields_value(const struct fields *fs, enum field_id id)
{
    const struct field *f = fields_find(fs, id, 0);
    return f != NULL ? present(f->value) : SPAN_NONE;
}

struct span fields_joined(const struct fields *fs, struct span name, struct arena *mem)
{
    enum field_id id = field_id_of(name);
    size_t lines = 0, bytes = 0;
    const struct field *first = NULL;
    for (uint32_t i = 0; i < fs->count; i++) {
        if (!is_field(&fs->v[i], id, name))
            continue;
        first = first != NULL ? first : &fs->v[i];
        lines++;
        bytes += fs->v[i].value.n + 2;
    }
    if (lines <= 1)
        return first != NULL ? present(first->value) : SPAN_NONE;

    char *start = arena_bytes(mem, bytes), *at = start;
    if (arena_overflowed(mem))
        return SPAN("");
    for (const struct field *f = first; f < fs->v + fs->count; f++) {
        if (!is_field(f, id, name))
            continue;
        if (at != start)
            at = mempcpy(at, ", ", 2);
        if (f->value.n != 0)
            at = mempcpy(at, f->value.p, f->value.n);
    }
    return span_make(start, (size_t)(at - start));
}

/* The position behind the element that starts at s.p[0]: a comma outside quotes, or the end. */
static size_t element_end(struct span s)
{
    bool is_quoted = false;
    const char *comma = memchr(s.p, ',', s.n);
    size_t before = comma != NULL ? (size_t)(comma - s.p) : s.n;
    if (memchr(s.p, '"', before) == NULL)
        return before;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && s.p[i] == '\\')
            i++;
        else if (!is_quoted && s.p[i] == ',')
            return i;
    }
    return s.n;
}

bool list_next_element(struct span *rest, struct span *element)
{
    while (rest->n != 0) {
        size_t end = element_end(*rest);
        *element = span_trim(span_make(rest->p, end));
        *rest = span_skip(*rest, end < rest->n ? end + 1 : end);
        if (element->n != 0)
            return true;
    }
    return false;
}

bool token_is_valid(struct span s)
{
    return s.n != 0 && chars_all(s, CHAR_TOKEN);
}

bool field_value_is_valid(struct span s)
{
    return s.n == 0 || chars_to_control(s.p, s.p + s.n) == s.p + s.n;
}
