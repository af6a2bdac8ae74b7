/* SPDX-License-Identifier: MIT
 * The counters as a table. */
#include "control/dns/dns_counters.h"

#include "lib/base/check.h"

static const struct counter_row rows[] = {
#define X(name, help) {#name, help, offsetof(struct dns_counters, name)},
    DNS_COUNTERS(X)
#undef X
};

const struct counter_table dns_counter_table = {"byeori_control_dns_", rows, ARRAY_LEN(rows)};
