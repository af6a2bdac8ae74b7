/* SPDX-License-Identifier: MIT */
#ifndef LIB_GEO_GEO_H
#define LIB_GEO_GEO_H

#include "lib/base/buf.h"
#include "lib/base/check.h"

#include <sys/socket.h>

/* Address → place or network operator, from databases in MaxMind's format (read by libmaxminddb).
 *
 * A database is read whole when it is opened, from a private copy: every node of the search tree
 * and every record that it leads to. A file with any fault is refused. What is kept is our own: a
 * tree of eight bytes a node and records of 56; the file may do what it likes. What was opened
 * is immutable: swap it whole, and let the last reader free it.
 * Threads: any, but geo_open may take a second for a large file. */
struct geo;

#define GEO_MAX_BYTES (1LL << 30)

enum geo_kind { GEO_CITY, GEO_COUNTRY, GEO_ASN, GEO_KINDS };

struct geo_facts {
    char type[64];    /* "GeoLite2-City" */
    uint64_t built_s; /* Unix time the database says it was built at */
    uint32_t nodes;   /* of its search tree */
    uint64_t records; /* different places in it */
    uint64_t bytes;   /* of the file */
};

/* A point on the earth as a unit vector: z is northward, x is at latitude and longitude 0. */
struct geo_point {
    double x, y, z;
};

/* A place, as far as the database knows it. Zeroed: unknown. */
struct place {
    bool is_found;       /* the database has a record for the address */
    bool has_point;      /* lat, lon, at and radius_km are set */
    double lat, lon;     /* degrees, WGS 84; south and west negative */
    struct geo_point at; /* the same */
    uint32_t radius_km;  /* the place lies within this distance, says the database; 0: unsaid */
    uint32_t asn;        /* number of the network operator; 0: not known */
    uint8_t prefix_bits; /* length of the network that has this record */
    char country[3];     /* ISO 3166-1 alpha-2, or "" */
    char continent[3];   /* AF AN AS EU NA OC SA, or "" */
    char city[64];       /* its English name (UTF-8, cut at a character), or "" */
};

/* 0 and *out; ERR_NOT_FOUND, ERR_IO, ERR_TOO_BIG, ERR_NO_MEMORY, ERR_CORRUPT (not such a database,
 * or a broken one), ERR_UNSUPPORTED (of another kind), with a sentence in `why`. */
MUST_USE int geo_open(struct geo **out, const char *file, enum geo_kind kind, struct buf *why);
struct geo *geo_ref(struct geo *g);
void geo_unref(struct geo **g); /* takes *g; NULL is fine */
const struct geo_facts *geo_facts_of(const struct geo *g);

/* geo_find: never fails; what is not known is zero. g may be NULL (no database). About 200 ns in a
 * database of millions of networks. */
void geo_find(const struct geo *g, const struct sockaddr *address, struct place *out);
/* geo_find_unnamed: without the city's name, which lies apart. */
void geo_find_unnamed(const struct geo *g, const struct sockaddr *address, struct place *out);
/* geo_find_many: each place as geo_find, or, without its name, as geo_find_unnamed gives it; what
 * several look-ups miss in the processor's caches they wait for together. */
struct geo_question {
    const struct sockaddr *address;
    struct place *out;
    bool with_name;
};
void geo_find_many(const struct geo *g, const struct geo_question *v, size_t count);
/* geo_find_asn: the number of the network operator; 0: not known. */
uint32_t geo_find_asn(const struct geo *g, const struct sockaddr *address);

/* The database as the tree it is, for who makes an index of it: geo_root is all of a family's
 * addresses, geo_halves its two halves by the next bit, and so on until a net is of one place or
 * unknown, after 128 bits at the latest. g may be NULL (all is unknown). */
enum geo_net_kind { GEO_NET_UNKNOWN, GEO_NET_PLACE, GEO_NET_HALVES };
struct geo_net {
    enum geo_net_kind kind;
    uint32_t id; /* of HALVES: below geo_facts.nodes; of PLACE: the same for the same record */
};
struct geo_net geo_root(const struct geo *g, int family);
void geo_halves(const struct geo *g, struct geo_net net, struct geo_net out[2]);
void geo_place(const struct geo *g, struct geo_net net, struct place *out); /* PLACE or UNKNOWN */
uint32_t geo_asn(const struct geo *g, struct geo_net net);

struct geo_point geo_point(double lat, double lon);
/* geo_km: great-circle distance on a sphere of the earth's mean radius (error below 0.6 %). */
double geo_km(const struct geo_point *a, const struct geo_point *b);
#define GEO_EARTH_KM 6371.0088

#endif
