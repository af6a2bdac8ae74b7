/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_STEER_H
#define CONTROL_API_STEER_H

#include "control/api/api_worker.h"
#include "lib/net/addr.h"

/* One routing question with its answer, for JSON and redirect alike. Valid as long as its picture
 * and configuration are: the worker's, until it looks at newer ones, or a round's. */
struct steer {
    struct addr client;
    struct place place; /* with the city's name where tells_place */
    bool tells_place;
    struct decide_question question;
    struct decide_verdict verdict;
    const struct picture *picture;
    const struct picture_site *site;
    const struct api_config *config;
};

/* steer_client: whose request it is: the connection's peer, or, where that is a trusted proxy, the
 * last address of X-Forwarded-For that is not. */
struct addr steer_client(const struct api_config *c, const struct exchange *x);

/* The steps, in order. steer_begin: the picture and the configuration are the worker's newest.
 * steer_site: which site the host (in lower case) is of; false: none. steer_ask: client,
 * tells_place, question.scheme and question.wanted are set. Then the place is looked up.
 * steer_decide: the verdict, which is counted. */
void steer_begin(struct api_worker *w, struct steer *s);
bool steer_site(struct steer *s, struct span host);
void steer_ask(struct steer *s, struct span host, struct span path);
void steer_decide(struct api_worker *w, struct steer *s);
/* steer_run: steer_ask, the look-up and steer_decide, for a question that comes alone. */
void steer_run(struct api_worker *w, struct steer *s, struct span host, struct span path);

/* steer_edge_url: what its users use, by http where they may and it offers that. */
struct span steer_edge_url(const struct picture_node *n, bool is_https);
/* steer_host: the host of a request, in lower case, in mem. */
struct span steer_host(struct span host, struct arena *mem);

#endif
