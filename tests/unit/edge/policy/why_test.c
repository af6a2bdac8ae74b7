/* SPDX-License-Identifier: MIT
 *
 * The arithmetic as people read it: the same numbers that decide, and whose word they are. */
#include "edge/policy/why.h"

#include "tests/unit/edge/policy/policy_help.h"

struct row {
    const char *name;
    int status;
    const char *lines;         /* of the answer */
    const char *what, *begins; /* one of the lines told: what, and how its text begins */
    const char *has, *option;  /* text in it; NULL: any. The site's option; NULL: none */
    msec_t default_ttl_ms, max_ttl_ms, later_ms;
};

#define MAX_AGE "Cache-Control: max-age=60\nDate: {-10}\nAge: 20\n"
static const struct row rows[] = {
    {"date", 200, MAX_AGE, "apparent_age", "10.000 s", "GMT", NULL, 0, 0, 0},
    {"age", 200, MAX_AGE, "corrected_initial_age", "20.000 s", "Age and the time", NULL, 0, 0, 0},
    {"by date", 200, "Date: {-30}\nAge: 20\n", "corrected_initial_age", "30.000 s", ": Date", NULL,
     0, 0, 0},
    {"future", 200, "Date: {+100}\n", "apparent_age", "0.000 s", NULL, NULL, 0, 0, 0},
    {"resident", 200, MAX_AGE, "resident_time", "5.000 s", NULL, NULL, 0, 0, 5000},
    {"current", 200, MAX_AGE, "current_age", "25.000 s", NULL, NULL, 0, 0, 5000},
    {"max-age", 200, MAX_AGE, "freshness_lifetime", "60.000 s: Cache-Control: max-age",
     "(Cache-Control: max-age=60)", NULL, 0, 0, 0},
    {"s-maxage", 200, "Cache-Control: s-maxage=7\n", "freshness_lifetime",
     "7.000 s: Cache-Control: s-maxage", NULL, NULL, 0, 0, 0},
    {"targeted", 200, "CDN-Cache-Control: max-age=9\nCache-Control: max-age=7\n",
     "freshness_lifetime", "9.000 s: CDN-Cache-Control", "(CDN-Cache-Control: max-age=9)", NULL, 0,
     0, 0},
    {"expires", 200, "Expires: {+30}\nDate: {+0}\n", "freshness_lifetime", "30.000 s: Expires",
     NULL, NULL, 0, 0, 0},
    {"heuristic", 200, "Last-Modified: {-1000}\nDate: {+0}\n", "freshness_lifetime",
     "100.000 s: a tenth", "Last-Modified", NULL, 0, 0, 0},
    {"nothing", 200, "X-A: 1\n", "freshness_lifetime", "0 s: nothing says", NULL, NULL, 0, 0, 0},
    {"default", 200, "X-A: 1\n", "freshness_lifetime", "30.000 s: the site's", NULL, "default_ttl",
     30000, 0, 0},
    {"bound", 200, MAX_AGE, "freshness_lifetime", "40.000 s: the site's bound", NULL, "max_ttl", 0,
     40000, 0},
    {"fresh", 200, MAX_AGE, "left", "40.000 s", "fresh", NULL, 0, 0, 0},
    {"stale", 200, MAX_AGE, "left", "-10.000 s", "stale", NULL, 0, 0, 50000},
    {"no-cache", 200, "Cache-Control: no-cache\n", "no-cache", "Cache-Control: it is validated",
     NULL, NULL, 0, 0, 0},
    {"must", 200, "CDN-Cache-Control: max-age=1, must-revalidate\n", "must-revalidate",
     "CDN-Cache-Control", NULL, NULL, 0, 0, 0},
    {"swr", 200, "Cache-Control: max-age=1, stale-while-revalidate=3\n", "stale-while-revalidate",
     "3.000 s: Cache-Control", NULL, NULL, 0, 0, 0},
    {"site's swr", 200, MAX_AGE, "stale-while-revalidate", "11.000 s: the site's", NULL,
     "stale_while_revalidate", 0, 0, 0},
    {"site's sie", 200, MAX_AGE, "stale-if-error", "12.000 s: the site's", NULL, "stale_if_error",
     0, 0, 0},
};

/* The last line of that name: what came before it gave way. */
static const struct why_line *line_of(const struct why_line *lines, int count, const char *what)
{
    while (--count >= 0) {
        if (strcmp(lines[count].what, what) == 0)
            return &lines[count];
    }
    return NULL;
}

static void expect(const struct row *row, const struct why_line *line)
{
    if (line == NULL)
        fail_msg("%s: no %s", row->name, row->what);
    bool has =
        row->has == NULL || memmem(line->text.p, line->text.n, row->has, strlen(row->has)) != NULL;
    bool is_option = (line->option == NULL) == (row->option == NULL) &&
                     (row->option == NULL || strcmp(line->option, row->option) == 0);
    if (!span_starts(line->text, span_of(row->begins)) || !has || !is_option)
        fail_msg("%s: \"%.*s\" [%s]", row->name, SPAN_FMT(line->text),
                 line->option != NULL ? line->option : "");
}

static void every_line_says_whose_word_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct site site = {.default_ttl_ms = row->default_ttl_ms,
                            .max_ttl_ms = row->max_ttl_ms,
                            .stale_while_revalidate_ms = 11000,
                            .stale_if_error_ms = 12000};
        struct request_head request = {.method = METHOD_GET};
        struct response_head head = {.status = row->status};
        struct freshness freshness;
        struct why_line lines[WHY_LINES_MAX];
        struct arena mem;
        arena_init(&mem, 32768);
        fields_of(&head.fields, row->lines, &mem);
        fields_init(&request.fields, &mem);
        struct response_seen seen = {&request, &head, NOW, NOW, &site};
        (void)storable_of(&seen, &freshness);
        fields_remove(&head.fields, FIELD_AGE); /* as it is stored */
        struct why_question q = {&freshness, &head.fields, row->status, &site, NOW + row->later_ms};
        int count = why_lines(&q, lines, &mem);
        assert_in_range(count, 5, WHY_LINES_MAX);
        expect(row, line_of(lines, count, row->what));
        arena_finish(&mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_says_whose_word_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
