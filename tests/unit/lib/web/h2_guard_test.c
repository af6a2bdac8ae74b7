/* SPDX-License-Identifier: MIT */
/* Clients of HTTP/2 that make work for nothing: each is told to calm down, or cut, in bounds. */
#include "tests/unit/lib/web/h2_peer.h"

#include "lib/base/err.h"

static struct wire w;
static struct peer p;

static void begin(void (*app)(struct wire *w, struct exchange *x))
{
    wire_open(&w, NULL, app);
    peer_open(&p, &w, 0);
    peer_turn(&p);
}

static void end(void)
{
    peer_close(&p);
    wire_close(&w);
}

/* What came is read frame by frame: the peer's nghttp2 knows nothing of raw streams. */
static uint32_t last_goaway_code(void)
{
    const uint8_t *got = (const uint8_t *)w.got;
    uint32_t code = NGHTTP2_NO_ERROR;
    for (size_t at = 0, n; at + 9 <= w.got_n; at += 9 + n) {
        n = (size_t)got[at] << 16 | (size_t)got[at + 1] << 8 | got[at + 2];
        if (got[at + 3] == NGHTTP2_GOAWAY && at + 17 <= w.got_n)
            code = (uint32_t)got[at + 13] << 24 | (uint32_t)got[at + 16];
    }
    return code;
}

static void expect_calm(void)
{
    wire_until_ended(&w);
    assert_int_equal(last_goaway_code(), NGHTTP2_ENHANCE_YOUR_CALM);
    assert_int_equal(counter_get(&server_counters_of(w.server)->floods), 1);
}

/* GET / with the static table, and "h" for :authority. */
#define HEAD_BLOCK SPAN("\x82\x84\x86\x01\x01h")
#define END        (NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM)
#define FLOOD      3000 /* far beyond every budget */

static void rapid_resets_end_the_connection(void **state)
{
    (void)state;
    begin(app_reply_later);
    for (uint32_t id = 1; id < 2 * FLOOD && !w.has_ended; id += 2) {
        peer_raw(&p, NGHTTP2_HEADERS, END, id, HEAD_BLOCK);
        peer_raw(&p, NGHTTP2_RST_STREAM, 0, id, SPAN("\0\0\0\x08"));
    }
    expect_calm();
    assert_in_range(w.requests, 100, 600);
    assert_int_equal(w.dones, w.requests);
    end();
}

/* CVE-2025-8671: the frames are legal until one that is not makes the server reset the stream. */
static void made_resets(uint8_t type, struct span payload)
{
    begin(app_reply_later);
    for (uint32_t id = 1; id < 2 * FLOOD && !w.has_ended; id += 2) {
        peer_raw(&p, NGHTTP2_HEADERS, END, id, HEAD_BLOCK);
        peer_raw(&p, type, 0, id, payload);
    }
    expect_calm();
    assert_in_range(w.requests, 100, 600);
    end();
}

static void resets_that_illegal_frames_provoke_count_as_well(void **state)
{
    (void)state;
    made_resets(NGHTTP2_WINDOW_UPDATE, SPAN("\x7f\xff\xff\xff")); /* beyond the largest window */
    made_resets(NGHTTP2_WINDOW_UPDATE, SPAN("\x7f\xff\xff\xf0"));
}

static void malformed_heads_without_end_do_too(void **state)
{
    (void)state;
    begin(app_reply_later);
    for (uint32_t id = 1; id < 2 * FLOOD && !w.has_ended; id += 2)
        peer_raw(&p, NGHTTP2_HEADERS, END, id, SPAN("\x82\x84\x86\x01\x01h\0\x01X\x01y"));
    expect_calm();
    assert_int_equal(w.requests, 0);
    end();
}

