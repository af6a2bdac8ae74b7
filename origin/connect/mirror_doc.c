/* SPDX-License-Identifier: MIT
 *
 * Which documents there are beside a file, and what the configuration says for all of them. */
#include "origin/connect/mirror_doc.h"

#include "lib/base/err.h"
#include "lib/http/url.h"
#include "lib/proto/mirrors.h"

#define FIELD(f) OPTION_FIELD(struct mirror_options, f)

static const struct option rows[] = {
    OPTION_ROW("urls", TEXTS, FIELD(urls), "{}",
               "Where users reach the root of this origin (the router's address, or a site's): "
               "published files get a .meta4 (RFC 5854) and a .torrent (BEP 19) that name it. "
               "Empty: they get none."),
    OPTION_ROW("trackers", TEXTS, FIELD(trackers), "{}",
               "Trackers that a .torrent names, as URLs."),
    {.name = NULL},
};

const struct option_section mirror_section = {
    .options = rows,
    .record_bytes = sizeof(struct mirror_options),
    .is_single = true,
    .line_offset_bytes = OPTION_NO_LINE,
};

int mirror_check(const struct mirror_options *o, const struct option_config *config,
                 struct buf *why)
{
    int err = 0;
    for (size_t i = 0; i < o->urls.count; i++) {
        struct span text = span_of(o->urls.v[i]);
        struct url url;
        if (url_parse(text, &url) == 0 && url.query.p == NULL && !span_ends(text, SPAN("/")))
            continue;
        option_error(why, option_file(config), option_line(config, o, "urls"),
                     "mirrors: \"%s\" is not http(s)://HOST[:PORT][/PATH]", o->urls.v[i]);
        err = ERR_CONFIG;
    }
    return err;
}

struct span mirror_name_of(struct span path)
{
    struct span rest = path, last = path;
    while (rest.p != NULL)
        last = span_cut(rest, '/', &rest);
    return last;
}

enum mirror_kind mirror_kind_of(struct span path, struct span *stem)
{
    *stem = path;
    if (span_ends(path, SPAN(MIRRORS_SUFFIX))) {
        stem->n -= sizeof MIRRORS_SUFFIX - 1;
        return MIRROR_METALINK;
    }
    if (span_ends(path, SPAN(TORRENT_SUFFIX))) {
        stem->n -= sizeof TORRENT_SUFFIX - 1;
        return MIRROR_TORRENT;
    }
    return MIRROR_NONE;
}
