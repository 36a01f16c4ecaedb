/* SPDX-License-Identifier: Apache-2.0 */
/* /dev: the devices that programs expect, and the links to the standard streams. */
#include "linux/kfs/device.h"
#include "linux/kfs/made.h"

#define LINK (S_IFLNK | 0777)
#define CHAR (S_IFCHR | 0666)

static const struct made_node dev_nothing[] = {{0}};

static const struct made_node dev_rows[] = {
    {.name = "null", .mode = CHAR, .rdev = DEVICE(1, 3)},
    {.name = "zero", .mode = CHAR, .rdev = DEVICE(1, 5)},
    {.name = "full", .mode = CHAR, .rdev = DEVICE(1, 7)},
    {.name = "random", .mode = CHAR, .rdev = DEVICE(1, 8)},
    {.name = "urandom", .mode = CHAR, .rdev = DEVICE(1, 9)},
    {.name = "tty", .mode = CHAR, .rdev = DEVICE(5, 0)},
    {.name = "console", .mode = S_IFCHR | 0600, .rdev = DEVICE(5, 1)},
    {.name = "ptmx", .mode = CHAR, .rdev = DEVICE(5, 2)},
    {.name = "fd", .mode = LINK, .constant = "/proc/self/fd"},
    {.name = "stdin", .mode = LINK, .constant = "/proc/self/fd/0"},
    {.name = "stdout", .mode = LINK, .constant = "/proc/self/fd/1"},
    {.name = "stderr", .mode = LINK, .constant = "/proc/self/fd/2"},
    {.name = "shm", .mode = S_IFDIR | 01777, .children = dev_nothing}, /* a tmpfs is mounted on it at boot */
    {.name = "pts", .mode = S_IFDIR | 0755, .children = dev_nothing},
    {0},
};
static const struct made_node dev_root = {.name = "dev", .mode = S_IFDIR | 0755, .children = dev_rows};

static int devfs_mount(struct superblock *sb, const char *source, const char *options)
{
    return made_mount(sb, &dev_root);
}

const struct fs_type devfs_type = {.name = "devtmpfs", .magic = 0x01021994, .mount = devfs_mount};
