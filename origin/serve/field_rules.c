/* SPDX-License-Identifier: MIT
 *
 * Response fields by path. No I/O; the matching is fnmatch's. */
#include "origin/serve/field_rules.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "origin/serve/companions.h"

#include <fnmatch.h>

static const struct option rule_rows[] = {
    OPTION_ROW("cache_control", TEXT, OPTION_FIELD(struct field_rule, cache_control), "",
               "Cache-Control of the answers, as sent."),
    OPTION_ROW("tags", TEXTS, OPTION_FIELD(struct field_rule, tags), "{}",
               "Tags for purging, sent as Cache-Tag."),
    OPTION_ROW("content_type", TEXT, OPTION_FIELD(struct field_rule, content_type), "",
               "Media type; unset: by the ending of the file's name."),
    OPTION_ROW(
        "companions", TEXTS, OPTION_FIELD(struct field_rule, companions), "{}",
        "Encoded forms that lie beside the files, by ending: \"zst\", \"br\", \"gz\", \"dcz\"."),
    OPTION_ROW("dictionary", TEXT, OPTION_FIELD(struct field_rule, dictionary), "",
               "Paths that a client may use these files as dictionaries for (RFC 9842), as a URL "
               "pattern."),
    {.name = NULL},
};

const struct option_section field_rule_section = {
    .options = rule_rows,
    .record_bytes = sizeof(struct field_rule),
    .is_titled = true,
    .title_offset_bytes = offsetof(struct field_rule, pattern),
    .line_offset_bytes = offsetof(struct field_rule, line),
};

static const struct {
    struct span ending, type;
} types[] = {
#define TYPE(ending, type)                                                                         \
    {                                                                                              \
        {ending, sizeof(ending) - 1},                                                              \
        {                                                                                          \
            type, sizeof(type) - 1                                                                 \
        }                                                                                          \
    }
    TYPE(".7z", "application/x-7z-compressed"),
    TYPE(".avif", "image/avif"),
    TYPE(".bz2", "application/x-bzip2"),
    TYPE(".cfg", "text/plain; charset=utf-8"),
    TYPE(".css", "text/css; charset=utf-8"),
    TYPE(".csv", "text/csv; charset=utf-8"),
    TYPE(".deb", "application/vnd.debian.binary-package"),
    TYPE(".flac", "audio/flac"),
    TYPE(".gif", "image/gif"),
    TYPE(".gz", "application/gzip"),
    TYPE(".htm", "text/html; charset=utf-8"),
    TYPE(".html", "text/html; charset=utf-8"),
    TYPE(".ico", "image/vnd.microsoft.icon"),
    TYPE(".iso", "application/x-iso9660-image"),
    TYPE(".jpeg", "image/jpeg"),
    TYPE(".jpg", "image/jpeg"),
    TYPE(".js", "text/javascript; charset=utf-8"),
    TYPE(".json", "application/json"),
    TYPE(".m3u8", "application/vnd.apple.mpegurl"),
    TYPE(".m4s", "video/iso.segment"),
    TYPE(".md", "text/markdown; charset=utf-8"),
    TYPE(".mjs", "text/javascript; charset=utf-8"),
    TYPE(".mp3", "audio/mpeg"),
    TYPE(".mp4", "video/mp4"),
    TYPE(".mpd", "application/dash+xml"),
    TYPE(".ogg", "audio/ogg"),
    TYPE(".opus", "audio/ogg"),
    TYPE(".pdf", "application/pdf"),
    TYPE(".png", "image/png"),
    TYPE(".svg", "image/svg+xml"),
    TYPE(".tar", "application/x-tar"),
    TYPE(".torrent", "application/x-bittorrent"),
    TYPE(".ts", "video/mp2t"),
    TYPE(".ttf", "font/ttf"),
    TYPE(".txt", "text/plain; charset=utf-8"),
    TYPE(".wasm", "application/wasm"),
    TYPE(".wav", "audio/wav"),
    TYPE(".webm", "video/webm"),
    TYPE(".webp", "image/webp"),
    TYPE(".woff", "font/woff"),
    TYPE(".woff2", "font/woff2"),
    TYPE(".xml", "application/xml"),
    TYPE(".xz", "application/x-xz"),
    TYPE(".zip", "application/zip"),
    TYPE(".zst", "application/zstd"),
#undef TYPE
};

