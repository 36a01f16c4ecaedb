/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a server and, when its port answers, a client, by posix_spawn: two programs in one sandbox.
 *   launcher PORT SERVER [ARG...] -- CLIENT [ARG...]
 * The client's exit status is its own; the server is then stopped by SIGTERM and has to end with 0.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int answers(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    int r = connect(s, (void *)&a, sizeof(a));
    close(s);
    return !r;
}

static pid_t start(char **argv)
{
    pid_t pid;
    if (!posix_spawn(&pid, argv[0], NULL, NULL, argv, environ))
        return pid;
    perror(argv[0]);
    exit(126);
}

int main(int argc, char **argv)
{
    int at = 2, client_status, server_status;
    while (at < argc && strcmp(argv[at], "--"))
        at++;
    if (argc < 4 || at + 1 >= argc)
        return 125;
    argv[at] = NULL;
    pid_t server = start(argv + 2);
    for (int i = 0; !answers((uint16_t)atoi(argv[1])); i++) {
        if (i > 1000)
            return 124;
        usleep(10000);
    }
    pid_t client = start(argv + at + 1);
    waitpid(client, &client_status, 0);
    kill(server, SIGTERM);
    waitpid(server, &server_status, 0);
    if (!WIFEXITED(server_status) || WEXITSTATUS(server_status))
        return 123;
    return WIFEXITED(client_status) ? WEXITSTATUS(client_status) : 122;
}
