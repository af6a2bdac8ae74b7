/* SPDX-License-Identifier: MIT
 * Files that were made part of the program when it was built. The policy lets the page load its own
 * files and talk to its own origin, and nothing else: what a node's name might smuggle in finds
 * nowhere to run, and the token nowhere to go. */
#include "control/dashboard/dashboard.h"

/* Made from the files of this folder (meson.build). */
extern const struct span dashboard_html, dashboard_css, dashboard_js, dashboard_land,
    dashboard_uplot_js, dashboard_uplot_css;

static const struct {
    const char *name;
    const char *type;
    const struct span *bytes;
} files[] = {
    {"page.css", "text/css; charset=utf-8", &dashboard_css},
    {"page.js", "text/javascript; charset=utf-8", &dashboard_js},
    {"land.js", "text/javascript; charset=utf-8", &dashboard_land},
    {"uplot.js", "text/javascript; charset=utf-8", &dashboard_uplot_js},
    {"uplot.css", "text/css; charset=utf-8", &dashboard_uplot_css},
};

static void answer(struct exchange *x, struct span type, struct span bytes)
{
    static const struct {
        const char *name, *value;
    } fields[] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
         "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
    };
    struct response_head head = {.status = 200, .content_length = (int64_t)bytes.n};
    fields_init(&head.fields, &x->mem);
    fields_add(&head.fields, FIELD_CONTENT_TYPE, type);
    fields_add(&head.fields, FIELD_CACHE_CONTROL, SPAN("no-cache"));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        fields_add_named(&head.fields, span_of(fields[i].name), span_of(fields[i].value));
    exchange_respond(x, &head, body_of_constant(bytes));
}

void dashboard_page(void *app, struct exchange *x, const struct router_match *m)
{
    (void)app;
    (void)m;
    answer(x, SPAN("text/html; charset=utf-8"), dashboard_html);
}

void dashboard_file(void *app, struct exchange *x, const struct router_match *m)
{
    (void)app;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (span_eq(m->arg[0], span_of(files[i].name))) {
            answer(x, span_of(files[i].type), *files[i].bytes);
            return;
        }
    exchange_reply(x, 404, SPAN_NONE, SPAN("There is no such file.\n"));
}
