/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host: a gofer in this process, and what is mounted of it. */
#include "gofer_here.h"
#include "split.h"

#include <string.h>

#define VOLUMES 16

static struct {
    struct linux_mount mounts[VOLUMES];
    uint32_t n;
    struct files_ops files;
} volumes;

static void add(struct linux_config *c, const char *dir, const char *place, bool writable)
{
    if (volumes.n == VOLUMES)
        apart_fatal("more than %d volumes", VOLUMES);
    if (!volumes.n && gofer_here_begin())
        apart_fatal("no /proc");
    int root = gofer_here_root(dir, writable ? FILES_RW : 0);
    if (root < 0)
        apart_fatal("%s: %s", dir, strerror(-root));
    volumes.mounts[volumes.n++] = (struct linux_mount){
        .place = place, .kind = LINUX_MOUNT_HOST, .root = (uint32_t)root, .flags = writable ? 0 : LINUX_MOUNT_RDONLY};
    c->mounts = volumes.mounts, c->n_mounts = volumes.n;
}

/* DIR:PLACE[:ro] */
static void add_volume(struct linux_config *c, char *text)
{
    char *place = strchr(text, ':'), *flags = place ? strchr(place + 1, ':') : NULL;
    if (!place || (flags && strcmp(flags, ":ro") != 0))
        apart_fatal("--volume takes DIR:PLACE[:ro]");
    *place++ = 0;
    if (flags)
        *flags = 0;
    add(c, text, place, !flags);
}

bool volumes_take(int *argc, char ***argv, struct linux_config *c)
{
    char **a = *argv;
    if (*argc < 3)
        return false;
    if (!strcmp(a[1], "--volume"))
        add_volume(c, a[2]);
    else if (!strcmp(a[1], "--root"))
        add(c, a[2], "/", false);
    else
        return false;
    a[2] = a[0];
    *argv += 2, *argc -= 2;
    return true;
}

const struct files_ops *volumes_files(void)
{
    volumes.files = gofer_here;
    volumes.files.object = objects_host;
    return volumes.n ? &volumes.files : NULL;
}
