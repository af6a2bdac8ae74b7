/* SPDX-License-Identifier: MIT
 * The month's account, told. */
#include "control/api/api_cost.h"

#include "control/api/answer.h"
#include "lib/codec/json_out.h"

#define MONTH_BYTES (64 << 20)

void api_cost(void *app, struct exchange *x, const struct router_match *m)
{
    struct api_worker *w = app;
    struct ledger_month month;
    struct arena mem;
    struct buf text;
    struct json_out o;
    (void)m;
    arena_init(&mem, MONTH_BYTES);
    buf_init(&text, ANSWER_MAX_BYTES);
    const struct price *price = &api_worker_config(w)->price;
    cost_month(w->api->ledger, loop_wall(w->loop), price, &month, &mem);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    cost_write(&month, price, &o, &mem);
    json_out_end_object(&o);
    if (arena_overflowed(&mem))
        answer_problem(x, 500, "The month's account is larger than its bound.");
    else
        answer_json(x, 200, &text);
    buf_finish(&text);
    arena_finish(&mem);
}
