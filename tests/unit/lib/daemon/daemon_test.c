/* SPDX-License-Identifier: MIT
 * Whole programs in child processes: what they say on standard error, and how they end. Also run
 * under ThreadSanitizer. */
#include "lib/daemon/daemon.h"

#include "lib/base/counter.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/net/deadlines.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* ---- the program under test ---- */

struct config {
    int64_t workers, drain_ms, linger_ms;
    int log_level;
    const char *word;
    bool stops_itself;
};

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
#define AT(field) OPTION_FIELD(struct config, field)
static const struct option rows[] = {
    {"workers", OPTION_INT, AT(workers), 0, 64, "2", "Worker threads.", {NULL}},
    {"drain", OPTION_DURATION, AT(drain_ms), 0, 60000, "5s", "Bound of draining.", {NULL}},
    {"linger", OPTION_DURATION, AT(linger_ms), 0, 60000, "0s", "Draining takes this.", {NULL}},
    {"log", OPTION_CHOICE, AT(log_level), 0, 0, "info", "What is logged.", {.choices = levels}},
    {"word", OPTION_TEXT, AT(word), 0, 0, "", "Told back at start and reload.", {NULL}},
    {"stops-itself", OPTION_BOOL, AT(stops_itself), 0, 0, "false", "Asks to stop.", {NULL}},
    {.name = NULL},
};
static const struct option_section root = {
    .options = rows,
    .record_bytes = sizeof(struct config),
    .line_offset_bytes = OPTION_NO_LINE,
};
static const struct counter_row counter_rows[] = {{"apples", "apples eaten", 0}};
static const struct counter_table counters = {"test_", counter_rows, 1};
static const struct counter_table *const tables[] = {&counters, NULL};

struct state { /* of a worker */
    struct worker *worker;
    struct timer drained;
};

static const struct config *config_of(struct daemon *d)
{
    return option_record(daemon_config(d));
}

static int check(struct option_config *c, struct buf *why)
{
    const struct config *config = option_record(c);
    if (strcmp(config->word, "forbidden") != 0)
        return 0;
    option_error(why, option_file(c), 1, "word is forbidden");
    return ERR_CONFIG;
}

static int start(struct daemon *d, struct option_config *c, struct buf *why)
{
    const struct config *config = option_record(c);
    assert_string_equal(daemon_app(d), "the app");
    if (strcmp(config->word, "unbindable") == 0) {
        buf_printf(why, "listen: 127.0.0.1:80 is taken\n");
        return ERR_BUSY;
    }
    LOG_INFO("test-start", "word=%s", config->word);
    return 0;
}

static void on_drained(struct timer *t)
{
    struct state *s = CONTAINER_OF(t, struct state, drained);
    daemon_worker_drained(s->worker->daemon, s->worker);
}

static void *worker_start(struct daemon *d, struct worker *w)
{
    struct state *s = calloc(1, sizeof(*s));
    CHECK(s != NULL && w->daemon == d && daemon_worker(d, w->index) == w);
    s->worker = w;
    timer_init(&s->drained, w->loop, on_drained);
    LOG_INFO("test-worker-start", "index=%d", w->index);
    return s;
}

static void ready(struct daemon *d)
{
    LOG_INFO("test-ready", "workers=%d", daemon_worker_count(d));
    if (config_of(d)->stops_itself)
        daemon_request_stop(d);
}

static int reload(struct daemon *d, struct option_config *c, struct buf *why)
{
    const struct config *config = option_record(c);
    if (config->workers != config_of(d)->workers) {
        buf_printf(why, "workers cannot change without a restart\n");
        return ERR_CONFIG;
    }
    LOG_INFO("test-reload", "word=%s", config->word);
    return 0;
}

static void reopen(struct daemon *d)
{
    (void)d;
    LOG_INFO("test-reopen", "n=1");
}

static void worker_drain(struct daemon *d, struct worker *w)
{
    struct state *s = w->state;
    const struct config *config = config_of(d);
    CHECK(daemon_is_stopping(d));
    if (config->linger_ms == 0)
        daemon_worker_drained(d, w);
    else
        timer_set(&s->drained, config->linger_ms);
}

static void worker_stop(struct daemon *d, struct worker *w)
{
    struct state *s = w->state;
    (void)d;
    LOG_INFO("test-worker-stop", "index=%d", w->index);
    timer_finish(&s->drained);
    free(s);
}

