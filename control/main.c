/* SPDX-License-Identifier: MIT
 *
 * byeori-control: the control plane. */
#include "control/control.h"

int main(int argc, char **argv)
{
    struct control *control = control_create();
    int status = daemon_main(&control_program, control, argc, argv);
    control_destroy(&control);
    return status;
}
