/* SPDX-License-Identifier: MIT */

/* Dates: what is read is written in the one form, and that reads back to the same second. */
#include "lib/http/date.h"
#include "tests/fuzz/fuzz.h"

static void check_second(sec_t s, sec_t now_s)
{
    char out[DATE_BYTES], again[DATE_BYTES];
    sec_t back;
    date_write(s, out);
    CHECK(date_parse(span_make(out, DATE_BYTES), now_s, &back));
    date_write(back, again);
    CHECK(memcmp(out, again, DATE_BYTES) == 0);
    CHECK(back == s || s < -62167219200 || s > 253402300799);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    sec_t now_s = 0, s;
    memcpy(&now_s, p, n < sizeof(now_s) ? n : sizeof(now_s));
    check_second(now_s, now_s);
    check_second(now_s >> 24, now_s);
    if (date_parse(span_make(p, n), now_s, &s) && s <= 253402300799)
        check_second(s, now_s);
    return 0;
}