static const struct {
    uint8_t type, flags;
    uint32_t id;
    const char *payload;
    size_t payload_n;
} idle_frames[] = {
    {NGHTTP2_PING, 0, 0, "12345678", 8},
    {NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678", 8},
    {NGHTTP2_SETTINGS, 0, 0, "", 0},
    {NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\x01", 5},
    {NGHTTP2_PRIORITY_UPDATE, 0, 0, "\0\0\0\x01u=1", 7},
    {NGHTTP2_DATA, 0, 1, "", 0},
    {NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\x02\0\0", 3},
};

static void frames_that_carry_nothing_have_a_budget(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(idle_frames); i++) {
        begin(app_reply_later);
        peer_raw(&p, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, HEAD_BLOCK);
        for (int n = 0; n < FLOOD && !w.has_ended; n++)
            peer_raw(&p, idle_frames[i].type, idle_frames[i].flags, idle_frames[i].id,
                     span_make(idle_frames[i].payload, idle_frames[i].payload_n));
        expect_calm();
        assert_int_equal(w.requests, 1);
        assert_int_equal(w.last_err, ERR_CLOSED);
        end();
    }
}

static void a_moderate_client_is_never_told(void **state)
{
    (void)state;
    begin(app_reply_hello);
    for (int i = 0; i < 300; i++) {
        peer_raw(&p, NGHTTP2_PING, 0, 0, SPAN("12345678"));
        if (i % 3 == 0)
            peer_get(&p, "/");
        if (i % 50 == 0)
            peer_turn(&p);
    }
    PEER_UNTIL(&p, w.dones == 100 && p.pings == 300, "answers");
    assert_int_equal(p.goaways, 0);
    end();
}

static void continuations_without_end_cut_the_connection(void **state)
{
    (void)state;
    static char block[16000];
    begin(app_reply_later);
    memset(block, 0x84, sizeof block); /* ":path: /" again and again */
    peer_raw(&p, NGHTTP2_HEADERS, 0, 1, HEAD_BLOCK);
    for (int i = 0; i < 1000 && !w.has_ended; i++)
        peer_raw(&p, NGHTTP2_CONTINUATION, 0, 1, span_make(block, sizeof block));
    peer_until_closed(&p);
    assert_int_equal(w.requests, 0);
    assert_true(counter_get(&server_counters_of(w.server)->received_bytes) < 400000);
    end();
}

/* One entry of almost 4 KiB in the dynamic table, then references to it, a byte each. */
static void a_bomb_of_references_costs_no_memory(void **state)
{
    (void)state;
    static char block[16000];
    static const char head[] = "\x82\x84\x86\x01\x01h\x40\x01x\x7f\xa1\x1e"; /* 4000 bytes follow */
    begin(app_reply_later);
    memcpy(block, head, sizeof head - 1);
    memset(block + sizeof head - 1, 'a', 4000);
    memset(block + sizeof head - 1 + 4000, 0xbe, sizeof block - sizeof head + 1 - 4000);
    for (uint32_t id = 1; id < 21; id += 2)
        peer_raw(&p, NGHTTP2_HEADERS, END, id, span_make(block, sizeof block));
    while (counter_get(&server_counters_of(w.server)->bad_requests) < 10) /* 431 */
        wire_for_ms(&w, 1);
    wire_for_ms(&w, 20);
    assert_int_equal(w.requests, 0);
    assert_int_equal(counter_get(&server_counters_of(w.server)->bad_requests), 10);
    assert_false(w.has_ended);
    end();
}

static void a_broken_rule_of_the_connection_ends_it(void **state)
{
    (void)state;
    static char large[20000];
    static const struct {
        uint8_t type;
        uint32_t id;
        size_t n;
    } cases[] = {
        {NGHTTP2_DATA, 1, 20000}, /* larger than we allow */
        {NGHTTP2_DATA, 0, 10},    /* on no stream */
        {NGHTTP2_DATA, 7, 10},    /* on one that was never opened */
        {NGHTTP2_HEADERS, 2, 10}, /* of a server's number */
        {NGHTTP2_RST_STREAM, 9, 4},    {NGHTTP2_PING, 0, 7},
        {NGHTTP2_PUSH_PROMISE, 1, 10}, {NGHTTP2_CONTINUATION, 1, 10},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(app_reply_hello);
        peer_raw(&p, cases[i].type, 0, cases[i].id, span_make(large, cases[i].n));
        peer_until_goaway(&p);
        assert_int_not_equal(p.goaway_code, NGHTTP2_NO_ERROR);
        peer_until_closed(&p);
        end();
    }
}

static void what_is_no_preface_is_refused(void **state)
{
    (void)state;
    wire_open(&w, NULL, app_reply_hello);
    wire_say(&w, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    wire_until_ended(&w);
    wire_connect(&w);
    wire_say(&w, "GET * HTTP/2.0\r\n\r\n");
    wire_until_got(&w, "HTTP/1.1 505 ");
    wire_until_ended(&w);
    wire_connect(&w);
    wire_say(&w, GET "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); /* only at the beginning */
    wire_until_got(&w, "HTTP/1.1 505 ");
    wire_until_ended(&w);
    wire_close(&w);
}

/* Answers wait, the client does not read: what we hold for it stays small. */
static char long_text[8 << 20];

static void reply_long(struct wire *wire, struct exchange *x)
{
    (void)wire;
    app_respond(x, 200, sizeof long_text, body_of_constant(span_make(long_text, sizeof long_text)));
}

static void a_client_that_does_not_read_is_cut(void **state)
{
    (void)state;
    struct server_config c = wire_config();
    wire_open(&w, &c, reply_long);
    peer_open(&p, &w, 0x7fffffff);
    for (int i = 0; i < 100; i++)
        peer_get(&p, "/");
    while (w.requests < 100)
        peer_turn(&p);
    c.stall_ms = 100;
    server_set_config(w.server, &c);
    int unread = w.fd;
    w.fd = -1; /* the peer still has its connection, and does nothing with it */
    wire_until_done(&w, 100);
    assert_int_equal(w.last_err, ERR_TIMEOUT);
    w.fd = unread;
    end();
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(rapid_resets_end_the_connection),
        T(resets_that_illegal_frames_provoke_count_as_well),
        T(malformed_heads_without_end_do_too),
        T(frames_that_carry_nothing_have_a_budget),
        T(a_moderate_client_is_never_told),
        T(continuations_without_end_cut_the_connection),
        T(a_bomb_of_references_costs_no_memory),
        T(a_broken_rule_of_the_connection_ends_it),
        T(what_is_no_preface_is_refused),
        T(a_client_that_does_not_read_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
