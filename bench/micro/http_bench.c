/* SPDX-License-Identifier: MIT */

/* Nanoseconds per call of what lib/http does for every request. Each case runs in rounds of about
 * 50 ms; the best round is printed, since everything else that the machine does only adds. */
#include "lib/base/clock.h"
#include "lib/http/date.h"
#include "lib/http/h1_read.h"
#include "lib/http/h1_write.h"
#include "lib/http/range.h"

#include <stdio.h>

#define ROUNDS   9
#define ROUND_NS (50 * 1000000LL)
#define BATCH    1000

static const char request[] =
    "GET /release/1.16/data/core/music/knolls.ogg?build=20231118 HTTP/1.1\r\n"
    "Host: dl.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "Range: bytes=0-1048575\r\n"
    "If-Range: \"5f8a-60b1c3d2\"\r\n"
    "\r\n";

static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "Server: byeori-origin\r\n"
                             "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                             "Content-Type: audio/ogg\r\n"
                             "Content-Length: 1048576\r\n"
                             "ETag: \"5f8a-60b1c3d2\"\r\n"
                             "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                             "Cache-Control: public, max-age=86400\r\n"
                             "Accept-Ranges: bytes\r\n"
                             "\r\n";

static struct arena mem;
static struct response_head stored; /* what write_response writes */
static volatile int64_t sink;       /* keeps results from being thought away */

static void read_request(void)
{
    static const struct h1_limits limits = {.target_bytes = 8192, .fields = 100};
    struct h1_scan scan = {0};
    struct request_head head;
    const char *why;
    int n = h1_scan(&scan, request, sizeof(request) - 1);
    CHECK(h1_parse_request(&head, span_make(request, (size_t)n), &mem, &limits, &why) == 0);
    sink = head.port;
    arena_reset(&mem);
}

static void read_response(void)
{
    struct h1_scan scan = {0};
    struct response_head head;
    const char *why;
    int n = h1_scan(&scan, answer, sizeof(answer) - 1);
    CHECK(h1_parse_response(&head, span_make(answer, (size_t)n), METHOD_GET, &mem, &why) == 0);
    sink = head.content_length;
    arena_reset(&mem);
}

static void write_response(void)
{
    static const struct h1_response_framing framing = {.content_length = 1048576,
                                                       .peer_minor_version = 1};
    char out[1024];
    sink = h1_write_response(out, sizeof(out), &stored, &framing);
}

static void write_date(void)
{
    char out[DATE_BYTES];
    date_write(784111777 + sink, out);
    sink = out[5];
}

static void read_date(void)
{
    sec_t s;
    CHECK(date_parse(SPAN("Sun, 06 Nov 1994 08:49:37 GMT"), 0, &s));
    sink = s;
}

static void read_range(void)
{
    struct range_spec specs[4];
    sink = range_parse(SPAN("bytes=1048576-2097151"), specs, 4);
}

static double best_ns(void (*run)(void))
{
    double best = 1e12;
    for (int round = 0; round < ROUNDS; round++) {
        nsec_t start = clock_mono_ns(), now = start;
        long calls = 0;
        for (; now - start < ROUND_NS; now = clock_mono_ns(), calls += BATCH) {
            for (int i = 0; i < BATCH; i++)
                run();
        }
        double ns = (double)(now - start) / (double)calls;
        best = ns < best ? ns : best;
    }
    return best;
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        {"scan and parse a request of 8 fields", read_request},
        {"scan and parse a response of 8 fields", read_response},
        {"write a response of 8 fields", write_response},
        {"write a date", write_date},
        {"parse a date", read_date},
        {"parse a range", read_range},
    };
    struct arena kept;
    const char *why;
    arena_init(&mem, 1 << 20);
    arena_init(&kept, 1 << 20);
    CHECK(h1_parse_response(&stored, SPAN(answer), METHOD_GET, &kept, &why) == 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        printf("%-40s %8.1f ns\n", cases[i].name, best_ns(cases[i].run));
    arena_finish(&kept);
    arena_finish(&mem);
    return 0;
}
