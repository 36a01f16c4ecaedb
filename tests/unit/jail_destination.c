/* SPDX-License-Identifier: Apache-2.0 */
/* See jail_destination.h. */
#include "jail_destination.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct jail_destination destination;

int destination_set_up(void **state)
{
    struct jail_destination *d = &destination;

    (void)state;
    strcpy(d->place, "/tmp/moat-test-jail-XXXXXX");
    if (!mkdtemp(d->place) || (d->outside = open(d->place, O_RDONLY | O_DIRECTORY)) < 0 ||
        mkdirat(d->outside, "dest", 0755) < 0 || (d->dest = openat(d->outside, "dest", O_RDONLY | O_DIRECTORY)) < 0 ||
        (d->secret = openat(d->outside, "secret", O_RDWR | O_CREAT, 0600)) < 0 || ftruncate(d->secret, 4096) < 0)
        return -1;
    return 0;
}

int destination_tear_down(void **state)
{
    (void)state;
    unlinkat(destination.outside, "secret", 0);
    unlinkat(destination.outside, "new", 0);
    unlinkat(destination.outside, "dest", AT_REMOVEDIR);
    return rmdir(destination.place);
}

void destination_hand_over(void)
{
    struct jail_destination *d = &destination;

    dup2(d->dest, 13), dup2(d->outside, 14), dup2(d->secret, 15);
    dup2(13, 3), dup2(14, 4), dup2(15, 5);
    d->dest = 3, d->outside = 4, d->secret = 5;
}

int open_secret_by_path(void)
{
    char path[128];

    snprintf(path, sizeof path, "%s/secret", destination.place);
    return open(path, O_RDONLY) < 0 ? errno : 0;
}

int open_secret_by_leaked_descriptor(void)
{
    return openat(destination.outside, "secret", O_RDONLY) < 0 ? errno : 0;
}

int write_by_leaked_descriptor(void)
{
    return openat(destination.outside, "new", O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
}

int load_code_from_secret(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, destination.secret, 0) == MAP_FAILED ? errno : 0;
}

int make_device_in_destination(void)
{
    return mknodat(destination.dest, "null", S_IFCHR | 0666, (1 << 8) | 3) < 0 ? errno : 0;
}

int make_regular_file_in_destination(void)
{
    return openat(destination.dest, "file", O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
}
