/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_NODE_H
#define CONTROL_REGISTRY_NODE_H

#include "control/registry/node_addresses.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

/* What is said about a node (by the configuration or an operator), apart from how it is. Pure. */
enum node_mode {
    NODE_AUTO,   /* as its health says */
    NODE_DRAIN,  /* no new users, unless nothing better is left */
    NODE_DOWN,   /* nobody, whatever its health */
    NODE_FORCED, /* up, whatever its health */
    NODE_MODE_COUNT
};

#define NODE_CITY_BYTES    63
#define NODE_PRICE_CLASSES 4 /* from 1, the cheapest */

struct node_spec {
    struct span id;
    struct span http_url, https_url, admin_url; /* empty: what its heartbeat says */
    struct node_addresses addresses;            /* none: those that its URLs tell */
    struct span city, country;                  /* country: ISO 3166-1 alpha-2 */
    double lat, lon;
    bool has_point;
    double weight;        /* share of users among equals; 1 is usual */
    double capacity_mbps; /* what it can send, in 10^6 bits a second; 0: unknown */
    uint8_t price_class;  /* 1..NODE_PRICE_CLASSES: what its bytes cost, relative to others */
    struct span region;   /* whose boundary it is within (a `region` section); empty: none */
};

const char *node_mode_name(enum node_mode mode);
bool node_mode_parse(struct span name, enum node_mode *out);

/* node_check: "" or what is wrong with it (a constant sentence that begins with the field). */
const char *node_check(const struct node_spec *spec);
/* node_url_is_valid: http or https, host, perhaps a port and path; no query, no slash at its end.*/
bool node_url_is_valid(struct span url);
/* node_url_port: of a valid one; its scheme's where it has none. */
int node_url_port(struct span url);
/* node_copy: deep, into mem. */
struct node_spec node_copy(const struct node_spec *spec, struct arena *mem);

struct json_in;
struct json_t;
struct json_out;
/* As members of an object that is open. Reading copies into mem; faults stick to `in`. */
void node_write(const struct node_spec *spec, struct json_out *o);
struct node_spec node_read(struct json_in *in, const struct json_t *o, struct arena *mem);

#endif
