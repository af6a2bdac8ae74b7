/* SPDX-License-Identifier: MIT
 * Facts in one SQLite file. Write-ahead log and synchronous=FULL: a commit is on the disk before
 * it is acknowledged, and a kill at any instant leaves either all of a commit or nothing of it.
 * The lock is taken for the life of the process (locking_mode=EXCLUSIVE), so that two control
 * planes cannot share a file by mistake. Runs on whatever thread calls, one at a time. */
#include "control/state/state.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA_VERSION 1

static const char *const schema =
    "CREATE TABLE fact (kind INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY (kind, key)) WITHOUT ROWID, STRICT;";

struct state_sqlite {
    struct state state; /* first */
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *put, *take_out, *each;
};

static struct state_sqlite *self_of(struct state *s)
{
    return CONTAINER_OF(s, struct state_sqlite, state);
}

static int err_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return ERR_NO_SPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        return ERR_DENIED;
    default:
        return ERR_IO;
    }
}

static int step(sqlite3_stmt *st)
{
    int code = sqlite3_step(st);
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return err_of(code);
}

static int apply(struct state_sqlite *s, const struct state_change *c)
{
    sqlite3_stmt *st = c->value.p != NULL ? s->put : s->take_out;
    CHECK(sqlite3_bind_int(st, 1, (int)c->kind) == SQLITE_OK);
    CHECK(sqlite3_bind_text64(st, 2, c->key.p, c->key.n, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
    if (c->value.p != NULL)
        CHECK(sqlite3_bind_text64(st, 3, c->value.p, c->value.n, SQLITE_STATIC, SQLITE_UTF8) ==
              SQLITE_OK);
    return step(st);
}

static int sqlite_commit(struct state *state, const struct state_change *changes, size_t count)
{
    struct state_sqlite *s = self_of(state);
    int err = step(s->begin);
    for (size_t i = 0; err == 0 && i < count; i++)
        err = apply(s, &changes[i]);
    if (err == 0)
        err = step(s->commit);
    if (err != 0) {
        LOG_WARN_LIMITED("state-commit-failed", "reason=\"%s\"", sqlite3_errmsg(s->db));
        if (sqlite3_get_autocommit(s->db) == 0 && step(s->rollback) != 0)
            LOG_ERROR("state-rollback-failed", "reason=\"%s\"", sqlite3_errmsg(s->db));
    }
    return err;
}

static int sqlite_each(struct state *state, enum state_kind kind, struct span from,
                       state_each_fn fn, void *ctx)
{
    struct state_sqlite *s = self_of(state);
    int code = SQLITE_DONE;
    CHECK(sqlite3_bind_int(s->each, 1, (int)kind) == SQLITE_OK);
    CHECK(sqlite3_bind_text64(s->each, 2, from.p != NULL ? from.p : "", from.n, SQLITE_STATIC,
                              SQLITE_UTF8) == SQLITE_OK);
    while ((code = sqlite3_step(s->each)) == SQLITE_ROW) {
        struct span key =
            span_make(sqlite3_column_text(s->each, 0), (size_t)sqlite3_column_bytes(s->each, 0));
        struct span value =
            span_make(sqlite3_column_text(s->each, 1), (size_t)sqlite3_column_bytes(s->each, 1));
        if (!fn(ctx, key, value)) {
            code = SQLITE_DONE;
            break;
        }
    }
    sqlite3_reset(s->each);
    sqlite3_clear_bindings(s->each);
    return err_of(code);
}

/* SQLite would make it readable for all, and gives its log the file's own mode. There are private
 * keys in it: a file that an older program made for a group is closed to it. */
static void make_file(const char *file)
{
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (fchmod(fd, 0600) != 0)
        LOG_WARN("state-mode", "file=%s note=\"cannot be made 0600\"", file);
    close(fd);
}

/* Attached as a second database: a few rows, so nobody waits long, and no usage in them. */
static int copy_into(struct state_sqlite *s, const char *file)
{
    char *sql = sqlite3_mprintf(
        "ATTACH %Q AS copy;"
        "PRAGMA copy.journal_mode = OFF; PRAGMA copy.synchronous = FULL;"
        "BEGIN; CREATE TABLE copy.fact (kind INTEGER NOT NULL, key TEXT NOT NULL,"
        " value TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID, STRICT;"
        "INSERT INTO copy.fact SELECT kind, key, value FROM main.fact"
        " WHERE kind IN (%d, %d, %d, %d);"
        "PRAGMA copy.user_version = %d; COMMIT;",
        file, (int)STATE_META, (int)STATE_NODE, (int)STATE_SITE, (int)STATE_CONFIG, SCHEMA_VERSION);
    int err = err_of(sqlite3_exec(s->db, sql, NULL, NULL, NULL));
    sqlite3_free(sql);
    if (err != 0 && sqlite3_get_autocommit(s->db) == 0 && step(s->rollback) != 0)
        LOG_ERROR("state-rollback-failed", "reason=\"%s\"", sqlite3_errmsg(s->db));
    int detached = err_of(sqlite3_exec(s->db, "DETACH copy", NULL, NULL, NULL));
    return err != 0 ? err : detached;
}

static int sqlite_snapshot(struct state *state, const char *file)
{
    char *beside = mem_printf("%s.new", file);
    unlink(beside);
    make_file(beside);
    int err = copy_into(self_of(state), beside);
    if (err == 0 && rename(beside, file) != 0)
        err = err_of_errno(errno);
    if (err != 0)
        unlink(beside);
    mem_free(beside);
    return err;
}

/* Pages that are free keep what was in them, and so does the log: both are made anew. */
static int sqlite_scrub(struct state *state)
{
    struct state_sqlite *s = self_of(state);
    return err_of(sqlite3_exec(s->db, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL));
}

static void sqlite_close(struct state *state)
{
    struct state_sqlite *s = self_of(state);
    sqlite3_stmt *all[] = {s->begin, s->commit, s->rollback, s->put, s->take_out, s->each};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        sqlite3_finalize(all[i]);
    sqlite3_close(s->db);
    mem_free(s);
}

static const struct state_ops sqlite_ops = {.name = "sqlite",
                                            .commit = sqlite_commit,
                                            .each = sqlite_each,
                                            .snapshot = sqlite_snapshot,
                                            .scrub = sqlite_scrub,
                                            .close = sqlite_close};

static int schema_version(struct state_sqlite *s, int *out)
{
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &st, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(st)) == SQLITE_ROW) {
        *out = sqlite3_column_int(st, 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(st);
    return err_of(code);
}

/* Both happen in one transaction: a file has the whole schema, or none yet. */
static int set_schema(struct state_sqlite *s)
{
    int version = 0, err = schema_version(s, &version);
    if (err != 0 || version == SCHEMA_VERSION)
        return err;
    if (version != 0)
        return ERR_VERSION;
    char sql[512];
    snprintf(sql, sizeof sql, "BEGIN; %s PRAGMA user_version = %d; COMMIT;", schema,
             SCHEMA_VERSION);
    return err_of(sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

static int prepare_all(struct state_sqlite *s)
{
    const struct {
        sqlite3_stmt **st;
        const char *sql;
    } rows[] = {
        {&s->begin, "BEGIN IMMEDIATE"},
        {&s->commit, "COMMIT"},
        {&s->rollback, "ROLLBACK"},
        {&s->put, "INSERT INTO fact (kind, key, value) VALUES (?1, ?2, ?3)"
                  " ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value"},
        {&s->take_out, "DELETE FROM fact WHERE kind = ?1 AND key = ?2"},
        {&s->each, "SELECT key, value FROM fact WHERE kind = ?1 AND key >= ?2 ORDER BY key"},
    };
    int code = SQLITE_OK;
    for (size_t i = 0; code == SQLITE_OK && i < ARRAY_LEN(rows); i++)
        code =
            sqlite3_prepare_v3(s->db, rows[i].sql, -1, SQLITE_PREPARE_PERSISTENT, rows[i].st, NULL);
    return err_of(code);
}

static int open_file(struct state_sqlite *s, const char *file)
{
    make_file(file);
    int err =
        err_of(sqlite3_open_v2(file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    if (err == 0)
        err = err_of(sqlite3_exec(s->db,
                                  "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                                  "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;",
                                  NULL, NULL, NULL));
    return err;
}

int state_sqlite_open(struct state **out, const char *file, struct buf *why)
{
    struct state_sqlite *s = mem_zalloc(sizeof *s);
    s->state.ops = &sqlite_ops;
    *out = NULL;
    int err = open_file(s, file);
    if (err == 0)
        err = set_schema(s);
    if (err == 0)
        err = prepare_all(s);
    if (err == 0) {
        *out = &s->state;
        return 0;
    }
    const char *reason = err == ERR_VERSION ? "was written by a newer byeori-control"
                         : err == ERR_BUSY  ? "is in use by another process"
                                            : sqlite3_errmsg(s->db);
    buf_printf(why, "%s: %s", file, reason);
    sqlite_close(&s->state);
    return err;
}
