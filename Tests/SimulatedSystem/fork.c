#include "simulated_system.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int sim_fork_each(uint64_t first, uint64_t count, int jobs, bool ends_early, int (*body)(uint64_t seed)) {
    int failures = 0, running = 0;
    for (uint64_t next = 0; next < count || running > 0;) {
        if (ends_early && failures > 0) next = count;
        if (next < count && running < jobs) {
            fflush(NULL);
            pid_t child = fork();
            if (child == 0) {
                // A run takes a second; one that does not end has failed.
                alarm(100);
                int status = body(first + next);
                fflush(NULL);
                _exit(status);
            }
            if (child < 0) {
                perror("fork");
                return failures + 1;
            }
            next++;
            running++;
            continue;
        }
        int status = 0;
        if (wait(&status) < 0) break;
        running--;
        if (status == 0) continue;
        failures++;
        if (WIFSIGNALED(status))
            printf("a seed's process ended by signal %d%s\n", WTERMSIG(status),
                   WTERMSIG(status) == SIGALRM ? ": it did not come to an end" : "");
    }
    return failures;
}
