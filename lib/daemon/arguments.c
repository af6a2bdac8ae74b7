/* SPDX-License-Identifier: MIT
 * The command line that all programs share, and the texts that it can ask for. Does nothing itself
 * but read and compose: daemon.c prints and acts. Main thread. */
#include "lib/daemon/arguments.h"

#include "lib/base/counter.h"
#include "lib/base/err.h"

static const struct {
    const char *name;
    enum arguments_do what;
    const char *meaning;
} switches[] = {
    {"--check-config", ARGUMENTS_CHECK, "check FILE, say all that is wrong with it, and exit"},
    {"--help", ARGUMENTS_HELP, "this text, with every option of the file"},
    {"--version", ARGUMENTS_VERSION, "the version"},
    {"--options-markdown", ARGUMENTS_MARKDOWN, "the options as a Markdown table"},
    {"--counters", ARGUMENTS_COUNTERS, "every counter with its meaning"},
};

static bool find_switch(const char *argument, enum arguments_do *what)
{
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        if (strcmp(argument, switches[i].name) == 0) {
            *what = switches[i].what;
            return true;
        }
    }
    return false;
}

int arguments_read(struct arguments *out, const struct daemon_program *program, int argc,
                   char **argv, struct buf *why)
{
    const char *name = program->name;
    *out = (struct arguments){.what = ARGUMENTS_RUN};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-c") == 0) {
            if (++i == argc) {
                buf_printf(why, "%s: -c needs the name of a file\n", name);
                return ERR_SYNTAX;
            }
            out->config_file = argv[i];
        } else if (program->has_disks && strcmp(argv[i], "--reformat") == 0) {
            out->is_reformat = true;
        } else if (!find_switch(argv[i], &out->what)) {
            buf_printf(why, "%s: unknown argument \"%s\"; --help lists them\n", name, argv[i]);
            return ERR_SYNTAX;
        }
    }
    bool needs_file = out->what == ARGUMENTS_RUN || out->what == ARGUMENTS_CHECK;
    if (needs_file && out->config_file == NULL) {
        buf_printf(why, "%s: which configuration? %s -c FILE\n", name, name);
        return ERR_SYNTAX;
    }
    return 0;
}

static void add_usage(const struct daemon_program *program, struct buf *out)
{
    buf_printf(
        out,
        "%s " BYEORI_VERSION "\n\nusage: %s -c FILE [--check-config]\n\n"
        "  %-20s run with this configuration, in the foreground, logging to standard error\n",
        program->name, program->name, "-c FILE");
    for (size_t i = 0; i < ARRAY_LEN(switches); i++)
        buf_printf(out, "  %-20s %s\n", switches[i].name, switches[i].meaning);
    if (program->has_disks)
        buf_printf(out, "  %-20s with -c: empty the disks first\n", "--reformat");
    buf_printf(out, "\nSIGTERM, SIGINT: finish what runs, then exit; a second one: at once\n"
                    "SIGHUP: read FILE again; a bad one is refused and the running one stays\n"
                    "SIGUSR1: open the log files again\n\nOptions of FILE:\n\n");
    option_reference(program->options, false, out);
}

static void add_counters(const struct daemon_program *program, struct buf *out)
{
    const struct counter_table *const *tables = program->counters;
    for (size_t t = 0; tables != NULL && tables[t] != NULL; t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            buf_printf(out, "%s%s  %s\n", tables[t]->prefix, tables[t]->rows[i].name,
                       tables[t]->rows[i].help);
}

void arguments_answer(enum arguments_do what, const struct daemon_program *program, struct buf *out)
{
    switch (what) {
    case ARGUMENTS_HELP:
        add_usage(program, out);
        return;
    case ARGUMENTS_VERSION:
        buf_printf(out, "%s " BYEORI_VERSION "\n", program->name);
        return;
    case ARGUMENTS_MARKDOWN:
        option_reference(program->options, true, out);
        return;
    case ARGUMENTS_COUNTERS:
        add_counters(program, out);
        return;
    case ARGUMENTS_RUN:
    case ARGUMENTS_CHECK:
        return;
    }
}
