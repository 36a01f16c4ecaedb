/* SPDX-License-Identifier: Apache-2.0 */
/* cat [FILE...]: each to the output, the standard input without one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int copy(int fd)
{
    static char buf[65536];
    ssize_t n;

    while ((n = read(fd, buf, sizeof buf)) > 0)
        for (ssize_t at = 0, w; at < n; at += w)
            if ((w = write(1, buf + at, (size_t)(n - at))) < 0)
                return -1;
    return n < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    int status = 0;

    for (int i = 1; i < argc; i++) {
        int fd = open(argv[i], O_RDONLY);
        if (fd < 0 || copy(fd) < 0) {
            fprintf(stderr, "cat: %s: %s\n", argv[i], strerror(errno));
            status = 1;
        }
        if (fd >= 0)
            close(fd);
    }
    return argc > 1 ? status : copy(0) < 0;
}
