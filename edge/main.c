/* SPDX-License-Identifier: MIT
 *
 * byeori-edge: the cache of the content-delivery network. */
#include "edge/edge.h"

int main(int argc, char **argv)
{
    struct edge *e = edge_create();
    int code = daemon_main(&edge_program, e, argc, argv);
    edge_destroy(&e);
    return code;
}
