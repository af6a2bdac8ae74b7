/* SPDX-License-Identifier: MIT */

/* May a shared cache store this response (RFC 9111 s.3)? 206 is never stored as it is: who joins
 * ranges presents the whole as status 200. */
#include "edge/policy/freshness_inner.h"

const char *storable_text(enum storable s)
{
    static const char *const texts[] = {
        [STORABLE_YES] = "storable",
        [STORABLE_NOT_METHOD] = "not-a-plain-get",
        [STORABLE_NOT_STATUS] = "status",
        [STORABLE_NO_STORE] = "no-store",
        [STORABLE_PRIVATE] = "private",
        [STORABLE_AUTHORIZATION] = "authorization",
        [STORABLE_SET_COOKIE] = "set-cookie",
        [STORABLE_VARY_ANY] = "vary-any",
        [STORABLE_NO_LIFETIME] = "no-lifetime",
        [STORABLE_TOO_LARGE] = "too-large",
        [STORABLE_ASKED_NOT] = "request-no-store",
        [STORABLE_PART] = "part",
    };
    return (size_t)s < ARRAY_LEN(texts) ? texts[s] : "unknown";
}

bool storable_is_lasting(enum storable s)
{
    return s != STORABLE_YES && s != STORABLE_NOT_METHOD && s != STORABLE_AUTHORIZATION &&
           s != STORABLE_ASKED_NOT && s != STORABLE_PART;
}

/* s.3: final, and neither partial nor about a range or another response. */
static bool is_status_storable(int status)
{
    return status >= 200 && status <= 599 && status != 206 && status != 304 && status != 416;
}

/* s.5.2.2.3: what must-understand asks for: the caching rules of these are implemented. */
static bool is_status_understood(int status)
{
    static const uint16_t known[] = {200, 203, 204, 300, 301, 302, 303, 307,
                                     308, 404, 405, 410, 414, 421, 451, 501};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i] == status)
            return true;
    }
    return false;
}

static bool varies_by_anything(const struct fields *fs)
{
    const struct field *f = fields_find(fs, FIELD_VARY, 0);
    for (; f != NULL; f = fields_find(fs, FIELD_VARY, (uint32_t)(f - fs->v) + 1)) {
        struct span rest = f->value, element;
        while (list_next_element(&rest, &element)) {
            if (span_eq(element, SPAN("*")) || !token_is_valid(element))
                return true;
        }
    }
    return false;
}

/* What the request forbids: it is no plain GET, or says no-store (s.5.2.1.5). */
static enum storable by_request(const struct request_head *request)
{
    struct cache_control asked;
    cache_control_init(&asked);
    cache_control_read(&asked, &request->fields, FIELD_CACHE_CONTROL);
    if (request->method != METHOD_GET || request->content_length != 0)
        return STORABLE_NOT_METHOD;
    return asked.no_store ? STORABLE_ASKED_NOT : STORABLE_YES;
}

/* s.3, and s.3.5 for Authorization. */
static enum storable by_directives(const struct response_seen *seen, const struct cache_control *cc)
{
    bool is_understood = is_status_understood(seen->response->status);
    bool is_authorized = fields_find(&seen->request->fields, FIELD_AUTHORIZATION, 0) != NULL;
    bool is_shared = cc->is_public || cc->must_revalidate || cc->s_maxage != DELTA_NONE;
    if (cc->must_understand && !is_understood)
        return STORABLE_NOT_STATUS;
    if (cc->no_store && !cc->must_understand)
        return STORABLE_NO_STORE;
    if (cc->is_private && cc->private_fields.p == NULL)
        return STORABLE_PRIVATE;
    if (is_authorized && !is_shared)
        return STORABLE_AUTHORIZATION;
    return STORABLE_YES;
}

/* Something is gained by having it: it will be fresh, may be validated, or may answer stale. */
static bool is_worth_it(const struct response_seen *seen, const struct cache_control *cc,
                        const struct freshness *f)
{
    const struct fields *fs = &seen->response->fields;
    bool may_answer_stale = cc->stale_while_revalidate > 0 || cc->stale_if_error > 0;
    bool is_explicit = f->source != FRESHNESS_NONE && !f->is_heuristic;
    if (!is_explicit && !freshness_may_guess(seen->response, cc))
        return false;
    return f->lifetime_ms > 0 || may_answer_stale || fields_find(fs, FIELD_ETAG, 0) != NULL ||
           fields_find(fs, FIELD_LAST_MODIFIED, 0) != NULL;
}

static bool list_names(struct span list, enum field_id id)
{
    struct span rest = list, element;
    while (list.p != NULL && list_next_element(&rest, &element)) {
        if (field_id_of(element) == id)
            return true;
    }
    return false;
}

/* Set-Cookie makes a response somebody's own, unless the site says that it does not, or the origin
 * that this field alone is not to be kept. */
static bool is_somebodys(const struct response_seen *seen, const struct cache_control *cc)
{
    return fields_find(&seen->response->fields, FIELD_SET_COOKIE, 0) != NULL &&
           !seen->site->caches_set_cookie && !list_names(cc->no_cache_fields, FIELD_SET_COOKIE) &&
           !list_names(cc->private_fields, FIELD_SET_COOKIE);
}

static enum storable by_response(const struct response_seen *seen, const struct cache_control *cc)
{
    const struct fields *fs = &seen->response->fields;
    int64_t bound = seen->site->object_max_bytes;
    if (!is_status_storable(seen->response->status))
        return STORABLE_NOT_STATUS;
    if (is_somebodys(seen, cc))
        return STORABLE_SET_COOKIE;
    if (varies_by_anything(fs))
        return STORABLE_VARY_ANY;
    if (bound > 0 && seen->response->content_length > bound)
        return STORABLE_TOO_LARGE;
    return STORABLE_YES;
}

enum storable storable_of(const struct response_seen *seen, struct freshness *out)
{
    struct cache_control cc;
    bool is_targeted = freshness_directives(&seen->response->fields, &cc);
    freshness_of(seen, &cc, is_targeted, out);
    enum storable s = by_request(seen->request);
    if (s == STORABLE_YES)
        s = by_directives(seen, &cc);
    if (s == STORABLE_YES)
        s = by_response(seen, &cc);
    if (s == STORABLE_YES && !is_worth_it(seen, &cc, out))
        s = STORABLE_NO_LIFETIME;
    return s;
}

static void remove_named(struct fields *fs, struct span list)
{
    struct span rest = list, element;
    while (list.p != NULL && list_next_element(&rest, &element))
        fields_remove_named(fs, element);
}

void storable_leave_out(struct fields *fs, const struct site *site)
{
    struct cache_control cc;
    freshness_directives(fs, &cc);
    remove_named(fs, cc.no_cache_fields);
    remove_named(fs, cc.private_fields);
    fields_remove(fs, FIELD_AGE);
    if (site->caches_set_cookie)
        fields_remove(fs, FIELD_SET_COOKIE);
}
