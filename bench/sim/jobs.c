/* SPDX-License-Identifier: MIT */

/* Processes, not threads: a store has locks and counts that two of them would share. */
#include "bench/sim/jobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void end_one(struct jobs *j)
{
    int status;
    pid_t who = wait(&status);
    if (who < 0 && errno == EINTR)
        return;
    j->running--;
    j->has_failed |= who < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

bool jobs_fork(struct jobs *j)
{
    while (j->running >= j->most)
        end_one(j);
    fflush(stdout); /* or both would print what waits there */
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(1);
    }
    j->running += child > 0;
    return child == 0;
}

bool jobs_wait(struct jobs *j)
{
    while (j->running > 0)
        end_one(j);
    return !j->has_failed;
}
