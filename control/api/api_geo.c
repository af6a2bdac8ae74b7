/* SPDX-License-Identifier: MIT
 * What is known of the GeoIP databases. */
#include "control/api/api_geo.h"

#include "lib/codec/json_out.h"
#include "lib/daemon/metrics_text.h"

#include <stdio.h>

static int64_t age_of(const struct geo *g)
{
    return clock_wall_ms() / MSEC_PER_SEC - (int64_t)geo_facts_of(g)->built_s;
}

static void write_database(const struct geo_set *s, enum geo_kind kind, struct json_out *o)
{
    const struct geo *g = s->v[kind];
    char built[25];
    json_out_bool(o, "loaded", g != NULL);
    if (g != NULL) {
        const struct geo_facts *f = geo_facts_of(g);
        clock_iso((msec_t)f->built_s * MSEC_PER_SEC, built);
        json_out_text(o, "type", span_of(f->type));
        json_out_text(o, "built", span_of(built));
        json_out_int(o, "age_s", age_of(g));
        json_out_bool(o, "stale", age_of(g) >= GEO_STALE_S);
        json_out_u64(o, "nodes", f->nodes);
        json_out_u64(o, "records", f->records);
    }
    if (s->faults[kind][0] != '\0')
        json_out_text(o, "fault", span_of(s->faults[kind]));
}

void api_geo_write(struct api_worker *w, struct json_out *o)
{
    const struct geo_set *s = geo_view_now(&w->geo);
    json_out_object(o, "geoip");
    write_database(s, GEO_CITY, o);
    json_out_u64(o, "version", s->version);
    for (int i = GEO_CITY + 1; i < GEO_KINDS; i++) {
        if (s->v[i] == NULL && s->faults[i][0] == '\0')
            continue;
        json_out_object(o, geo_kind_name((enum geo_kind)i));
        write_database(s, (enum geo_kind)i, o);
        json_out_end_object(o);
    }
    json_out_end_object(o);
}

static void write_gauges(const struct geo_set *s, enum geo_kind kind, struct buf *out)
{
    static const char *const prefixes[GEO_KINDS] = {[GEO_CITY] = "byeori_control_geoip",
                                                    [GEO_COUNTRY] = "byeori_control_geoip_country",
                                                    [GEO_ASN] = "byeori_control_geoip_asn"};
    const struct geo *g = s->v[kind];
    const struct {
        const char *suffix, *help;
        double value;
    } rows[] = {
        {"loaded", "1: there is this GeoIP database", g != NULL},
        {"built_seconds", "Unix time the database was built at",
         g != NULL ? (double)geo_facts_of(g)->built_s : 0},
        {"age_seconds", "time since then", g != NULL ? (double)age_of(g) : 0},
        {"fault", "1: its newest file was not taken", s->faults[kind][0] != '\0'},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[64];
        snprintf(name, sizeof name, "%s_%s", prefixes[kind], rows[i].suffix);
        metrics_gauge(name, rows[i].help, rows[i].value, out);
    }
}

void api_geo_write_metrics(struct api *a, struct buf *out)
{
    struct geo_view view;
    geo_view_init(&view, a->geo);
    const struct geo_set *s = geo_view_now(&view);
    for (int i = 0; i < GEO_KINDS; i++)
        if (i == GEO_CITY || s->v[i] != NULL || s->faults[i][0] != '\0')
            write_gauges(s, (enum geo_kind)i, out);
    metrics_gauge("byeori_control_geoip_swaps", "databases taken in force",
                  (double)geo_follow_swaps(a->geo), out);
    metrics_gauge("byeori_control_geoip_refusals", "files that were not taken",
                  (double)geo_follow_refusals(a->geo), out);
    geo_view_finish(&view);
}
