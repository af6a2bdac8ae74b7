/* SPDX-License-Identifier: MIT */

/* Spellings of option values. One table of units serves parsing and printing, so that a bound is
 * told in the unit in which it would be written. */
#include "lib/base/option_value.h"

#include "lib/base/err.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

struct unit {
    const char *name;
    int64_t scale;
};

/* Largest first; of equal worth for printing: the first that divides. */
static const struct unit byte_units[] = {
    {"PiB", 1LL << 50},
    {"TiB", 1LL << 40},
    {"GiB", 1LL << 30},
    {"MiB", 1LL << 20},
    {"KiB", 1LL << 10},
    {"PB", 1000000000000000LL},
    {"TB", 1000000000000LL},
    {"GB", 1000000000LL},
    {"MB", 1000000LL},
    {"KB", 1000LL},
    {"kB", 1000LL},
    {"B", 1},
    {"", 1},
    {NULL, 0},
};
static const struct unit duration_units[] = {
    {"d", 86400000LL}, {"h", 3600000LL}, {"m", 60000LL}, {"s", 1000LL}, {"ms", 1}, {NULL, 0},
};

/* Digits and a unit, nothing else. */
static int parse_scaled(struct span s, const struct unit *units, int64_t *out)
{
    size_t digits = 0;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    uint64_t value;
    if (!span_u64(span_make(s.p, digits), &value) || value > INT64_MAX)
        return ERR_SYNTAX;
    struct span name = span_skip(s, digits);
    for (const struct unit *u = units; u->name != NULL; u++) {
        if (span_eq(name, span_of(u->name)))
            return __builtin_mul_overflow((int64_t)value, u->scale, out) ? ERR_SYNTAX : 0;
    }
    return ERR_SYNTAX;
}

int option_parse_bytes(struct span s, int64_t *out)
{
    return parse_scaled(s, byte_units, out);
}

int option_parse_duration(struct span s, int64_t *out_ms)
{
    if (span_eq(s, SPAN("0"))) {
        *out_ms = 0;
        return 0;
    }
    return parse_scaled(s, duration_units, out_ms);
}

static void print_scaled(int64_t value, const struct unit *units, struct buf *out)
{
    while (units[1].name != NULL && (value == 0 || value % units->scale != 0))
        units++;
    buf_printf(out, "%" PRId64 "%s", value / units->scale, units->name);
}

static void print_number(enum option_type type, int64_t value, struct buf *out)
{
    if (type == OPTION_BYTES)
        print_scaled(value, byte_units, out);
    else if (type == OPTION_DURATION)
        print_scaled(value, duration_units, out);
    else
        buf_printf(out, "%" PRId64, value);
}

static bool has_range(const struct option *row)
{
    switch (row->type) {
    case OPTION_INT:
    case OPTION_BYTES:
    case OPTION_DURATION:
    case OPTION_RATIO:
        return true;
    case OPTION_BOOL:
    case OPTION_TEXT:
    case OPTION_TEXTS:
    case OPTION_CHOICE:
    case OPTION_SECTION:
        break;
    }
    return false;
}

/* A row without bounds still takes no negative number; a maximum below the minimum is none. */
static bool has_max(const struct option *row)
{
    return row->max != INT64_MAX && row->max >= row->min && !(row->max == 0 && row->min == 0);
}

void option_value_range(const struct option *row, struct buf *out)
{
    if (!has_range(row))
        return;
    bool has_min = row->min != 0 || has_max(row);
    if (!has_min)
        return;
    buf_printf(out, has_max(row) ? "from " : "at least ");
    print_number(row->type, row->min, out);
    if (has_max(row)) {
        buf_printf(out, " to ");
        print_number(row->type, row->max, out);
    }
}

void option_value_kind(const struct option *row, struct buf *out)
{
    static const char *const kinds[] = {
        [OPTION_BOOL] = "true or false",  [OPTION_INT] = "number",  [OPTION_BYTES] = "size",
        [OPTION_DURATION] = "duration",   [OPTION_RATIO] = "ratio", [OPTION_TEXT] = "text",
        [OPTION_TEXTS] = "list of texts", [OPTION_CHOICE] = "",     [OPTION_SECTION] = "section",
    };
    if (row->type != OPTION_CHOICE) {
        buf_printf(out, "%s", kinds[row->type]);
        return;
    }
    for (const char *const *choice = row->choices; *choice != NULL; choice++)
        buf_printf(out, "%s%s", choice == row->choices ? "" : " or ", *choice);
}

static int refuse_range(const struct option *row, const char *text, struct buf *why)
{
    if (!has_max(row) && row->min == 0) {
        buf_printf(why, "\"%s\" is negative", text);
        return ERR_CONFIG;
    }
    buf_printf(why, "\"%s\" is out of range: ", text);
    option_value_range(row, why);
    return ERR_CONFIG;
}

static int set_number(const struct option *row, int64_t value, void *field, const char *text,
                      struct buf *why)
{
    if (value < row->min || (has_max(row) && value > row->max))
        return refuse_range(row, text, why);
    memcpy(field, &value, sizeof(value));
    return 0;
}

