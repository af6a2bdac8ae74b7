/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_OPTION_H
#define LIB_BASE_OPTION_H

#include "lib/base/buf.h"
#include "lib/base/check.h"

/* Configuration as tables. A program's configuration is one record (a plain struct); each option is
 * a row that says where in the record its value goes. From the rows come the libconfuse
 * declarations, range checks, defaults, --help and the README's reference.
 *
 * Values in records:   OPTION_BOOL bool · OPTION_INT, OPTION_BYTES, OPTION_DURATION (ms) int64_t ·
 * OPTION_RATIO double (written "0.5" or "50%") · OPTION_TEXT const char * (never NULL; "" when
 * unset) · OPTION_TEXTS struct option_texts · OPTION_CHOICE int (index in choices) ·
 * OPTION_SECTION struct option_records (any number) or, where `is_single`, the section's record
 * itself
 * embedded at the offset (its defaults hold when the file has no such section).
 * Sizes: 64KiB 1GiB 10MB 512 (bytes); durations: 500ms 10s 5m 2h 7d; a bare number is refused for a
 * duration other than 0. All memory belongs to the loaded configuration. */
enum option_type {
    OPTION_BOOL,
    OPTION_INT,
    OPTION_BYTES,
    OPTION_DURATION,
    OPTION_RATIO,
    OPTION_TEXT,
    OPTION_TEXTS,
    OPTION_CHOICE,
    OPTION_SECTION,
};

struct option_texts {
    const char *const *v;
    size_t count;
};

/* Records of a section in file order: record i is at (char *)v + i * each_bytes. */
struct option_records {
    void *v;
    size_t count;
};

struct option_section;

struct option {
    const char *name;
    enum option_type type;
    size_t offset_bytes;
    int64_t min, max;     /* INT, BYTES, DURATION; both 0: no bound but >= 0 */
    const char *fallback; /* the default as it would be written; NULL: must be given */
    const char *meaning;  /* one line for the reference */
    union {
        const char *const *choices;           /* CHOICE: ended by NULL */
        const struct option_section *section; /* SECTION */
    };
};

struct option_section {
    const struct option *options; /* ended by a row whose name is NULL */
    size_t record_bytes;
    bool is_titled; /* site "games" { } : the title goes to title_offset as const char * */
    bool is_single; /* at most one, embedded in its parent's record */
    size_t title_offset_bytes;
    size_t line_offset_bytes; /* an int field that receives the line; SIZE_MAX: none */
};

#define OPTION_FIELD(type, field) offsetof(type, field)
/* Rows: OPTION_ROW("key", TEXT, OPTION_FIELD(struct disk, key), "", "PEM file: its private key."),
 * and with more than that: OPTION_ROW_WITH(..., .min = 1, .max = 64). */
#define OPTION_ROW(called, kind, at, otherwise, text)                                              \
    {                                                                                              \
        .name = called, .type = OPTION_##kind, .offset_bytes = at, .fallback = otherwise,          \
        .meaning = text                                                                            \
    }
#define OPTION_ROW_WITH(called, kind, at, otherwise, text, ...)                                    \
    {                                                                                              \
        .name = called, .type = OPTION_##kind, .offset_bytes = at, .fallback = otherwise,          \
        .meaning = text, __VA_ARGS__                                                               \
    }
#define OPTION_NO_LINE SIZE_MAX

/* A configuration as loaded; owns everything that its record points to. */
struct option_config;

/* option_load: reads and checks file against root. 0 and *out, or ERR_CONFIG/ERR_IO/ERR_NOT_FOUND
 * and one line or more in `why`, each "file:line: option: what is wrong" with, for an unknown
 * option, the nearest right name. option_load_text: the same from memory, `name` stands for the
 * file. */
MUST_USE int option_load(struct option_config **out, const struct option_section *root,
                         const char *file, struct buf *why);
MUST_USE int option_load_text(struct option_config **out, const struct option_section *root,
                              const char *name, struct span text, struct buf *why);
void option_free(struct option_config **c);
/* option_record: the root record (borrowed; writable for what assembly derives from it). */
void *option_record(struct option_config *c);
const char *option_file(const struct option_config *c);
/* option_source: the text that it was read from, comments and all (borrowed). */
struct span option_source(const struct option_config *c);
/* option_line: where the file gives this option of this record; 0: nowhere, its default holds. */
int option_line(const struct option_config *c, const void *record, const char *name);

/* option_changed: the first of names (options and sections of s, ended by NULL) whose value is not
 * the same in two of its records; NULL: none. For what a reload cannot change. */
const char *option_changed(const struct option_section *s, const void *a, const void *b,
                           const char *const *names);
/* option_refuse_changed: the same of two configurations; 0, or ERR_CONFIG and the line in why. */
MUST_USE int option_refuse_changed(const struct option_section *root, struct option_config *was,
                                   struct option_config *is, const char *const *names,
                                   struct buf *why);
/* option_error: for checks that span options, in the same form ("file:line: text\n"). Line 0: what
 * is wrong stands on none ("file: text\n"), as what is missing. */
void option_error(struct buf *why, const char *file, int line, const char *format, ...)
    PRINTF(4, 5);

/* option_reference: all options with type, default, range and meaning, as text for --help or as a
 * Markdown table for the README. */
void option_reference(const struct option_section *root, bool as_markdown, struct buf *out);

/* The value syntaxes, for other users (command lines, JSON documents). */
MUST_USE int option_parse_bytes(struct span s, int64_t *out);
MUST_USE int option_parse_duration(struct span s, int64_t *out_ms);

#endif
