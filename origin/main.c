/* SPDX-License-Identifier: MIT
 *
 * byeori-origin: the storage gateway. */
#include "origin/origin.h"

int main(int argc, char **argv)
{
    struct origin *origin = origin_create();
    int status = daemon_main(&origin_program, origin, argc, argv);
    origin_destroy(&origin);
    return status;
}
