/* SPDX-License-Identifier: Apache-2.0 */
/* See looker.h. It holds the host's root directory and one end of a socket. Landlock forbids it to open anything, and
 * looking up by O_PATH is no opening; the filter leaves it nothing to do with what it looked up but to close it. */
#include "broker/looker.h"

#include "confine/walls.h"
#include "host/openat2.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOKER_FD_HOST   3
#define LOOKER_FD_SOCKET 4

static const char *calls[] = {"read", "write", "openat2", "close", "munmap", "exit_group", "restart_syscall", NULL};

static _Noreturn void look(void)
{
    char path[PATH_SIZE + 1];

    for (;;) {
        ssize_t n = read(LOOKER_FD_SOCKET, path, sizeof path - 1);
        if (n <= 0)
            _exit(0);
        path[n] = 0;
        struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
                               .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
        int fd = openat2_scoped(LOOKER_FD_HOST, path, &how);
        char answer = fd >= 0 ? LOOKER_HAS : fd == -EACCES ? LOOKER_UNSEEN : LOOKER_HAS_NOT;
        fd_drop(&fd);
        if (write(LOOKER_FD_SOCKET, &answer, 1) != 1)
            _exit(0);
    }
}

static _Noreturn void be_looker(int host, int socket)
{
    const struct seccomp_rule rule = {.names = {(char **)calls, ARRAY_LEN(calls) - 1}, .action = SECCOMP_RET_ALLOW};
    const struct walls walls = {.who = "the looker",
                                .dest = -1,
                                .source = -1,
                                .descriptors = 5,
                                .file_bytes = 0,
                                .memory = 64u << 20,
                                .calls = &rule,
                                .n_calls = 1};
    struct err err;
    int a = fcntl(host, F_DUPFD, 10), b = fcntl(socket, F_DUPFD, 10);

    if (a < 0 || b < 0 || dup2(a, LOOKER_FD_HOST) < 0 || dup2(b, LOOKER_FD_SOCKET) < 0 || walls_enter(&walls, &err) < 0)
        _exit(1);
    look();
}

int looker_start(struct broker *b, struct err *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, -errno, "broker: socket");
    pid_t pid = fork();
    if (pid == 0)
        be_looker(b->host, pair[1]);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return err_sys(err, -errno, "broker: a process that looks at the host");
    }
    fd_drop(&b->host);
    b->looker = pair[0];
    return 0;
}

enum looker_answer looker_has(const struct broker *b, const char *path, bool parent)
{
    char dir[PATH_SIZE], answer;

    if (b->looker < 0)
        return LOOKER_HAS_NOT;
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (parent && slash)
        slash[slash == dir] = 0;
    if (write(b->looker, dir, strlen(dir)) <= 0 || read(b->looker, &answer, 1) != 1)
        return LOOKER_HAS_NOT;
    return answer == LOOKER_HAS ? LOOKER_HAS : answer == LOOKER_UNSEEN ? LOOKER_UNSEEN : LOOKER_HAS_NOT;
}
