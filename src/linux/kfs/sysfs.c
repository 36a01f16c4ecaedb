/* SPDX-License-Identifier: Apache-2.0 */
/* /sys: what programs read of the processors and of memory, sysfs(5). */
#include "linux/kfs/made.h"

#define FILE_ROW S_IFREG | 0444
#define DIR_ROW  S_IFDIR | 0555

static int sys_cpu_list(const struct made_key *key, struct text *out)
{
    if (platform.vcpus == 1)
        text_printf(out, "0\n");
    else
        text_printf(out, "0-%u\n", platform.vcpus - 1);
    return 0;
}

static const struct made_node sys_cpu_one = {.name = "cpu", .mode = DIR_ROW};

static const struct made_node *sys_cpu_find(struct made_key *key, const char *name, size_t n)
{
    uint32_t v = 0;
    if (n < 4 || n > 7 || name[0] != 'c' || name[1] != 'p' || name[2] != 'u' || (name[3] == '0' && n > 4))
        return NULL;
    for (size_t i = 3; i < n; i++) {
        if (name[i] < '0' || name[i] > '9')
            return NULL;
        v = v * 10 + (uint32_t)(name[i] - '0');
    }
    key->number = (int32_t)v;
    return v < platform.vcpus ? &sys_cpu_one : NULL;
}

static const struct made_node *sys_cpu_each(struct made_key *key, uint64_t *cookie, char *name, size_t room)
{
    if (*cookie >= platform.vcpus)
        return NULL;
    key->number = (int32_t)*cookie;
    text_format(name, room, "cpu%u", (unsigned)*cookie);
    return &sys_cpu_one;
}

static const struct made_node cpu_rows[] = {
    {.name = "online", .mode = FILE_ROW, .show = sys_cpu_list},
    {.name = "possible", .mode = FILE_ROW, .show = sys_cpu_list},
    {.name = "present", .mode = FILE_ROW, .show = sys_cpu_list},
    {0},
};
static const struct made_node node0_rows[] = {
    {.name = "cpulist", .mode = FILE_ROW, .show = sys_cpu_list},
    {0},
};
static const struct made_node node_rows[] = {
    {.name = "node0", .mode = DIR_ROW, .children = node0_rows},
    {.name = "online", .mode = FILE_ROW, .constant = "0\n"},
    {.name = "possible", .mode = FILE_ROW, .constant = "0\n"},
    {0},
};
static const struct made_node system_rows[] = {
    {.name = "cpu", .mode = DIR_ROW, .children = cpu_rows, .find = sys_cpu_find, .list = sys_cpu_each},
    {.name = "node", .mode = DIR_ROW, .children = node_rows},
    {0},
};
static const struct made_node devices_rows[] = {
    {.name = "system", .mode = DIR_ROW, .children = system_rows},
    {0},
};
static const struct made_node hugepage_rows[] = {
    {.name = "enabled", .mode = FILE_ROW, .constant = "always madvise [never]\n"},
    {.name = "hpage_pmd_size", .mode = FILE_ROW, .constant = "2097152\n"},
    {0},
};
static const struct made_node mm_rows[] = {
    {.name = "transparent_hugepage", .mode = DIR_ROW, .children = hugepage_rows},
    {0},
};
static const struct made_node kernel_rows[] = {
    {.name = "mm", .mode = DIR_ROW, .children = mm_rows},
    {0},
};
static const struct made_node fs_rows[] = {
    {.name = "cgroup", .mode = DIR_ROW},
    {0},
};
static const struct made_node sys_rows[] = {
    {.name = "block", .mode = DIR_ROW},
    {.name = "bus", .mode = DIR_ROW},
    {.name = "class", .mode = DIR_ROW},
    {.name = "devices", .mode = DIR_ROW, .children = devices_rows},
    {.name = "fs", .mode = DIR_ROW, .children = fs_rows},
    {.name = "kernel", .mode = DIR_ROW, .children = kernel_rows},
    {0},
};
static const struct made_node sys_root = {.name = "sys", .mode = DIR_ROW, .children = sys_rows};

static int sysfs_mount(struct superblock *sb, const char *source, const char *options)
{
    return made_mount(sb, &sys_root);
}

const struct fs_type sysfs_type = {.name = "sysfs", .magic = 0x62656572, .mount = sysfs_mount};
