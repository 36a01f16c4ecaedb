/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HOME from the image's /etc/passwd when the policy gives none, as every engine expects. The file is hostile: it is
 * read through openat2 without magic links, at most 1 MiB of it, and only one short field is used. No allocation.
 */
#include "boundary/container/container.h"
#include "host/mountapi.h"

#include <stdio.h>
#include <string.h>

/* The sixth field of a passwd line whose third is `uid`; NULL otherwise. Changes the line. */
static const char *home_in_line(char *line, uint32_t uid)
{
    char *field[6] = {line};
    int f = 0;

    for (char *c = line; *c && f < 5; c++)
        if (*c == ':') {
            *c = 0;
            field[++f] = c + 1;
        }
    if (f < 5)
        return NULL;
    uint64_t number = 0;
    const char *d = field[2];
    for (; *d >= '0' && *d <= '9' && number <= UINT32_MAX; d++)
        number = number * 10 + (uint64_t)(*d - '0');
    if (*d || d == field[2] || number != uid)
        return NULL;
    field[5][strcspn(field[5], ":")] = 0;
    return field[5][0] == '/' ? field[5] : NULL;
}

void home_find(int root, uint32_t uid, char *out, size_t size)
{
    char buf[4096], line[512];
    size_t n = 0;
    const char *home = NULL;
    int fd = open_regular_in_root(root, "/etc/passwd");

    for (int rounds = 0; fd >= 0 && rounds < 256 && !home; rounds++) {
        long got = sys(SYS_read, fd, buf, sizeof buf);
        if (got <= 0)
            break;
        for (long i = 0; i < got && !home; i++) {
            if (buf[i] != '\n') {
                if (n < sizeof line - 1)
                    line[n++] = buf[i];
                continue;
            }
            line[n] = 0;
            n = 0;
            home = home_in_line(line, uid);
        }
    }
    close_fd(fd);
    snprintf(out, size, "HOME=%s", home ? home : "/");
}
