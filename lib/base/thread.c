/* SPDX-License-Identifier: MIT */

/* How every thread of ours begins. What it does is not known here. Threads: any. */
#include "lib/base/thread.h"

#include <signal.h>
#include <stddef.h>

static const int own_faults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

int thread_start(pthread_t *out, void *(*run)(void *ctx), void *ctx, const char *name)
{
    sigset_t blocked;
    pthread_attr_t how;
    sigfillset(&blocked);
    for (size_t i = 0; i < ARRAY_LEN(own_faults); i++)
        sigdelset(&blocked, own_faults[i]);
    int errnum = pthread_attr_init(&how);
    if (errnum != 0)
        return errnum;
    errnum = pthread_attr_setsigmask_np(&how, &blocked);
    if (errnum == 0)
        errnum = pthread_create(out, &how, run, ctx);
    if (errnum == 0)
        pthread_setname_np(*out, name);
    pthread_attr_destroy(&how);
    return errnum;
}
