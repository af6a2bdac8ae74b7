/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_HEADERS_H
#define LIB_HTTP_HEADERS_H

#include "lib/base/arena.h"
#include "lib/base/span.h"
#include "lib/http/names.def"

/* Field lines of a message in their order (RFC 9110 s.5). Names and values are borrowed: they point
 * into the read buffer, a stored head, an arena or a constant, and live as long as that does.
 * Threads: one at a time. */
enum field_id {
    FIELD_OTHER, /* not in names.def: compare the name */
#define X(id, spelling) FIELD_##id,
    FIELD_NAMES(X)
#undef X
        FIELD_COUNT
};

struct field {
    struct span name, value; /* value without OWS around it */
    enum field_id id;
};

struct fields {
    struct field *v;
    uint32_t count, room;
    struct arena *mem; /* where v grows; overflow of the arena sticks there */
    /* The first lines_count fields are `lines` in HTTP/1, ready to send: "Name: value\r\n"...
     * Whoever sets it vouches that no framing field is among them and that names and values are as
     * a head may have them. Removing one of these fields forgets the lines. */
    struct span lines;
    uint32_t lines_count;
    /* field_bit of each that is there, since most questions are for what is not. 0: not known, as
     * where v was made by hand. */
    uint64_t ids;
};

/* field_id_of: by name, case folded. field_spelling: canonical name (not for FIELD_OTHER). */
enum field_id field_id_of(struct span name);
struct span field_spelling(enum field_id id);

void fields_init(struct fields *fs, struct arena *mem);
void fields_add(struct fields *fs, enum field_id id, struct span value);
void fields_add_named(struct fields *fs, struct span name, struct span value); /* finds the id */
/* fields_set: removes all of id, adds one. */
void fields_set(struct fields *fs, enum field_id id, struct span value);
void fields_remove(struct fields *fs, enum field_id id);
void fields_remove_named(struct fields *fs, struct span name);

const struct field *fields_search(const struct fields *fs, enum field_id id, uint32_t from);
static inline uint64_t field_bit(enum field_id id)
{
    return UINT64_C(1) << (id % 64);
}
static inline bool fields_may_have(const struct fields *fs, enum field_id id)
{
    return fs->ids == 0 || (fs->ids & field_bit(id)) != 0;
}
/* fields_find: the first with id at or after position from, or NULL. For all of them:
 *   for (f = fields_find(fs, id, 0); f != NULL; f = fields_find(fs, id, f - fs->v + 1)) */
static inline const struct field *fields_find(const struct fields *fs, enum field_id id,
                                              uint32_t from)
{
    return fields_may_have(fs, id) ? fields_search(fs, id, from) : NULL;
}
const struct field *fields_find_named(const struct fields *fs, struct span name, uint32_t from);
uint32_t fields_count(const struct fields *fs, enum field_id id);
/* fields_value: of the first with id; p == NULL where there is none (empty value: p != NULL). */
struct span fields_value(const struct fields *fs, enum field_id id);
/* fields_joined: all lines of one name as one list, ", " between (RFC 9110 s.5.3), from mem. */
struct span fields_joined(const struct fields *fs, struct span name, struct arena *mem);

/* list_next_element: next element of a comma-separated list (RFC 9110 s.5.6.1), quoted strings kept
 * whole, empty elements skipped, OWS trimmed. False at the end. *rest starts as the whole value. */
bool list_next_element(struct span *rest, struct span *element);
bool token_is_valid(struct span s); /* RFC 9110 s.5.6.2 */
/* No control but HTAB: nothing that would end a line (RFC 9110 s.5.5). */
bool field_value_is_valid(struct span s);

#endif
