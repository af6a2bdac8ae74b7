/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_REGISTRY_REGISTRY_H
#define CONTROL_REGISTRY_REGISTRY_H

#include "control/registry/picture.h"
#include "control/state/state.h"
#include "lib/proto/site_doc.h"

/* The nodes and sites there are, and how the nodes are: heartbeats and operators' words in,
 * immutable pictures out. One lock, held for memory only, never while anything is written or sent.
 * Threads: any; a view belongs to one thread.
 *
 * What operators change is durable before it is here: the caller commits the changes that
 * registry_..._change() describe on the state's thread, then calls the function that does it. */
struct registry;

struct registry *registry_create(const struct health_rules *rules) __attribute__((returns_nonnull));
void registry_destroy(struct registry **r);

/* registry_set_file: nodes and sites of the configuration file, at start and at reload. A node of
 * the file stands before one of the same id that was put through the API; its mode stays. */
struct registry_file {
    const struct node_spec *nodes;
    size_t node_count;
    const struct site_doc *sites;
    size_t site_count;
};
void registry_set_file(struct registry *r, const struct registry_file *file);
/* registry_load: what the last run knew, after registry_set_file. Nodes count as they were last
 * seen until the grace of the health rules is over. 0 or the state's error. */
MUST_USE int registry_load(struct registry *r, struct state *s, msec_t now);

/* registry_beat: ERR_NOT_FOUND where no such node is registered. */
MUST_USE int registry_beat(struct registry *r, const struct heartbeat *h, msec_t now, msec_t wall);
/* registry_note_probe: what came of a probe (probe.h). registry_forget_probes: there are none any
 * more. */
void registry_note_probe(struct registry *r, struct span id, enum node_family family,
                         bool is_reached, msec_t now);
void registry_forget_probes(struct registry *r);
/* registry_tick: judges silence; a few times a second. Publishes a new picture where something
 * changed, and once a second for the sake of loads. Logs changes of health. true: a node's health
 * or addresses changed since the last call, so that they are worth saving now. */
bool registry_tick(struct registry *r, msec_t now);

/* ---- operators: on the state's thread, each after its commit ---- */

/* registry_may_put: ERR_EXISTS and a sentence where the file has a node of this id. */
MUST_USE int registry_may_put(struct registry *r, struct span id, struct buf *why);
/* registry_node_change: the fact for a node as edited. In mem. ERR_NOT_FOUND: the edit has no spec
 * and there is no such node. */
struct registry_edit {
    struct span id;
    const struct node_spec *spec; /* NULL: its own */
    int mode;                     /* enum node_mode, or -1: its own */
};
MUST_USE int registry_node_change(struct registry *r, const struct registry_edit *edit,
                                  struct state_change *out, struct arena *mem);
void registry_put(struct registry *r, const struct node_spec *spec);
void registry_set_mode(struct registry *r, struct span id, enum node_mode mode);
MUST_USE int registry_may_put_site(struct registry *r, const struct site_doc *doc, struct buf *why);
uint64_t registry_next_site_version(struct registry *r);
void registry_put_site(struct registry *r, const struct site_doc *doc, struct span text,
                       uint64_t version);
MUST_USE int registry_may_take_out_site(struct registry *r, struct span name, struct buf *why);
void registry_take_out_site(struct registry *r, struct span name, uint64_t version);
/* registry_set_site_version: the configuration changed elsewhere than in its sites. */
void registry_set_site_version(struct registry *r, uint64_t version);
struct json_out;
/* registry_sites_document: as sites_document. registry_sites_replace: those of the API are these
 * from now on, each as one text; texts were checked by registry_may_replace_sites. */
void registry_sites_document(struct registry *r, struct span name, struct span text,
                             struct json_out *o);
struct registry_sites {
    const struct site_doc *docs;
    const struct span *texts;
    size_t count;
};
MUST_USE int registry_may_replace_sites(struct registry *r, const struct registry_sites *sites,
                                        struct buf *why);
void registry_replace_sites(struct registry *r, const struct registry_sites *sites,
                            uint64_t version);
/* registry_site_names: of those put through the API; in mem; how many. */
size_t registry_site_names(struct registry *r, struct span **out, struct arena *mem);

/* registry_seen_changes: facts of nodes whose reported state is not yet durable, at most `max`, in
 * mem; clears their mark. Coarse: call it every few seconds. */
size_t registry_seen_changes(struct registry *r, struct state_change *out, size_t max,
                             struct arena *mem);

/* ---- readers ---- */

/* registry_position: how far a node has applied purges, as of this moment. */
struct registry_position {
    struct span id, purge_log; /* in mem */
    uint64_t purge_seq;
    bool is_heard; /* its health is up or recovering */
};
size_t registry_positions(struct registry *r, struct registry_position **out, struct arena *mem);
bool registry_write_site(struct registry *r, struct span name, struct json_out *o);
void registry_write_sites(struct registry *r, struct json_out *o);

/* A view gives one thread the newest picture, without a lock unless there is a newer one. What
 * registry_view_now returns is borrowed until it is called again. */
struct registry_view {
    struct registry *registry;
    struct picture *held;
};
void registry_view_init(struct registry_view *v, struct registry *r);
const struct picture *registry_view_now(struct registry_view *v);
void registry_view_finish(struct registry_view *v);

#endif
