/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A race between two modules that may write the same directory: one makes a name a directory and a link that leads out,
 * by turns, the other opens a file behind it until it has had both many times. Built for the host with naive.c too.
 *
 *   race granted=DIRECTORY swap       until it is ended
 *   race granted=DIRECTORY open       "inside N, refused N", or ESCAPED and what it read
 *   race granted=DIRECTORY insist     the same without an end but the escape
 */
#include "host.h"

#include <stdio.h>
#include <string.h>

#define READ   2
#define ENOUGH 300

static u32 directory;

static u32 text(const char *s)
{
    u32 here = room((u32)strlen(s) + 1);

    memcpy(at(here), s, strlen(s) + 1);
    return here;
}

static _Noreturn void swap(void)
{
    u32 turn = text("turn"), real = text("real"), bait = text("bait");

    for (;;) {
        w_path_rename(directory, turn, 4, directory, real, 4);
        w_path_rename(directory, bait, 4, directory, turn, 4);
        w_path_rename(directory, turn, 4, directory, bait, 4);
        w_path_rename(directory, real, 4, directory, turn, 4);
    }
}

static int open_both(int insists)
{
    u32 path = text("turn/secret"), result = room(16), buffer = room(64), vector = room(8), fd, n;
    u32 pair[2] = {buffer, 63}, inside = 0, refused = 0;

    memcpy(at(vector), pair, sizeof pair);
    while (insists || inside < ENOUGH || refused < ENOUGH) {
        if (w_path_open(directory, 1, path, 11, 0, READ, 0, 0, result)) {
            refused++;
            continue;
        }
        memcpy(&fd, at(result), sizeof fd);
        if (w_fd_read(fd, vector, 1, result) == 0) {
            memcpy(&n, at(result), sizeof n);
            at(buffer)[n] = 0;
            if (strncmp((char *)at(buffer), "inside", 6) != 0)
                return printf("ESCAPED %s\n", (char *)at(buffer)) < 0;
            inside++;
        }
        w_fd_close(fd);
    }
    return printf("inside %u, refused %u\n", inside, refused) < 0;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 64;
    directory = (u32)granted_directory(strchr(argv[1], '=') + 1);
    if (!strcmp(argv[2], "swap"))
        swap();
    return open_both(!strcmp(argv[2], "insist"));
}
