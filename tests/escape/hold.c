/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds a pipe's lock for as long as it likes: splice(2) keeps it while the other side has nothing to give or no room.
 * Who then touches the pipe waits in the kernel, deaf to SIGKILL. Every signal that can be ignored is.
 *   hold out   its standard output; what it wrote before ("before") and within ("spliced") is to be seen in the end
 *   hold in    its standard input; HELD or REFUSED on the standard error, which follows what was typed first
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Who reads the standard error reads the standard output too: it looks at both when one has something. */
static void nudge(void)
{
    for (int i = 0; i < 1000; i++) {
        poll(NULL, 0, 20);
        if (write(2, ".\n", 2) < 0)
            return;
    }
}

static int hold_out(int silent[2])
{
    static const char before[] = "before\n", within[] = "spliced\n";
    const int more = 4096;

    /* A little is given, more is waited for: the pipe is locked and not empty. */
    if (write(1, before, strlen(before)) < 0 || write(silent[1], within, strlen(within)) < 0 ||
        setsockopt(silent[0], SOL_SOCKET, SO_RCVLOWAT, &more, sizeof more) < 0)
        return 2;
    pid_t helper = fork();
    if (helper == 0) {
        nudge();
        _exit(0);
    }
    ssize_t n = splice(silent[0], NULL, 1, NULL, 65536, 0);
    dprintf(2, "REFUSED %zd %s\n", n, strerror(errno));
    return 3;
}

static int hold_in(int full[2])
{
    static const char bytes[65536];

    while (send(full[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0 || send(full[0], bytes, 1, MSG_DONTWAIT) > 0)
        ;
    dprintf(2, "UP\n");
    poll(&(struct pollfd){.fd = 0, .events = POLLIN}, 1, -1);
    pid_t helper = fork();
    if (helper == 0) { /* said from beside: who holds does not come back */
        poll(NULL, 0, 500);
        dprintf(2, "TRIED\n");
        _exit(0);
    }
    if (splice(0, NULL, full[0], NULL, 65536, 0) < 0)
        dprintf(2, "REFUSED %s\n", strerror(errno));
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    int pair[2];

    for (int i = 1; i < 32; i++)
        signal(i, SIG_IGN);
    if (argc != 2 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return 2;
    return strcmp(argv[1], "in") ? hold_out(pair) : hold_in(pair);
}
