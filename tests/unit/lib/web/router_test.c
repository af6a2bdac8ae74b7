/* SPDX-License-Identifier: MIT */
#include "tests/unit/lib/web/wire.h"

#include "lib/base/err.h"
#include "lib/web/router.h"

static struct wire w;
static bool is_allowed;

static void list_nodes(void *app, struct exchange *x, const struct router_match *m)
{
    (void)app;
    exchange_reply(x, 200, SPAN_NONE, arena_printf(&x->mem, "list %d", m->count));
}

static void drain_node(void *app, struct exchange *x, const struct router_match *m)
{
    (void)app;
    int err;
    struct span reason = router_query(m->query, "why", &x->mem, &err);
    exchange_reply(x, err == 0 ? 200 : 400, SPAN_NONE,
                   arena_printf(&x->mem, "drain [%.*s] [%.*s] %s", SPAN_FMT(m->arg[0]),
                                SPAN_FMT(reason), reason.p == NULL ? "none" : "some"));
}

static const struct router_row rows[] = {
    {METHOD_GET, "/v1/nodes", list_nodes, 0},
    {METHOD_POST, "/v1/nodes/{id}/drain", drain_node, 1},
    {METHOD_PUT, "/v1/nodes/{id}", drain_node, 1},
    {METHOD_GET, "/v1/nodes/{id}", drain_node, 0},
    {0, NULL, NULL, 0},
};

static bool before(void *app, struct exchange *x, const struct router_row *row)
{
    (void)app;
    if (row->tag == 0 || is_allowed)
        return true;
    exchange_reply(x, 401, SPAN_NONE, SPAN("who are you?"));
    return false;
}

/* The router has no use for on_done, but the wire counts by it. */
static void route(struct wire *unused, struct exchange *x)
{
    (void)unused;
    const struct exchange_events *events = x->events;
    router_run(rows, before, NULL, x);
    x->events = events;
}

static void expect(const char *line, const char *text)
{
    wire_forget(&w);
    wire_say(&w, line);
    wire_say(&w, " HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_until_got(&w, text);
}

static void requests_find_their_row(void **state)
{
    (void)state;
    wire_open(&w, NULL, route);
    is_allowed = true;
    expect("GET /v1/nodes", "list 0");
    expect("HEAD /v1/nodes", "Content-Length: 6\r\n");
    expect("POST /v1/nodes/a%2Fb/drain?x=1&why=no+w%61y", "drain [a/b] [no way] some");
    expect("PUT /v1/nodes/7", "drain [7] [] none");
    expect("PUT /v1/nodes/7?why=%zz", "HTTP/1.1 400 ");
    expect("PUT /v1/nodes/7?why", "drain [7] [] some");
    is_allowed = false;
    expect("PUT /v1/nodes/7", "HTTP/1.1 401 ");
    expect("GET /v1/nodes/7", "drain [7] [] none");
    wire_close(&w);
}

static void others_are_refused(void **state)
{
    (void)state;
    wire_open(&w, NULL, route);
    expect("GET /", "HTTP/1.1 404 ");
    expect("GET /v1/nodes/", "HTTP/1.1 404 ");
    expect("GET /v1/nodes/7/drain/x", "HTTP/1.1 404 ");
    expect("GET /v1/nodes/%00", "HTTP/1.1 404 ");
    expect("DELETE /v1/nodes/7", "HTTP/1.1 405 ");
    assert_int_equal(wire_count(&w, "Allow: PUT, GET, HEAD\r\n"), 1);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_find_their_row),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