static void stop(struct daemon *d)
{
    LOG_INFO("test-stop", "word=%s", config_of(d)->word);
}

static const struct daemon_program program = {
    .name = "test-program",
    .options = &root,
    .counters = tables,
    .check = check,
    .start = start,
    .worker_start = worker_start,
    .ready = ready,
    .reload = reload,
    .reopen = reopen,
    .worker_drain = worker_drain,
    .worker_stop = worker_stop,
    .stop = stop,
    .workers_offset = AT(workers),
    .drain_offset = AT(drain_ms),
    .log_level_offset = AT(log_level),
};

/* ---- running it ---- */

static char dir[] = "/tmp/byeori-daemon-XXXXXX", config_file[64], said_file[64];
static char said[65536];
static pid_t pid;

static int make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(config_file, sizeof(config_file), "%s/conf", dir);
    snprintf(said_file, sizeof(said_file), "%s/said", dir);
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    unlink(config_file);
    unlink(said_file);
    return rmdir(dir);
}

static void configure(const char *text)
{
    FILE *f = fopen(config_file, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void child(char **argv, int argc)
{
    char app[] = "the app";
    int fd = open(said_file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
        _exit(99);
    close(fd);
    exit(daemon_main(&program, app, argc, argv));
}

static void run(int argc, char **argv)
{
    unlink(said_file);
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(argv, argc);
}

static void run_with(const char *text)
{
    char name[] = "test-program", c[] = "-c";
    char *argv[] = {name, c, config_file, NULL};
    configure(text);
    run(3, argv);
}

static void listen_to(void)
{
    int fd = open(said_file, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, said, sizeof(said) - 1) : 0;
    said[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static void wait_for(const char *text)
{
    struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    for (int i = 0; i < 6000; i++) {
        listen_to();
        if (strstr(said, text) != NULL)
            return;
        nanosleep(&pause, NULL);
    }
    fail_msg("never said: %s\nsaid: %s", text, said);
}

static int exit_code(void)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    listen_to();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void has_said(const char *text)
{
    if (strstr(said, text) == NULL)
        fail_msg("not said: %s\nsaid: %s", text, said);
}

static void in_order(const char *const *texts, size_t count)
{
    const char *at = said;
    for (size_t i = 0; i < count; i++) {
        at = strstr(at, texts[i]);
        if (at == NULL)
            fail_msg("not said, or too early: %s\nsaid: %s", texts[i], said);
    }
}

static int answer_to(const char *argument)
{
    char name[] = "test-program", a[64];
    char *argv[] = {name, a, NULL};
    snprintf(a, sizeof(a), "%s", argument);
    run(2, argv);
    return exit_code();
}

/* ---- tests ---- */

static void it_explains_itself(void **state)
{
    (void)state;
    assert_int_equal(answer_to("--version"), 0);
    assert_string_equal(said, "test-program " BYEORI_VERSION "\n");
    assert_int_equal(answer_to("--help"), 0);
    has_said("usage: test-program -c FILE");
    has_said("stops-itself");
    assert_int_equal(answer_to("--options-markdown"), 0);
    has_said("| ");
    assert_int_equal(answer_to("--counters"), 0);
    assert_string_equal(said, "test_apples  apples eaten\n");
}

static void a_mistyped_command_line_is_one_clear_line(void **state)
{
    (void)state;
    assert_int_equal(answer_to("--chek-config"), 2);
    assert_string_equal(said, "test-program: unknown argument \"--chek-config\"; --help lists "
                              "them\n");
    assert_int_equal(answer_to("--check-config"), 2);
    has_said("which configuration?");
    assert_int_equal(answer_to("-c"), 2);
    has_said("-c needs the name of a file");
}

static int checked(const char *text)
{
    char name[] = "test-program", c[] = "-c", check_config[] = "--check-config";
    char *argv[] = {name, c, config_file, check_config, NULL};
    configure(text);
    run(4, argv);
    return exit_code();
}

static void a_configuration_is_checked_without_running(void **state)
{
    (void)state;
    assert_int_equal(checked("word = \"hello\"\n"), 0);
    assert_string_equal(said, "configuration is good\n");
    assert_int_equal(checked("wrod = \"hello\"\n"), 1);
    has_said("conf:1: wrod");
    has_said("word");
    assert_int_equal(checked("word = \"forbidden\"\n"), 1);
    has_said("test-program: ");
    has_said("conf:1: word is forbidden\n");
}

static void a_missing_file_is_said(void **state)
{
    char name[] = "test-program", c[] = "-c", file[] = "/nonexistent/x.conf";
    char *argv[] = {name, c, file, NULL};
    (void)state;
    run(3, argv);
    assert_int_equal(exit_code(), 1);
    has_said("/nonexistent/x.conf");
}

static void a_start_that_fails_says_why(void **state)
{
    (void)state;
    run_with("word = \"unbindable\"\n");
    assert_int_equal(exit_code(), 1);
    has_said("test-program: listen: 127.0.0.1:80 is taken\n");
    assert_null(strstr(said, "test-worker-start"));
}

static void it_starts_in_order_and_stops_in_order(void **state)
{
    static const char *const texts[] = {
        "test-start word=hi", "test-worker-start", "test-worker-start", "test-ready workers=2",
        " started ",          " stopping ",        "test-worker-stop",  "test-worker-stop",
        "test-stop",          " stopped "};
    (void)state;
    run_with("word = \"hi\"\n");
    wait_for(" started ");
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(exit_code(), 0);
    in_order(texts, ARRAY_LEN(texts));
}

static void as_many_workers_as_cores_where_none_is_said(void **state)
{
    (void)state;
    run_with("workers = 0\nstops-itself = true\n");
    assert_int_equal(exit_code(), 0);
    has_said("test-worker-start index=0");
}

static void a_good_reload_is_taken_and_a_bad_one_refused(void **state)
{
    (void)state;
    run_with("word = \"one\"\n");
    wait_for(" started ");
    configure("word = \"two\"\n");
    assert_int_equal(kill(pid, SIGHUP), 0);
    wait_for(" reloaded ");
    has_said("test-reload word=two");
    configure("word = \"three\"\nnonsense = 1\n");
    assert_int_equal(kill(pid, SIGHUP), 0);
    wait_for("kept=running");
    has_said("conf:2: nonsense");
    configure("word = \"four\"\nworkers = 7\n");
    assert_int_equal(kill(pid, SIGHUP), 0);
    wait_for("workers cannot change without a restart");
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(exit_code(), 0);
    has_said("test-stop word=two");
}

static void logs_are_reopened_and_a_broken_pipe_is_survived(void **state)
{
    (void)state;
    run_with("");
    wait_for(" started ");
    assert_int_equal(kill(pid, SIGPIPE), 0);
    assert_int_equal(kill(pid, SIGUSR1), 0);
    wait_for("test-reopen");
    assert_int_equal(kill(pid, SIGINT), 0);
    assert_int_equal(exit_code(), 0);
}

static void draining_has_a_bound(void **state)
{
    (void)state;
    run_with("drain = 200ms\nlinger = 60s\n");
    wait_for(" started ");
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(exit_code(), 0);
    has_said("drain-cut workers_left=2");
    has_said("test-stop");
}

static void a_second_signal_ends_the_draining(void **state)
{
    (void)state;
    run_with("drain = 60s\nlinger = 60s\n");
    wait_for(" started ");
    assert_int_equal(kill(pid, SIGTERM), 0);
    wait_for(" stopping ");
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(exit_code(), 0);
    has_said("stopping-at-once workers_left=2");
    has_said("test-stop");
}

static void it_waits_for_what_drains_in_time(void **state)
{
    (void)state;
    run_with("drain = 60s\nlinger = 150ms\n");
    wait_for(" started ");
    msec_t began = clock_mono_ms();
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(exit_code(), 0);
    assert_in_range(clock_mono_ms() - began, 140, 50000);
    assert_null(strstr(said, "drain-cut"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_explains_itself),
        cmocka_unit_test(a_mistyped_command_line_is_one_clear_line),
        cmocka_unit_test(a_configuration_is_checked_without_running),
        cmocka_unit_test(a_missing_file_is_said),
        cmocka_unit_test(a_start_that_fails_says_why),
        cmocka_unit_test(it_starts_in_order_and_stops_in_order),
        cmocka_unit_test(as_many_workers_as_cores_where_none_is_said),
        cmocka_unit_test(a_good_reload_is_taken_and_a_bad_one_refused),
        cmocka_unit_test(logs_are_reopened_and_a_broken_pipe_is_survived),
        cmocka_unit_test(draining_has_a_bound),
        cmocka_unit_test(a_second_signal_ends_the_draining),
        cmocka_unit_test(it_waits_for_what_drains_in_time),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
