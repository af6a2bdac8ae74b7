/* SPDX-License-Identifier: MIT
 * Sites as JSON, and as the text of a configuration file. The second is made from values that were
 * checked to hold nothing which such a file could take for syntax (quotes, backslashes, "${"). */
#include "lib/proto/site_doc.h"

#include "lib/codec/json_in.h"

#define SITE_DOCS_MAX_BYTES (2 << 20)
#define SITE_DOCS_MAX       4096

bool site_doc_name_is_valid(struct span name)
{
    if (name.n == 0 || name.n > SITE_DOC_NAME_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i], letter = (char)(c | 0x20);
        if (!(letter >= 'a' && letter <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
            c != '-')
            return false;
    }
    return true;
}

static bool value_is_harmless(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c < 0x20 || c == 0x7f || c == '"' || c == '\'' || c == '\\' || c == '$')
            return false;
    }
    return true;
}

static struct span harmless(struct json_in *in, const char *key, struct span s)
{
    if (!value_is_harmless(s))
        json_in_fault(in, key, "holds a quote, backslash, dollar or control character");
    return s;
}

static struct site_doc_texts read_texts(struct json_in *in, const struct json_t *o, const char *key,
                                        struct arena *mem)
{
    const struct json_t *from = json_in_array(in, o, key, SITE_DOC_MAX_HOSTS);
    size_t count = json_in_count(from);
    struct site_doc_texts t = {arena_zalloc(mem, (count + 1) * sizeof *t.v), count};
    for (size_t i = 0; i < count && !arena_overflowed(mem); i++) {
        struct span s = json_in_text_at(in, from, i, SITE_DOC_VALUE_BYTES);
        t.v[i] = arena_dup(mem, harmless(in, key, s));
        if (s.n == 0)
            json_in_fault(in, key, "has an empty element");
    }
    return t;
}

/* A host is compared with what clients send: without port and closing dot, in lower case. */
static void lower_hosts(struct json_in *in, struct site_doc_texts *hosts, struct arena *mem)
{
    for (size_t i = 0; i < hosts->count && !arena_overflowed(mem); i++) {
        hosts->v[i].n -= span_ends(hosts->v[i], SPAN("."));
        char *s = arena_bytes(mem, hosts->v[i].n);
        for (size_t k = 0; k < hosts->v[i].n; k++) {
            char c = hosts->v[i].p[k];
            s[k] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
            if (c == '/' || c == ' ' || c == ':')
                json_in_fault(in, "hosts", "an element is no host name");
        }
        hosts->v[i].p = s;
    }
}

static struct span list_value(struct json_in *in, const struct json_t *list, struct arena *mem)
{
    struct buf text;
    buf_init(&text, SITE_DOC_MAX_BYTES);
    buf_add_char(&text, '{');
    for (size_t i = 0; i < json_in_count(list); i++) {
        struct span s = json_in_text_at(in, list, i, SITE_DOC_VALUE_BYTES);
        buf_printf(&text, "%s\"%.*s\"", i > 0 ? ", " : "", SPAN_FMT(harmless(in, "options", s)));
    }
    buf_add_char(&text, '}');
    struct span value = arena_dup(mem, buf_span(&text));
    buf_finish(&text);
    return value;
}

/* A whole number or truth value is written in a configuration file as it is in JSON. */
static struct span plain_value(const struct json_t *v, struct arena *mem)
{
    struct buf text;
    buf_init(&text, SITE_DOC_VALUE_BYTES);
    json_in_dump(v, &text);
    struct span value = arena_dup(mem, buf_span(&text));
    buf_finish(&text);
    return value;
}

static struct span option_value(struct json_in *in, const struct json_t *v, struct arena *mem)
{
    switch (json_in_kind(v)) {
    case JSON_KIND_TEXT: {
        struct span s = json_in_text_of(in, v, "options", SITE_DOC_VALUE_BYTES);
        return arena_printf(mem, "\"%.*s\"", SPAN_FMT(harmless(in, "options", s)));
    }
    case JSON_KIND_INT:
    case JSON_KIND_BOOL:
        return plain_value(v, mem);
    case JSON_KIND_ARRAY:
        return list_value(in, v, mem);
    case JSON_KIND_OBJECT:
    case JSON_KIND_OTHER:
        break;
    }
    json_in_fault(in, "options", "neither text, whole number, truth value nor list");
    return SPAN_NONE;
}

