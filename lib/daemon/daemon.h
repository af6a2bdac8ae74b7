/* SPDX-License-Identifier: MIT */
#ifndef LIB_DAEMON_DAEMON_H
#define LIB_DAEMON_DAEMON_H

#include "lib/base/option.h"
#include "lib/daemon/worker.h"

/* What every program does at start, at signals and at the end. main() is one call of daemon_main.
 *
 *   -c FILE            run, in the foreground, logging to standard error
 *   --check-config     check FILE and exit: 0 good, 1 not, with all faults on standard error
 *   --help, --version  (--help: usage and the option reference; --options-markdown: for the README)
 *   --counters         every counter with its help, a line each
 *   --reformat         with -c: empties the disks first (programs that have some)
 * Signals: SIGTERM, SIGINT graceful stop (a second one: at once); SIGHUP reload; SIGUSR1 reopen
 * logs; SIGPIPE ignored. Exit: 0 after a graceful stop, 1 start failed, 2 usage.
 *
 * Order: load and check configuration, program.start on the main thread (binds, opens, fails with a
 * sentence), threads of the workers start, program.worker_start on each worker's own thread, then
 * program.ready. Stop: worker_drain on each; when all said worker_drained or drain_ms has passed,
 * worker_stop on each, threads end, program.stop. The main thread has a loop of its own for signals
 * and timers of the program (daemon_loop). */
struct daemon;

struct daemon_program {
    const char *name; /* "byeori-edge" */
    bool has_disks;   /* whether --reformat means anything */
    const struct option_section *options;
    const struct counter_table *const *counters; /* ended by NULL */
    /* Checks across options, after the rows' own. Main thread. 0, or ERR_CONFIG and `why`. */
    int (*check)(struct option_config *config, struct buf *why);
    /* --check-config alone: what start would stumble over on this machine, tried without changing
     * anything. 0, or ERR_CONFIG and `why`. May be NULL. */
    int (*rehearse)(struct option_config *config, struct buf *why);
    int (*start)(struct daemon *d, struct option_config *config, struct buf *why);
    void *(*worker_start)(struct daemon *d,
                          struct worker *w); /* its thread; the worker's own state */
    void (*ready)(struct daemon *d);         /* may be NULL */
    /* fixed: names of options and sections that only a restart changes, ended by NULL; may be
     * NULL. A file that changes one of them is refused before it comes to reload. */
    const char *const *fixed;
    /* Reload: config is already checked and differs by what it may; takes it on success (0),
     * refuses with ERR_CONFIG and `why`: the old one stays. */
    int (*reload)(struct daemon *d, struct option_config *config, struct buf *why);
    void (*reopen)(struct daemon *d);                         /* access logs; may be NULL */
    void (*worker_drain)(struct daemon *d, struct worker *w); /* its thread */
    void (*worker_stop)(struct daemon *d, struct worker *w);  /* its thread; frees its state */
    void (*stop)(struct daemon *d); /* main thread; all workers are gone */
    size_t workers_offset;          /* int64_t in the record: number of workers, 0: one per core */
    size_t drain_offset;            /* int64_t ms in the record */
    size_t log_level_offset;        /* int (OPTION_CHOICE error warn info debug) in the record */
};

int daemon_main(const struct daemon_program *program, void *app, int argc, char **argv);

void *daemon_app(struct daemon *d);
struct loop *daemon_loop(struct daemon *d);
int daemon_worker_count(const struct daemon *d);
/* Files, sockets and all that the process may have open: the hard limit, which it took at start. */
int64_t daemon_descriptors(void);
struct worker *daemon_worker(struct daemon *d, int i);
struct option_config *daemon_config(struct daemon *d); /* main thread */
bool daemon_is_reformat(const struct daemon *d);       /* its disks are to be emptied */
/* For rehearse: whether the file or folder that this option of this record names (or "", or "-")
 * may be written or made; if not, a line in why. */
MUST_USE bool daemon_may_keep(struct option_config *config, const void *record, const char *name,
                              const char *path, struct buf *why);
bool daemon_is_stopping(const struct daemon *d); /* any thread */
msec_t daemon_started_wall(const struct daemon *d);
void daemon_worker_drained(struct daemon *d, struct worker *w); /* its thread, once */
void daemon_request_stop(struct daemon *d);                     /* any thread */

#endif
