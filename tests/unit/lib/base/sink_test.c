/* SPDX-License-Identifier: MIT */
#include "lib/base/sink.h"

#include "lib/base/clock.h"
#include "lib/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define PATIENCE_MS 60000

static char folder[] = "/tmp/sink_test_XXXXXX";
static char path[64], moved[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof(path), "%s/log", folder);
    snprintf(moved, sizeof(moved), "%s/log.1", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(moved);
    return rmdir(folder);
}

static size_t read_file(const char *name, char *out, size_t room)
{
    FILE *f = fopen(name, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, room - 1, f);
    out[n] = '\0';
    fclose(f);
    return n;
}

static void wait_for_size(const char *name, off_t bytes)
{
    struct stat st = {0};
    for (int i = 0; i < 30000 && (stat(name, &st) != 0 || st.st_size != bytes); i++)
        usleep(1000);
    assert_int_equal(st.st_size, bytes);
}

static void lines_are_in_the_file_after_close_and_are_appended(void **state)
{
    (void)state;
    struct sink *s;
    char text[256];
    unlink(path);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sink_open(&s, path, 4096), 0);
        sink_add(s, SPAN("one\n"));
        sink_add(s, SPAN("two\n"));
        sink_close(&s);
        assert_null(s);
    }
    read_file(path, text, sizeof(text));
    assert_string_equal(text, "one\ntwo\none\ntwo\n");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07137, 0); /* 0640 less the umask */
}

static void a_line_is_written_within_about_a_second(void **state)
{
    (void)state;
    struct sink *s;
    unlink(path);
    assert_int_equal(sink_open(&s, path, 4096), 0);
    msec_t start = clock_mono_ms();
    sink_add(s, SPAN("one\n"));
    wait_for_size(path, 4);
    assert_true(clock_mono_ms() - start < PATIENCE_MS);
    sink_close(&s);
}

static msec_t time_of_sixty_four_kibibytes(void)
{
    struct sink *s;
    char line[1024];
    unlink(path);
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    assert_int_equal(sink_open(&s, path, 1 << 20), 0);
    msec_t start = clock_mono_ms();
    for (int i = 0; i < 64; i++)
        sink_add(s, span_make(line, sizeof(line)));
    wait_for_size(path, 65536);
    msec_t took = clock_mono_ms() - start;
    sink_close(&s);
    return took;
}

/* Were they to wait for the second, none would be quicker; a busy machine is not always busy. */
static void sixty_four_kibibytes_are_written_at_once(void **state)
{
    (void)state;
    msec_t least = PATIENCE_MS;
    for (int tries = 0; tries < 50 && least >= 900; tries++) {
        msec_t took = time_of_sixty_four_kibibytes();
        least = took < least ? took : least;
    }
    assert_true(least < 900);
}

static void a_path_that_cannot_be_opened_is_told(void **state)
{
    (void)state;
    struct sink *s;
    assert_int_equal(sink_open(&s, "/nowhere/log", 4096), ERR_NOT_FOUND);
    assert_int_equal(errno, ENOENT);
    assert_null(s);
    assert_int_equal(sink_open(&s, "/tmp", 4096), ERR_IO);
    sink_close(&s);
}

static void after_reopen_lines_go_to_a_new_file_under_the_old_name(void **state)
{
    (void)state;
    struct sink *s;
    char text[256];
    unlink(path);
    assert_int_equal(sink_open(&s, path, 4096), 0);
    sink_add(s, SPAN("old\n"));
    wait_for_size(path, 4);
    assert_int_equal(rename(path, moved), 0);
    sink_reopen(s);
    wait_for_size(path, 0);
    sink_add(s, SPAN("new\n"));
    sink_close(&s);
    read_file(moved, text, sizeof(text));
    assert_string_equal(text, "old\n");
    read_file(path, text, sizeof(text));
    assert_string_equal(text, "new\n");
}

