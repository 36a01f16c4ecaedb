/* SPDX-License-Identifier: Apache-2.0 */
/* See kernelfs.h. The kernel is asked about the open file itself: mounts and names say nothing. */
#include "base/kernelfs.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/vfs.h>

#define CONFIGFS_MAGIC 0x62656570 /* fs/configfs/mount.c: linux/magic.h has it not */

static const struct {
    uint32_t magic;
    const char *name;
} kernels[] = {
    {PROC_SUPER_MAGIC, "proc"},        /* memory, descriptors, settings of processes and of the system */
    {SYSFS_MAGIC, "sysfs"},            /* devices; what the kernel starts when one comes */
    {CGROUP_SUPER_MAGIC, "cgroup"},    /* limits; release_agent, which the kernel starts */
    {CGROUP2_SUPER_MAGIC, "cgroup2"},  /* limits */
    {DEBUGFS_MAGIC, "debugfs"},        /* drivers' insides */
    {TRACEFS_MAGIC, "tracefs"},        /* probes; what others do */
    {SECURITYFS_MAGIC, "securityfs"},  /* rules of security modules */
    {SELINUX_MAGIC, "selinuxfs"},      /* as before */
    {SMACK_MAGIC, "smackfs"},          /* as before */
    {BPF_FS_MAGIC, "bpf"},             /* programs and maps that are kept */
    {BINFMTFS_MAGIC, "binfmt_misc"},   /* interpreters of others' programs */
    {CONFIGFS_MAGIC, "configfs"},      /* objects that mkdir(2) makes */
    {EFIVARFS_MAGIC, "efivarfs"},      /* the firmware's variables */
    {PSTOREFS_MAGIC, "pstore"},        /* what the kernel said when it died */
    {RDTGROUP_SUPER_MAGIC, "resctrl"}, /* shares of caches */
    {NSFS_MAGIC, "nsfs"},              /* namespaces */
};

const char *kernelfs_of(int fd, int *error)
{
    struct statfs fs;
    int r;

    do
        r = fstatfs(fd, &fs);
    while (r < 0 && errno == EINTR);
    *error = r < 0 ? -errno : 0;
    for (size_t i = 0; i < ARRAY_LEN(kernels) && r == 0; i++)
        if ((uint32_t)fs.f_type == kernels[i].magic)
            return kernels[i].name;
    return NULL;
}
