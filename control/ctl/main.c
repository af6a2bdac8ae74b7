/* SPDX-License-Identifier: MIT
 *
 * byeorictl: the operator's command line. Each verb is a file; this one finds it. */
#include "control/ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>

static const struct ctl_verb *const verbs[] = {
    &ctl_status,  &ctl_nodes,   &ctl_route,  &ctl_explain,     &ctl_objects,
    &ctl_purge,   &ctl_prefill, &ctl_site,   &ctl_certificate, &ctl_key,
    &ctl_routing, &ctl_cost,    &ctl_config, &ctl_token,       &ctl_audit};

static void show_help(FILE *to)
{
    fprintf(to, "usage: byeorictl [--control URL] [--token-file FILE] [--json] VERB ...\n\n");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        fprintf(to, "  %-46s %s\n", verbs[i]->usage, verbs[i]->meaning);
    fprintf(to,
            "\n  --control URL       the API of byeori-control; else BYEORI_CONTROL, else "
            "http://127.0.0.1:7000\n"
            "  --token-file FILE   the operators' token; else BYEORI_TOKEN_FILE\n"
            "  --ca FILE           authorities of its TLS certificate; else BYEORI_CA, else the "
            "system's\n"
            "  --certificate FILE, --key FILE   shown where it asks for one; else "
            "BYEORI_CERTIFICATE, BYEORI_KEY\n"
            "  --json              the answer as it came, for machines\n\n"
            "exit: 0 good, 1 refused or a negative answer, 2 usage, 3 cannot reach\n");
}

static const char *or_environment(const char *value, const char *name, const char *fallback)
{
    if (value == NULL)
        value = getenv(name);
    return value != NULL ? value : fallback;
}

int main(int argc, char **argv)
{
    struct ctl c = {.argc = argc - 1, .argv = argv + 1};
    if (ctl_flag(&c, "--help")) {
        show_help(stdout);
        return CTL_GOOD;
    }
    if (ctl_flag(&c, "--version")) {
        printf("byeorictl " BYEORI_VERSION "\n");
        return CTL_GOOD;
    }
    c.is_json = ctl_flag(&c, "--json");
    c.control =
        or_environment(ctl_value(&c, "--control"), "BYEORI_CONTROL", "http://127.0.0.1:7000");
    c.ca_file = or_environment(ctl_value(&c, "--ca"), "BYEORI_CA", "");
    c.certificate_file = or_environment(ctl_value(&c, "--certificate"), "BYEORI_CERTIFICATE", "");
    c.key_file = or_environment(ctl_value(&c, "--key"), "BYEORI_KEY", "");
    c.token_file = or_environment(ctl_value(&c, "--token-file"), "BYEORI_TOKEN_FILE", "");
    if (c.argc == 0) {
        show_help(stderr);
        return CTL_USAGE;
    }
    const char *name = c.argv[0];
    c.argc--;
    c.argv++;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i]->run(&c);
    fprintf(stderr, "byeorictl: there is no verb \"%s\" (byeorictl --help)\n", name);
    return CTL_USAGE;
}
