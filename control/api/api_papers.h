/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_API_PAPERS_H
#define CONTROL_API_API_PAPERS_H

#include "control/api/api_worker.h"

/* /v1/certificates, /v1/keys and below, /v1/routing: each change is a new version of the whole
 * configuration. Secrets come in and are never told again. app: struct api_worker. */
void api_certificates_list(void *app, struct exchange *x, const struct router_match *m);
void api_certificates_get(void *app, struct exchange *x, const struct router_match *m);
void api_certificates_put(void *app, struct exchange *x, const struct router_match *m);
void api_certificates_delete(void *app, struct exchange *x, const struct router_match *m);
void api_keys_list(void *app, struct exchange *x, const struct router_match *m);
void api_keys_get(void *app, struct exchange *x, const struct router_match *m);
void api_keys_put(void *app, struct exchange *x, const struct router_match *m);
void api_keys_rotate(void *app, struct exchange *x, const struct router_match *m);
void api_keys_delete(void *app, struct exchange *x, const struct router_match *m);
void api_routing_get(void *app, struct exchange *x, const struct router_match *m);
void api_routing_put(void *app, struct exchange *x, const struct router_match *m);
void api_routing_delete(void *app, struct exchange *x, const struct router_match *m);

#endif
