/* SPDX-License-Identifier: MIT
 * Sending the answers of one HTTP/1 session: as few writes as their pieces allow, large pieces of
 * files by sendfile, a bounded share for each turn of the loop. Runs on the session's loop. */
#include "lib/web/h1_flush.h"

#include "lib/base/err.h"

#define HEAD_TURNS 2

static void end_answer(struct h1_session *s, struct h1_exchange *hx)
{
    bool overran = h1_out_overran(&hx->out);
    if (overran)
        s->is_last = true;
    h1_exchange_end(hx, overran ? ERR_TOO_BIG : 0);
}

/* n bytes of what was gathered went out: each answer moves on by its own, in order. */
static void sent(struct h1_session *s, size_t n)
{
    while (!list_is_empty(&s->answers)) {
        struct h1_exchange *hx = LIST_THING(s->answers.next, struct h1_exchange, link);
        n -= h1_out_sent(&hx->out, n);
        if (!h1_out_is_over(&hx->out))
            break;
        end_answer(s, hx);
    }
    CHECK(n == 0);
}

/* Results as h1_out_gather. A body that is broken behind whole answers shows again when it is
 * the first; those go out before. */
static int gather(struct h1_session *s, struct h1_gather *g)
{
    LIST_EACH(l, &s->answers)
    {
        int r = h1_out_gather(&LIST_THING(l, struct h1_exchange, link)->out, g);
        if (r < 0 && r != ERR_AGAIN && l != s->answers.next)
            return 0;
        if (r != 1)
            return r;
    }
    return 1;
}

static bool is_empty(const struct h1_gather *g)
{
    return g->bytes == 0 && g->file.len == 0;
}

/* Our own file's fault, or the client's connection. */
static int cut_of(int err)
{
    return err == ERR_TRUNCATED || err == ERR_IO ? err : ERR_CLOSED;
}

/* A head alone waits for the end of this turn and of the next: the body that upstream sent along
 * with its own head is read in this one, and what a store tells its readers comes by mail in the
 * next. Then both go in one write. A turn of a loop that has something to do does not block. */
static bool waits_for_body(const struct h1_session *s, int gathered)
{
    struct h1_exchange *first = LIST_THING(s->answers.next, struct h1_exchange, link);
    bool is_alone = s->answers.next == s->answers.prev;
    bool waits = gathered == ERR_AGAIN && is_alone && first->turns_waited < HEAD_TURNS &&
                 first->out.has_head && first->out.head_bytes == 0;
    first->turns_waited += waits;
    return waits;
}

/* Once this is out, close_notify is what follows. Not where a FIN would: before a close alone, a
 * request that crosses the answer would take along what the kernel has not sent yet. */
static bool ends_stream(const struct h1_session *s, int gathered)
{
    return gathered == 1 && s->state == H1_ANSWER && s->is_last && conn_is_tls(s->base->conn);
}

/* A head that waited for a body which broke: the client learns that there is an answer, and then
 * that it is not whole. */
static void send_before_cut(struct h1_session *s, struct h1_gather *g)
{
    ssize_t n = is_empty(g) ? 0 : h1_gather_write(g, s->base->conn);
    if (n <= 0)
        return;
    counter_add(&s->base->server->count.sent_bytes, (uint64_t)n);
    sent(s, (size_t)n);
}

enum h1_flushed h1_flush(struct h1_session *s)
{
    while (!list_is_empty(&s->answers) && s->cut == 0) {
        struct h1_gather g;
        if (s->turn_bytes == 0)
            return H1_TURN_OVER;
        h1_gather_init(&g, s->base->conn, s->turn_bytes);
        int r = gather(s, &g);
        if (r < 0 && r != ERR_AGAIN) {
            send_before_cut(s, &g);
            s->cut = r;
            break;
        }
        if (waits_for_body(s, r))
            return H1_TURN_OVER;
        g.is_end_near = ends_stream(s, r);
        if (is_empty(&g) && r != 1)
            return r == ERR_AGAIN ? H1_NO_BODY_YET : H1_FLUSHED;
        ssize_t n = is_empty(&g) ? 0 : h1_gather_write(&g, s->base->conn);
        if (n == ERR_AGAIN)
            return H1_NO_ROOM;
        if (n < 0) {
            s->cut = cut_of((int)n);
            break;
        }
        counter_add(&s->base->server->count.sent_bytes, (uint64_t)n);
        sent(s, (size_t)n);
        s->turn_bytes -= (size_t)n < s->turn_bytes ? (size_t)n : s->turn_bytes;
    }
    return s->cut != 0 ? H1_CUT : H1_FLUSHED;
}
