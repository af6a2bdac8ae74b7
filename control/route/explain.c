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
    if (p->asn != 0)
        json_out_u64(o, "asn", p->asn);
    if (p->is_found)
        json_out_u64(o, "prefix_bits", p->prefix_bits);
    json_out_end_object(o);
}

static void write_choice(const struct decide_choice *c, double km, struct json_out *o)
{
    json_out_object(o, NULL);
    json_out_raw(o, NULL, c->node->told);
    json_out_text(o, "rule", decide_rule_name(c->rule));
    if (c->standing != STANDING_ABLE)
        json_out_text(o, "class", span_of(standing_name(c->standing)));
    if (km >= 0)
        json_out_real(o, "km", km, 1);
    json_out_end_object(o);
}

static void write_choices(const struct explain_spec *e, struct json_out *o)
{
    const struct decide_verdict *v = e->verdict;
    json_out_array(o, "edges");
    for (size_t i = 0; i < v->count; i++)
        write_choice(&v->v[i], decide_km(e->question->place, v->v[i].node), o);
    json_out_end_array(o);
}

static bool lacks_url(const struct picture_node *n, enum decide_scheme scheme)
{
    bool has_http = n->spec.http_url.n > 0, has_https = n->spec.https_url.n > 0;
    return scheme == DECIDE_HTTP    ? !has_http
           : scheme == DECIDE_HTTPS ? !has_https
                                    : !has_http && !has_https;
}

static const char *doubt(const struct picture_node *n)
{
    switch (n->health) {
    case HEALTH_UNSEEN:
        return "no heartbeat yet";
    case HEALTH_RECOVERING:
        return "back, but not steady for long enough";
    case HEALTH_DOWN:
        return "no heartbeat any more";
    case HEALTH_UP:
    case HEALTH_STATE_COUNT:
        break;
    }
    return "its heartbeats come, but probes do not reach it";
}

static const char *why(const struct explain_spec *e, const struct picture_node *n,
                       enum standing standing)
{
    static const char *const reasons[STANDING_COUNT] = {
        [STANDING_FULL] = "at its limits of bandwidth or processor",
        [STANDING_DEAR] = "its price class is above the site's",
        [STANDING_DRAIN] = "drained by the operator",
        [STANDING_OUT] = "down by the operator's word"};
    for (size_t i = 0; i < e->verdict->count; i++)
        if (e->verdict->v[i].node == n)
            return i == 0 ? "first choice" : "further choice";
    const struct picture_edge *edge = &e->picture->edges[n->edge];
    if (e->rules->regions != NULL &&
        !region_lets(e->rules->regions, e->verdict->region, edge->region))
        return "beyond the boundary of a region";
    if (standing == STANDING_DOUBTFUL)
        return doubt(n);
    if (reasons[standing] != NULL)
        return reasons[standing];
    return lacks_url(n, e->question->scheme) ? "offers no URL of this scheme"
                                             : "others rank before";
}

static void write_node(const struct explain_spec *e, const struct picture_node *n,
                       struct json_out *o)
{
    double km = decide_km(e->question->place, n);
    const struct picture_edge *edge = &e->picture->edges[n->edge];
    enum standing standing = decide_standing(edge, e->question);
    json_out_object(o, NULL);
    json_out_text(o, "id", n->spec.id);
    json_out_text(o, "mode", span_of(node_mode_name(n->mode)));
    json_out_text(o, "health", span_of(health_state_name(n->health)));
    json_out_text(o, "class", span_of(standing_name(standing)));
    if (n->spec.region.n > 0)
        json_out_text(o, "region", n->spec.region);
    if (km >= 0)
        json_out_real(o, "km", km, 1);
    json_out_u64(o, "price_class", n->spec.price_class);
    json_out_real(o, "free", n->spare, 4);
    json_out_real(o, "weight", edge->weight, 4);
    json_out_text(o, "why", span_of(why(e, n, standing)));
    json_out_end_object(o);
}

/* The edges of a verdict that one step gave. */
static void write_given(const struct decide_verdict *v, size_t group, struct json_out *o)
{
    json_out_array(o, "gave");
    for (size_t i = 0; i < v->count; i++)
        if (v->v[i].group == group)
            json_out_text(o, NULL, v->v[i].node->spec.id);
    json_out_end_array(o);
}

static void write_steps(const struct decide_verdict *v, struct json_out *o)
{
    json_out_array(o, "steps");
    for (size_t i = 0; i < v->group_count; i++) {
        const struct decide_group *g = &v->groups[i];
        json_out_object(o, NULL);
        json_out_text(o, "rule", decide_rule_name(g->rule));
        json_out_text(o, "class", span_of(standing_name(g->standing)));
        if (g->rule == DECIDE_CITY) {
            json_out_real(o, "from_km", decide_band_km(g->from_cos), 1);
            json_out_real(o, "to_km", decide_band_km(g->to_cos), 1);
        }
        json_out_u64(o, "equal_edges", g->members);
        json_out_u64(o, "content_spread_over", g->spread);
        write_given(v, i, o);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

static void write_numbers(const struct explain_spec *e, struct json_out *o)
{
    json_out_bool(o, "frozen", e->picture->is_frozen);
    if (e->verdict->region != NULL)
        json_out_text(o, "region", e->verdict->region->name);
    json_out_u64(o, "price_class", e->question->price_class);
    json_out_real(o, "near_km", e->rules->near_km, 0);
    json_out_real(o, "vague_km", e->rules->vague_km, 0);
    double share = e->verdict->area != 0 ? heat_share(e->question->heat, &e->verdict->spot) : 0;
    json_out_real(o, "content_share", share, 6);
    write_steps(e->verdict, o);
}

void explain_write(const struct explain_spec *e, struct json_out *o)
{
    const struct decide_verdict *v = e->verdict;
    json_out_text(o, "rule", decide_rule_name(v->rule));
    if (v->override != NULL)
        json_out_text(o, "network", v->override->network);
    write_place(e->question->place, o);
    write_choices(e, o);
    if (!e->is_long)
        return;
    write_numbers(e, o);
    json_out_array(o, "nodes");
    for (size_t i = 0; i < e->picture->node_count; i++)
        write_node(e, &e->picture->nodes[i], o);
    json_out_end_array(o);
}
