/* SPDX-License-Identifier: MIT
 * Prices: tables of options, what is checked, and what is made of them. */
#include "control/control_prices.h"

#include "lib/base/err.h"

#include <math.h>
#include <stdlib.h>

#define PRICE(field)  OPTION_FIELD(struct control_price, field)
#define TARIFF(field) OPTION_FIELD(struct control_tariff, field)
#define ALONE(field)  OPTION_FIELD(struct price_file, field)

static const struct option price_rows[] = {
    OPTION_ROW("currency", TEXT, PRICE(currency), "USD", "Of the account: an ISO 4217 code."),
    OPTION_ROW("out_per_gb", TEXT, PRICE(out_per_gb), "0",
               "For 10^9 bytes to clients, on nodes that no tariff names."),
    OPTION_ROW("upstream_per_gb", TEXT, PRICE(upstream_per_gb), "0",
               "For 10^9 bytes from upstream."),
    OPTION_ROW(
        "out_per_mbps", TEXT, PRICE(out_per_mbps), "0",
        "A month, for each Mb/s of the 95th percentile to clients, on those nodes together."),
    {.name = NULL},
};
const struct option_section price_section = {.options = price_rows,
                                             .record_bytes = sizeof(struct control_price),
                                             .is_single = true,
                                             .line_offset_bytes = OPTION_NO_LINE};

static const struct option tariff_rows[] = {
    OPTION_ROW("nodes", TEXTS, TARIFF(nodes), "", "The nodes that are billed together."),
    OPTION_ROW("currency", TEXT, TARIFF(currency), "", "Of this tariff; unset: the account's."),
    OPTION_ROW("rate", TEXT, TARIFF(rate), "1", "Of the account's currency for one of it."),
    OPTION_ROW("per_gb", TEXTS, TARIFF(per_gb), "",
               "For 10^9 bytes to clients, in tiers: \"10TB 0.05\", \"50TB 0.04\", \"0.03\"."),
    OPTION_ROW("commit_mbps", TEXT, TARIFF(commit_mbps), "0",
               "Mb/s that are paid for whether used or not."),
    OPTION_ROW("per_mbps", TEXT, TARIFF(per_mbps), "0", "A month, for each Mb/s of the commit."),
    OPTION_ROW("over_per_mbps", TEXT, TARIFF(over_per_mbps), "",
               "For each Mb/s of the 95th percentile above the commit; unset: the same."),
    OPTION_ROW("flat", TEXT, TARIFF(flat), "0", "A month: ports, racks."),
    {.name = NULL},
};
const struct option_section tariff_section = {.options = tariff_rows,
                                              .record_bytes = sizeof(struct control_tariff),
                                              .is_titled = true,
                                              .title_offset_bytes = TARIFF(name),
                                              .line_offset_bytes = TARIFF(line)};

/* A file of prices alone. */
struct price_file {
    struct control_price price;
    struct option_records tariffs;
};
static const struct option file_rows[] = {
    OPTION_ROW_WITH("price", SECTION, ALONE(price), "", "", .section = &price_section),
    OPTION_ROW_WITH("tariff", SECTION, ALONE(tariffs), "", "", .section = &tariff_section),
    {.name = NULL},
};
static const struct option_section file_section = {.options = file_rows,
                                                   .record_bytes = sizeof(struct price_file),
                                                   .line_offset_bytes = OPTION_NO_LINE};

static bool read_number(const char *text, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out) && *out >= 0;
}

static struct span text_of(const char *text, struct arena *mem)
{
    return arena_dup(mem, span_of(text));
}

/* NULL, or what is wrong with it. */
static const char *read_tiers(const struct control_tariff *from, struct tariff *t)
{
    double before = 0;
    if (from->per_gb.count > TARIFF_MAX_TIERS)
        return "has more than 16 tiers";
    for (size_t i = 0; i < from->per_gb.count; i++) {
        struct tariff_tier *tier = &t->tiers[t->tier_count++];
        bool is_last = i + 1 == from->per_gb.count;
        if (!tariff_read_tier(span_of(from->per_gb.v[i]), before, tier) ||
            is_last != (isinf(tier->up_to_bytes) != 0))
            return "must be tiers that grow, as \"10TB 0.05\", then a price for the rest";
        before = tier->up_to_bytes;
    }
    return NULL;
}

/* An option that is not what it must be; what NULL: none. */
struct fault {
    const char *option, *what;
};
#define NOT_A_NUMBER "must be a number from 0, as \"0.05\""

struct number {
    const char *option, *text;
    double *to;
};

static struct fault read_numbers(const struct number *v, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!read_number(v[i].text, v[i].to))
            return (struct fault){v[i].option, NOT_A_NUMBER};
    return (struct fault){0};
}

