/* SPDX-License-Identifier: MIT
 * Arguments: flags may stand anywhere. */
#include "control/ctl/ctl.h"

#include <stdio.h>

static void take_out(struct ctl *c, int at, int count)
{
    for (int i = at; i + count < c->argc; i++)
        c->argv[i] = c->argv[i + count];
    c->argc -= count;
}

bool ctl_flag(struct ctl *c, const char *name)
{
    for (int i = 0; i < c->argc; i++)
        if (strcmp(c->argv[i], name) == 0) {
            take_out(c, i, 1);
            return true;
        }
    return false;
}

const char *ctl_value(struct ctl *c, const char *name)
{
    for (int i = 0; i + 1 < c->argc; i++)
        if (strcmp(c->argv[i], name) == 0) {
            const char *value = c->argv[i + 1];
            take_out(c, i, 2);
            return value;
        }
    return NULL;
}

int ctl_misuse(const struct ctl_verb *verb, const char *what)
{
    fprintf(stderr, "byeorictl %s: %s\nusage: byeorictl %s\n", verb->name, what, verb->usage);
    return CTL_USAGE;
}

void ctl_encode(struct buf *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        bool is_plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                        (*p >= '0' && *p <= '9') || strchr("-._~", *p) != NULL;
        if (is_plain)
            buf_add_char(out, *p);
        else
            buf_printf(out, "%%%02X", (unsigned char)*p);
    }
}
