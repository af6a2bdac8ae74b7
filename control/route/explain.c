/* SPDX-License-Identifier: MIT
 * A decision told, as JSON. Decides nothing. */
#include "control/route/explain.h"

#include "lib/codec/json_out.h"

static void write_place(const struct place *p, struct json_out *o)
{
    json_out_object(o, "place");
    json_out_bool(o, "found", p->is_found);
    if (p->city[0] != '\0')
        json_out_text(o, "city", span_of(p->city));
    if (p->country[0] != '\0')
        json_out_text(o, "country", span_of(p->country));
    if (p->continent[0] != '\0')
        json_out_text(o, "continent", span_of(p->continent));
    if (p->has_point) {
        json_out_real(o, "lat", p->lat, 4);
        json_out_real(o, "lon", p->lon, 4);
        json_out_u64(o, "radius_km", p->radius_km);
    }
    if (p->is_found)
        json_out_u64(o, "prefix_bits", p->prefix_bits);
    json_out_end_object(o);
}

static void write_urls(const struct picture_node *n, struct json_out *o)
{
    json_out_text(o, "id", n->spec.id);
    if (n->spec.http_url.n > 0)
        json_out_text(o, "http_url", n->spec.http_url);
    if (n->spec.https_url.n > 0)
        json_out_text(o, "https_url", n->spec.https_url);
}

static void write_choice(const struct decide_choice *c, struct json_out *o)
{
    json_out_object(o, NULL);
    write_urls(c->node, o);
    json_out_text(o, "rule", span_of(decide_rule_name(c->rule)));
    if (c->class != DECIDE_ABLE)
        json_out_text(o, "class", span_of(decide_class_name(c->class)));
    if (c->km >= 0)
        json_out_real(o, "km", c->km, 1);
    json_out_end_object(o);
}

static bool lacks_url(const struct picture_node *n, enum decide_scheme scheme)
{
    bool has_http = n->spec.http_url.n > 0, has_https = n->spec.https_url.n > 0;
    return scheme == DECIDE_HTTP    ? !has_http
           : scheme == DECIDE_HTTPS ? !has_https
                                    : !has_http && !has_https;
}

static const char *why(const struct explain_spec *e, const struct picture_node *n)
{
    for (size_t i = 0; i < e->verdict->count; i++)
        if (e->verdict->v[i].node == n)
            return i == 0 ? "first choice" : "further choice";
    switch (decide_class_of(n)) {
    case DECIDE_OUT:
        return "down by the operator's word";
    case DECIDE_DOUBTFUL:
        return n->health == HEALTH_UNSEEN       ? "no heartbeat yet"
               : n->health == HEALTH_RECOVERING ? "back, but not steady for long enough"
                                                : "no heartbeat any more";
    case DECIDE_DRAIN:
        return "drained by the operator";
    case DECIDE_ABLE:
        break;
    }
    return lacks_url(n, e->question->scheme) ? "offers no URL of this scheme"
                                             : "others rank before";
}

static void write_node(const struct explain_spec *e, const struct picture_node *n,
                       struct json_out *o)
{
    const struct place *p = e->question->place;
    json_out_object(o, NULL);
    json_out_text(o, "id", n->spec.id);
    json_out_text(o, "mode", span_of(node_mode_name(n->mode)));
    json_out_text(o, "health", span_of(health_state_name(n->health)));
    json_out_text(o, "class", span_of(decide_class_name(decide_class_of(n))));
    if (p->has_point && n->spec.has_point)
        json_out_real(o, "km", geo_km(p->lat, p->lon, n->spec.lat, n->spec.lon), 1);
    json_out_text(o, "why", span_of(why(e, n)));
    json_out_end_object(o);
}

void explain_write(const struct explain_spec *e, struct json_out *o)
{
    const struct decide_verdict *v = e->verdict;
    json_out_text(o, "rule", span_of(decide_rule_name(v->rule)));
    if (v->override != NULL)
        json_out_text(o, "network", v->override->network);
    write_place(e->question->place, o);
    json_out_array(o, "edges");
    for (size_t i = 0; i < v->count; i++)
        write_choice(&v->v[i], o);
    json_out_end_array(o);
    if (!e->is_long)
        return;
    json_out_bool(o, "frozen", e->picture->is_frozen);
    json_out_array(o, "nodes");
    for (size_t i = 0; i < e->picture->node_count; i++)
        write_node(e, &e->picture->nodes[i], o);
    json_out_end_array(o);
}