static void read_options(struct json_in *in, const struct json_t *o, struct site_doc *site,
                         struct arena *mem)
{
    const struct json_t *from = json_in_object(in, o, "options"), *value;
    site->options.v = arena_zalloc(mem, SITE_DOC_MAX_OPTIONS * sizeof *site->options.v);
    site->values.v = arena_zalloc(mem, SITE_DOC_MAX_OPTIONS * sizeof *site->values.v);
    struct span name;
    size_t count = 0;
    for (void *at = NULL; json_in_each(from, &at, &name, &value) && !arena_overflowed(mem);) {
        if (!site_doc_name_is_valid(name))
            json_in_fault(in, "options", "a name is not valid");
        if (count == SITE_DOC_MAX_OPTIONS) {
            json_in_fault(in, "options", "are too many");
            break;
        }
        site->options.v[count] = arena_dup(mem, name);
        site->values.v[count++] = option_value(in, value, mem);
    }
    site->options.count = site->values.count = count;
}

static uint8_t read_price_class(struct json_in *in, const struct json_t *o)
{
    uint64_t class = json_in_u64(in, o, "price_class", 0);
    if (class > SITE_DOC_MAX_PRICE)
        json_in_fault(in, "price_class", "must be from 0 to 4");
    return (uint8_t) class;
}

static void read_site(struct json_in *in, const struct json_t *o, struct site_doc *site,
                      struct arena *mem)
{
    struct span name = json_in_text(in, o, "name", SITE_DOC_NAME_BYTES);
    if (name.p != NULL)
        site->name = arena_dup(mem, name);
    if (!site_doc_name_is_valid(site->name))
        json_in_fault(in, "name", "must be 1 to 64 letters, digits, '.', '_' or '-'");
    site->hosts = read_texts(in, o, "hosts", mem);
    lower_hosts(in, &site->hosts, mem);
    if (site->hosts.count == 0)
        json_in_fault(in, "hosts", "must name at least one");
    site->origins = read_texts(in, o, "origins", mem);
    site->price_class = read_price_class(in, o);
    read_options(in, o, site, mem);
}

int site_doc_read(struct span text, struct span name, struct site_doc *out, struct arena *mem,
                  struct buf *why)
{
    struct json_in in;
    *out = (struct site_doc){.name = name};
    int err = json_in_parse(&in, text, SITE_DOC_MAX_BYTES);
    if (err == 0 && json_in_kind(in.root) != JSON_KIND_OBJECT)
        json_in_fault(&in, "site", "is no object");
    if (err == 0)
        read_site(&in, in.root, out, mem);
    return json_in_end(&in, err, mem, why);
}

int site_docs_read(struct span text, struct site_docs *out, struct arena *mem, struct buf *why)
{
    struct json_in in;
    *out = (struct site_docs){0};
    int err = json_in_parse(&in, text, SITE_DOCS_MAX_BYTES);
    if (err == 0) {
        const struct json_t *sites = json_in_array(&in, in.root, "sites", SITE_DOCS_MAX);
        out->v = arena_zalloc(mem, (json_in_count(sites) + 1) * sizeof *out->v);
        for (size_t i = 0; i < json_in_count(sites) && !arena_overflowed(mem); i++)
            read_site(&in, json_in_at(sites, i), &out->v[out->count++], mem);
    }
    return json_in_end(&in, err, mem, why);
}

static void write_list(struct buf *out, const char *key, const struct site_doc_texts *texts)
{
    buf_printf(out, "  %s = {", key);
    for (size_t i = 0; i < texts->count; i++)
        buf_printf(out, "%s\"%.*s\"", i > 0 ? ", " : "", SPAN_FMT(texts->v[i]));
    buf_printf(out, "}\n");
}

void site_doc_write_conf(const struct site_doc *site, struct buf *out)
{
    buf_printf(out, "site \"%.*s\" {\n", SPAN_FMT(site->name));
    write_list(out, "hosts", &site->hosts);
    write_list(out, "origins", &site->origins);
    for (size_t i = 0; i < site->options.count; i++)
        buf_printf(out, "  %.*s = %.*s\n", SPAN_FMT(site->options.v[i]),
                   SPAN_FMT(site->values.v[i]));
    buf_printf(out, "}\n");
}
