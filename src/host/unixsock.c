/* SPDX-License-Identifier: Apache-2.0 */
#include "host/unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int address(int dirfd, const char *name, struct sockaddr_un *a)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = dirfd == AT_FDCWD ? snprintf(a->sun_path, sizeof a->sun_path, "%s", name)
                              : snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", dirfd, name);
    return n >= 0 && (size_t)n < sizeof a->sun_path ? 0 : -ENAMETOOLONG;
}

int unixsock_connect(int dirfd, const char *name, int type)
{
    struct sockaddr_un a;
    int r = address(dirfd, name, &a);

    if (r < 0)
        return r;
    int s = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -errno;
    if (connect(s, (struct sockaddr *)&a, sizeof a) == 0)
        return s;
    r = -errno;
    close(s);
    return r;
}

int unixsock_listen(int dirfd, const char *name, int type, int backlog)
{
    struct sockaddr_un a;
    int r = address(dirfd, name, &a);

    if (r < 0)
        return r;
    int s = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -errno;
    mode_t old = umask(0177);
    r = bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, backlog) < 0 ? -errno : s;
    umask(old);
    if (r < 0)
        close(s);
    return r;
}