static int set_int(const struct option *row, void *field, const char *text, struct buf *why)
{
    bool is_negative = text[0] == '-';
    uint64_t digits;
    if (!span_u64(span_of(text + is_negative), &digits) || digits > INT64_MAX) {
        buf_printf(why, "\"%s\" is not a whole number", text);
        return ERR_CONFIG;
    }
    int64_t value = (int64_t)digits;
    return set_number(row, is_negative ? -value : value, field, text, why);
}

static int set_bytes(const struct option *row, void *field, const char *text, struct buf *why)
{
    int64_t value;
    if (option_parse_bytes(span_of(text), &value) != 0) {
        buf_printf(why, "\"%s\" is not a size: write 512, 64KiB, 10MiB, 2GiB or 10MB", text);
        return ERR_CONFIG;
    }
    return set_number(row, value, field, text, why);
}

static int set_duration(const struct option *row, void *field, const char *text, struct buf *why)
{
    int64_t value, unused;
    if (option_parse_duration(span_of(text), &value) == 0)
        return set_number(row, value, field, text, why);
    bool lacks_unit = option_parse_bytes(span_of(text), &unused) == 0 &&
                      strspn(text, "0123456789") == strlen(text);
    buf_printf(why, "\"%s\" %s: write 500ms, 10s, 5m, 2h or 7d", text,
               lacks_unit ? "has no unit" : "is not a duration");
    return ERR_CONFIG;
}

static int set_ratio(const struct option *row, void *field, const char *text, struct buf *why)
{
    size_t plain = strspn(text, "0123456789.");
    char *end;
    double value = strtod(text, &end);
    bool is_percent = *end == '%';
    if (plain == 0 || end != text + plain || end[is_percent] != '\0' || !isfinite(value)) {
        buf_printf(why, "\"%s\" is not a ratio: write 0.5 or 50%%", text);
        return ERR_CONFIG;
    }
    if (is_percent)
        value /= 100;
    if (value < (double)row->min || (has_max(row) && value > (double)row->max))
        return refuse_range(row, text, why);
    memcpy(field, &value, sizeof(value));
    return 0;
}

static int set_bool(void *field, const char *text, struct buf *why)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *(bool *)field = i % 2 != 0;
            return 0;
        }
    }
    buf_printf(why, "\"%s\" is neither true nor false", text);
    return ERR_CONFIG;
}

static int set_choice(const struct option *row, void *field, const char *text, struct buf *why)
{
    size_t count = 0;
    for (; row->choices[count] != NULL; count++) {
        if (strcmp(row->choices[count], text) == 0) {
            int index = (int)count;
            memcpy(field, &index, sizeof(index));
            return 0;
        }
    }
    buf_printf(why, "\"%s\" is not one of: ", text);
    for (size_t i = 0; i < count; i++)
        buf_printf(why, "%s%s", i > 0 ? ", " : "", row->choices[i]);
    const char *nearest = option_value_nearest(text, row->choices, count);
    if (nearest != NULL)
        buf_printf(why, "; did you mean \"%s\"?", nearest);
    return ERR_CONFIG;
}

int option_value_set(const struct option *row, void *record, const char *text, struct buf *why)
{
    void *field = (char *)record + row->offset_bytes;
    switch (row->type) {
    case OPTION_BOOL:
        return set_bool(field, text, why);
    case OPTION_INT:
        return set_int(row, field, text, why);
    case OPTION_BYTES:
        return set_bytes(row, field, text, why);
    case OPTION_DURATION:
        return set_duration(row, field, text, why);
    case OPTION_RATIO:
        return set_ratio(row, field, text, why);
    case OPTION_TEXT:
        *(const char **)field = text;
        return 0;
    case OPTION_CHOICE:
        return set_choice(row, field, text, why);
    case OPTION_TEXTS:
    case OPTION_SECTION:
        break;
    }
    check_failed("the row has a single value", __FILE__, __LINE__);
}

#define NAME_MAX_BYTES 48

/* Edits (insert, delete, change, swap of neighbours) from a to b: the optimal string alignment
 * distance. Only for short names. */
static size_t distance(struct span a, struct span b)
{
    size_t rows[3][NAME_MAX_BYTES + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        above[j] = before[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t best = above[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            bool is_swap = i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1];
            if (is_swap && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b.n];
}

const char *option_value_nearest(const char *name, const char *const *names, size_t count)
{
    struct span wrong = span_of(name);
    const char *nearest = NULL;
    size_t least = wrong.n / 3 + 1; /* more edits than that, and it is another word */
    if (wrong.n > NAME_MAX_BYTES)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct span right = span_of(names[i]);
        size_t edits = right.n <= NAME_MAX_BYTES ? distance(wrong, right) : SIZE_MAX;
        if (edits > least || (nearest != NULL && edits == least))
            continue;
        nearest = names[i];
        least = edits;
    }
    return nearest;
}