/* A pipe that nobody reads, whose buffer is full. */
static void lines_beyond_the_bound_are_counted_and_their_writer_never_waits(void **state)
{
    (void)state;
    struct sink *s;
    char line[1000], fifo[64];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int reader = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_int_equal(sink_open(&s, fifo, 100000), 0);
    msec_t start = clock_mono_ms();
    for (int i = 0; i < 1000; i++)
        sink_add(s, span_make(line, sizeof(line)));
    assert_true(clock_mono_ms() - start < PATIENCE_MS);
    assert_true(sink_faults(s).dropped >= 1000 - 100 - 66); /* the bound, and what the pipe took */
    assert_true(sink_faults(s).dropped <= 1000 - 100);
    start = clock_mono_ms();
    sink_close(&s); /* the writer is stuck: left alone after two seconds */
    msec_t took = clock_mono_ms() - start;
    assert_true(took >= 1900 && took < PATIENCE_MS);
    static char drain[1 << 16];
    for (int i = 0; i < 3000 && read(reader, drain, sizeof(drain)) != 0; i++)
        usleep(10000); /* the abandoned writer ends and frees what it had */
    close(reader);
    unlink(fifo);
}

static void a_full_disk_loses_lines_and_no_more(void **state)
{
    (void)state;
    struct sink *s;
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(sink_open(&s, "/dev/full", 4096), 0);
    sink_add(s, SPAN("one\ntwo\n"));
    for (int i = 0; i < 30000 && sink_faults(s).dropped < 2; i++)
        usleep(1000);
    assert_int_equal(sink_faults(s).dropped, 2);
    sink_add(s, SPAN("three\n"));
    sink_close(&s);
}

/* The limit of a file's size stands for a disk that fills in the middle of a line. */
static void a_line_cut_by_a_full_disk_does_not_spoil_the_next(void **state)
{
    (void)state;
    struct sink *s;
    char text[256];
    struct rlimit before, small;
    unlink(path);
    assert_int_equal(sink_open(&s, path, 4096), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 10, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    sink_add(s, SPAN("0123456\n89abcdef\n"));
    for (int i = 0; i < 30000 && sink_faults(s).dropped < 1; i++)
        usleep(1000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(sink_faults(s).dropped, 1);
    sink_add(s, SPAN("next\n"));
    sink_close(&s);
    read_file(path, text, sizeof(text));
    assert_string_equal(text, "0123456\n89\nnext\n");
}

static void a_reader_that_went_away_does_not_end_the_program(void **state)
{
    (void)state;
    struct sink *s;
    char fifo[64];
    snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int reader = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_int_equal(sink_open(&s, fifo, 4096), 0);
    close(reader);
    sink_add(s, SPAN("one\n"));
    for (int i = 0; i < 30000 && sink_faults(s).dropped < 1; i++)
        usleep(1000);
    assert_int_equal(sink_faults(s).dropped, 1);
    sink_close(&s);
    unlink(fifo);
}

static void *add_many(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        sink_add(arg, SPAN("0123456789abcdef0123456789abcdef\n"));
        if (i % 500 == 0)
            sink_reopen(arg);
    }
    return NULL;
}

static void lines_of_many_threads_are_all_there_or_counted(void **state)
{
    (void)state;
    struct sink *s;
    static char text[1 << 20];
    unlink(path);
    assert_int_equal(sink_open(&s, path, 128 << 10), 0);
    pthread_t t[4];
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, add_many, s), 0);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    uint64_t dropped = sink_faults(s).dropped;
    sink_close(&s);
    size_t n = read_file(path, text, sizeof(text));
    assert_int_equal(n, (8000 - dropped) * 33);
    for (size_t i = 0; i < n; i += 33)
        assert_memory_equal(text + i, "0123456789abcdef0123456789abcdef\n", 33);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_in_the_file_after_close_and_are_appended),
        cmocka_unit_test(a_line_is_written_within_about_a_second),
        cmocka_unit_test(sixty_four_kibibytes_are_written_at_once),
        cmocka_unit_test(a_path_that_cannot_be_opened_is_told),
        cmocka_unit_test(after_reopen_lines_go_to_a_new_file_under_the_old_name),
        cmocka_unit_test(lines_beyond_the_bound_are_counted_and_their_writer_never_waits),
        cmocka_unit_test(a_full_disk_loses_lines_and_no_more),
        cmocka_unit_test(a_line_cut_by_a_full_disk_does_not_spoil_the_next),
        cmocka_unit_test(a_reader_that_went_away_does_not_end_the_program),
        cmocka_unit_test(lines_of_many_threads_are_all_there_or_counted),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