static bool is_field_text(const char *s)
{
    for (; *s != 0; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
    return true;
}

static const struct field_rule *rule_at(const struct option_records *rules, size_t i)
{
    return (const struct field_rule *)rules->v + i;
}

static bool texts_are_good(const struct field_rule *r)
{
    bool good = is_field_text(r->cache_control) && is_field_text(r->content_type);
    for (size_t i = 0; i < r->tags.count; i++)
        good = good && is_field_text(r->tags.v[i]) && strchr(r->tags.v[i], ',') == NULL;
    good = good && is_field_text(r->dictionary) && strpbrk(r->dictionary, "\"\\") == NULL;
    return good;
}

int field_rules_check(const struct option_records *rules, const char *file, struct buf *why)
{
    int err = 0;
    for (size_t i = 0; i < rules->count; i++) {
        const struct field_rule *r = rule_at(rules, i);
        if (r->pattern[0] != '/' && r->pattern[0] != '*') {
            option_error(why, file, r->line,
                         "rule \"%s\": a pattern starts with / or *, for instance \"/music/*\"",
                         r->pattern);
            err = ERR_CONFIG;
        }
        if (!texts_are_good(r)) {
            option_error(why, file, r->line,
                         "rule \"%s\": values hold no control bytes, tags no comma", r->pattern);
            err = ERR_CONFIG;
        }
        for (size_t k = 0; k < r->companions.count; k++) {
            if (companions_is_known(r->companions.v[k]))
                continue;
            option_error(why, file, r->line,
                         "rule \"%s\": companions: there are \"zst\", \"br\", \"gz\" and \"dcz\"",
                         r->pattern);
            err = ERR_CONFIG;
        }
    }
    return err;
}

static struct span type_of(struct span path)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (path.n > types[i].ending.n &&
            span_ieq(span_skip(path, path.n - types[i].ending.n), types[i].ending))
            return types[i].type;
    return SPAN("application/octet-stream");
}

static struct span joined_tags(const struct option_texts *tags, struct arena *mem)
{
    struct span all = span_of(tags->v[0]);
    for (size_t i = 1; i < tags->count; i++)
        all = arena_printf(mem, "%.*s, %s", SPAN_FMT(all), tags->v[i]);
    return all;
}

const struct field_rule *field_rules_of(const struct option_records *rules, struct span path)
{
    char *text = mem_strndup(path.p, path.n);
    const struct field_rule *r = NULL;
    for (size_t i = 0; i < rules->count && r == NULL; i++)
        if (fnmatch(rule_at(rules, i)->pattern, text, 0) == 0)
            r = rule_at(rules, i);
    mem_free(text);
    return r;
}

static struct span type_for(const struct field_rule *r, struct span path, struct span stored)
{
    if (r != NULL && r->content_type[0] != 0)
        return span_of(r->content_type);
    return stored.n > 0 ? stored : type_of(path);
}

void field_rules_add(const struct field_rule *r, struct span path, struct span stored_type,
                     struct fields *fs)
{
    fields_add(fs, FIELD_CONTENT_TYPE, type_for(r, path, stored_type));
    if (r == NULL)
        return;
    if (r->cache_control[0] != 0)
        fields_add(fs, FIELD_CACHE_CONTROL, span_of(r->cache_control));
    if (r->tags.count > 0)
        fields_add(fs, FIELD_CACHE_TAG, joined_tags(&r->tags, fs->mem));
    if (r->companions.count > 0)
        fields_add(fs, FIELD_VARY, companions_vary(r));
    if (r->dictionary[0] != 0)
        fields_add_named(fs, SPAN("Use-As-Dictionary"),
                         arena_printf(fs->mem, "match=\"%s\"", r->dictionary));
}
