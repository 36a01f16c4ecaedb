/* SPDX-License-Identifier: Apache-2.0 */
/* signals asleep|spinning|calling|default: says "ready", and how often SIGUSR1 and SIGTERM from outside came. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t counted, ended;

static void handler(int signo)
{
    if (signo == SIGTERM)
        ended = 1;
    else
        counted++;
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = handler};
    const char *what = argc > 1 ? argv[1] : "";
    sigset_t both, before;

    if (strcmp(what, "default")) {
        sigaction(SIGUSR1, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
    }
    sigemptyset(&both);
    sigaddset(&both, SIGUSR1);
    sigaddset(&both, SIGTERM);
    if (!strcmp(what, "asleep"))
        sigprocmask(SIG_BLOCK, &both, &before);
    puts("ready");
    fflush(stdout);
    if (!strcmp(what, "asleep"))
        while (!ended)
            sigsuspend(&before);
    else if (!strcmp(what, "calling"))
        while (!ended)
            getppid();
    else
        while (!ended)
            continue;
    printf("ended after %s\n", counted ? "some" : "none");
    return 7;
}
