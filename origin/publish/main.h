/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_PUBLISH_MAIN_H
#define ORIGIN_PUBLISH_MAIN_H

#include "origin/connect/command.h"

/* byeori-origin publish: the command line around publish.h. Exit codes: 0 published (or there
 * already), 1 failed, 2 usage. */
int publish_main(int argc, char **argv, connector_open_fn open);

#endif