static struct fault read_tariff(const struct control_tariff *from, struct tariff *t,
                                struct arena *mem)
{
    bool has_over = from->over_per_mbps[0] != '\0';
    const struct number numbers[] = {
        {"rate", from->rate, &t->rate},
        {"commit_mbps", from->commit_mbps, &t->commit_mbps},
        {"per_mbps", from->per_mbps, &t->per_mbps},
        {"over_per_mbps", has_over ? from->over_per_mbps : from->per_mbps, &t->over_per_mbps},
        {"flat", from->flat, &t->flat},
    };
    struct fault f = read_numbers(numbers, ARRAY_LEN(numbers));
    if (f.what != NULL)
        return f;
    if (from->nodes.count == 0)
        return (struct fault){"nodes", "must name at least one"};
    struct span *nodes = arena_zalloc(mem, from->nodes.count * sizeof *nodes);
    for (size_t i = 0; i < from->nodes.count; i++)
        nodes[i] = text_of(from->nodes.v[i], mem);
    t->nodes = nodes;
    t->node_count = from->nodes.count;
    return (struct fault){"per_gb", read_tiers(from, t)};
}

/* The price section is the tariff of all nodes that no other names. */
static struct fault read_price(const struct control_price *from, struct price *out,
                               struct tariff *rest, struct arena *mem)
{
    double per_gb = 0;
    *rest = (struct tariff){.name = SPAN("other nodes"), .rate = 1, .tier_count = 1};
    const struct number numbers[] = {
        {"out_per_gb", from->out_per_gb, &per_gb},
        {"upstream_per_gb", from->upstream_per_gb, &out->upstream_per_gb},
        {"out_per_mbps", from->out_per_mbps, &rest->over_per_mbps},
    };
    out->currency = arena_cstr(mem, span_of(from->currency));
    rest->currency = span_of(out->currency);
    struct fault f = read_numbers(numbers, ARRAY_LEN(numbers));
    rest->tiers[0] = (struct tariff_tier){HUGE_VAL, per_gb};
    return f;
}

static bool is_named_before(const struct tariff *v, size_t tariff, size_t node)
{
    for (size_t i = 0; i <= tariff; i++)
        for (size_t k = 0; k < (i < tariff ? v[i].node_count : node); k++)
            if (span_eq(v[i].nodes[k], v[tariff].nodes[node]))
                return true;
    return false;
}

/* Where prices stand: in the configuration itself, or in a file of their own. */
struct source {
    struct option_config *config;
    const struct control_price *price;
    const struct option_records *tariffs;
};

/* At the line of the option, or of the section that has it not. */
static int line_of(const struct source *from, const struct control_tariff *t, const char *option)
{
    int line = option_line(from->config, t, option);
    return line > 0 ? line : t->line;
}

static void read_tariffs(const struct source *from, struct tariff *v, struct span currency,
                         struct arena *mem, struct buf *why)
{
    const struct control_tariff *tariffs = from->tariffs->v;
    for (size_t i = 0; i < from->tariffs->count; i++) {
        bool is_own = tariffs[i].currency[0] != '\0';
        v[i].name = text_of(tariffs[i].name, mem);
        v[i].currency = is_own ? text_of(tariffs[i].currency, mem) : currency;
        struct fault f = read_tariff(&tariffs[i], &v[i], mem);
        for (size_t k = 0; f.what == NULL && k < v[i].node_count; k++)
            if (is_named_before(v, i, k))
                f = (struct fault){"nodes", "one of them is billed twice"};
        if (f.what != NULL)
            option_error(why, option_file(from->config), line_of(from, &tariffs[i], f.option),
                         "tariff %s: %s: %s", tariffs[i].name, f.option, f.what);
    }
}

/* Faults are lines in why; *out and its texts live in mem. */
static void read_all(const struct source *from, struct price *out, struct arena *mem,
                     struct buf *why)
{
    size_t count = from->tariffs->count;
    struct tariff *v = arena_zalloc(mem, (count + 1) * sizeof *v);
    *out = (struct price){.tariffs = v, .count = count + 1};
    struct fault f = read_price(from->price, out, &v[count], mem);
    if (f.what != NULL)
        option_error(why, option_file(from->config),
                     option_line(from->config, from->price, f.option), "price: %s: %s", f.option,
                     f.what);
    read_tariffs(from, v, span_of(out->currency), mem, why);
}

int control_prices_file(const char *file, struct price *out, struct arena *mem, struct buf *why)
{
    struct option_config *config = NULL;
    size_t before = why->n;
    int err = option_load(&config, &file_section, file, why);
    if (err != 0)
        return err;
    const struct price_file *all = option_record(config);
    read_all(&(struct source){config, &all->price, &all->tariffs}, out, mem, why);
    option_free(&config);
    return why->n == before ? 0 : ERR_CONFIG;
}

int control_prices_make(struct option_config *config, struct price *out, struct arena *mem,
                        struct buf *why)
{
    const struct control_options *o = option_record(config);
    size_t before = why->n;
    *out = (struct price){.currency = ""};
    if (o->price_file[0] == '\0')
        read_all(&(struct source){config, &o->price, &o->tariffs}, out, mem, why);
    else if (control_prices_file(o->price_file, out, mem, why) != 0)
        option_error(why, option_file(config), option_line(config, o, "price_file"),
                     "price_file: %s cannot be used", o->price_file);
    return why->n == before ? 0 : ERR_CONFIG;
}

int control_prices_check(struct option_config *config, struct buf *why)
{
    struct price price;
    struct arena mem;
    arena_init(&mem, 16 << 20);
    int err = control_prices_make(config, &price, &mem, why);
    arena_finish(&mem);
    return err;
}
