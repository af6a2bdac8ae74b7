/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_STEER_H
#define CONTROL_API_STEER_H

#include "control/api/api_worker.h"
#include "lib/net/addr.h"

/* One routing question with its answer, for JSON and redirect alike. Valid until the worker looks
 * at a newer picture or configuration (so: during one request). */
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
struct addr steer_client(struct api_worker *w, const struct exchange *x);

/* steer_site: which site the host (in lower case) is of; false: none. */
bool steer_site(struct api_worker *w, struct steer *s, struct span host);
/* steer_run: after steer_site; s->client, tells_place, question.scheme and question.wanted
 * are set. */
void steer_run(struct api_worker *w, struct steer *s, struct span host, struct span path);

/* steer_edge_url: what its users use, by http where they may and it offers that. */
struct span steer_edge_url(const struct picture_node *n, bool is_https);
/* steer_host: the host of a request, in lower case, in mem. */
struct span steer_host(struct span host, struct arena *mem);

#endif
