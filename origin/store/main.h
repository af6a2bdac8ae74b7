/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_STORE_MAIN_H
#define ORIGIN_STORE_MAIN_H

#include "origin/connect/command.h"

/* byeori-origin store: what lies in a storage, by hand. Exit codes: 0 done, 1 failed, 2 usage. */
int store_main(int argc, char **argv, connector_open_fn open);

#endif
