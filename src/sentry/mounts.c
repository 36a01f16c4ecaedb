/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/mounts.h"

#include "linux/files.h"

#include <errno.h>
#include <string.h>

/* Letters up to a colon, behind which *text then stands. */
static bool take_flags(const char **text, uint32_t *out)
{
    static const char letters[] = "rsdxc";
    static const uint32_t flags[] = {LINUX_MOUNT_RDONLY, LINUX_MOUNT_NOSUID, LINUX_MOUNT_NODEV, LINUX_MOUNT_NOEXEC,
                                     LINUX_MOUNT_CACHED};
    for (*out = 0; **text != ':'; ++*text) {
        const char *at = **text ? strchr(letters, **text) : NULL;
        if (!at)
            return false;
        *out |= flags[at - letters];
    }
    ++*text;
    return true;
}

int mounts_volume(const char *text, struct linux_mount *out)
{
    uint32_t root = 0;
    *out = (struct linux_mount){.kind = LINUX_MOUNT_HOST};
    if (*text < '0' || *text > '9')
        return -EINVAL;
    for (; *text >= '0' && *text <= '9' && root < FILES_ROOTS_MAX; text++)
        root = root * 10 + (uint32_t)(*text - '0');
    if (root >= FILES_ROOTS_MAX || *text++ != ':' || !take_flags(&text, &out->flags) || *text != '/')
        return -EINVAL;
    out->root = root;
    out->place = text;
    return 0;
}

int mounts_tmpfs(const char *text, struct linux_mount *out)
{
    *out = (struct linux_mount){.kind = LINUX_MOUNT_TMPFS};
    if (!take_flags(&text, &out->flags))
        return -EINVAL;
    size_t n = strcspn(text, ":");
    if (text[n] != ':' || text[n + 1] != '/')
        return -EINVAL;
    out->place = text + n + 1;
    if (n && !(out->options = strndup(text, n)))
        return -ENOMEM;
    return 0;
}
