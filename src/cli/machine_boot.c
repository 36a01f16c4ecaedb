/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine boots from: which kernel, unpacked once, and the archive with our init. Both are kept in the cache of
 * whoever runs it. The kernel's file may come from anybody: it is unpacked by a process that can do nothing else.
 */
#include "base/cpio.h"
#include "base/io.h"
#include "cli/kept_file.h"
#include "cli/machine.h"
#include "guest/init/run.h"
#include "host/helper.h"
#include "policy/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOT             "/boot"
#define KERNEL_PREFIX    "vmlinuz-"
#define UNPACK_MS        120000
#define SETUP_MAGIC      0x202 /* "HdrS": Documentation/x86/boot.rst */
#define MODULE_MOST      ((size_t)64 << 20)
#define INIT_PROGRAM     "moat-guest-init"
#define IN_ARCHIVE(path) (&(path)[1]) /* names there begin without a slash */
#define MODULES          RUN_DIRECTORY "/modules"

/* ---- the kernel ---------------------------------------------------------------------------------------------------
 */

static int newest_kernel(struct arena *a, const char **file, struct err *err)
{
    DIR *d = opendir(BOOT);
    const struct dirent *e;
    const char *best = NULL;

    while (d && (e = readdir(d)))
        if (!strncmp(e->d_name, KERNEL_PREFIX, strlen(KERNEL_PREFIX)) && (!best || strverscmp(e->d_name, best) > 0))
            best = arena_strdup(a, e->d_name);
    if (d)
        closedir(d);
    *file = best ? arena_printf(a, BOOT "/%s", best) : NULL;
    return *file ? 0
                 : err_set(
                       err, -ENOENT,
                       "there is no kernel to boot: --kernel FILE names one, or: apt install linux-image-cloud-amd64");
}

/* Of ROOT/boot/vmlinuz-RELEASE: ROOT/lib/modules/RELEASE, where that is a directory. */
static const char *modules_of(struct arena *a, const char *file)
{
    const char *name = strrchr(file, '/') + 1;
    const size_t before = (size_t)(name - file);
    struct stat st;

    if (strncmp(name, KERNEL_PREFIX, strlen(KERNEL_PREFIX)) || before < strlen(BOOT "/") ||
        strncmp(name - strlen(BOOT "/"), BOOT "/", strlen(BOOT "/")))
        return NULL;
    const char *modules =
        arena_printf(a, "%.*s/lib/modules/%s", (int)(before - strlen(BOOT "/")), file, name + strlen(KERNEL_PREFIX));
    return modules && stat(modules, &st) == 0 && S_ISDIR(st.st_mode) ? modules : NULL;
}

struct unpacking {
    struct arena *arena;
    const char *file;
    int in;
};

static int unpack(void *context, int out, struct err *err)
{
    const struct unpacking *u = context;
    char program[] = "moat-bootfile", verb[] = "vmlinux", *argv[] = {program, verb, NULL};
    const char *path;
    int status = 0;
    pid_t pid;
    int r = libexec_find(u->arena, program, &path, err);

    if (r < 0)
        return r;
    r = helper_spawn(path, argv, (struct helper_fd[]){{u->in, 0}, {out, 1}, {2, 2}}, 3, &pid);
    if (r == 0)
        r = helper_wait_for(pid, UNPACK_MS, &status);
    if (r < 0)
        return err_sys(err, r, "%s", path);
    if (WIFSIGNALED(status))
        return err_set(err, -ECONNABORTED, "%s: its unpacker was ended by signal %d%s", u->file, WTERMSIG(status),
                       WTERMSIG(status) == SIGSYS ? " (a forbidden system call): the file is hostile" : "");
    return WEXITSTATUS(status) ? err_set(err, -ENOEXEC, "--kernel %s: it could not be unpacked", u->file) : 0;
}

static int unpacked(struct arena *a, const char *file, int fd, const char **elf, struct err *err)
{
    struct unpacking u = {a, file, fd};
    const struct keeping keeping = {.kind = CLASS_CACHE_MACHINE, .source = file, .write = unpack, .context = &u};
    char key[CLASS_KEY_SIZE];
    struct class_key k;

    class_key_begin(&k);
    class_key_text(&k, "kernel", file);
    int r = class_key_file(&k, file);
    class_key_end(&k, key);
    return r < 0 ? err_sys(err, r, "--kernel %s", file) : kept_file(a, &keeping, key, elf, err);
}

int machine_kernel(struct arena *a, const char *file, const char **elf, const char **modules, struct err *err)
{
    char real[PATH_MAX], magic[4];
    struct stat st;
    int r = file ? 0 : newest_kernel(a, &file, err);

    if (r < 0)
        return r;
    _cleanup_fd_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0 || !realpath(file, real))
        return err_sys(err, -errno, "--kernel %s", file);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "--kernel %s: it is no file", file);
    *elf = arena_strdup(a, real);
    if (!*elf)
        return policy_no_memory(err);
    *modules = modules_of(a, *elf);
    if (pread(fd, magic, sizeof magic, SETUP_MAGIC) == sizeof magic && !memcmp(magic, "HdrS", sizeof magic))
        return unpacked(a, *elf, fd, elf, err);
    return 0;
}

/* ---- our init -----------------------------------------------------------------------------------------------------
 */

/* In the order of loading; what is not there is built in. */
static const char *const module_files[] = {"drivers/virtio/virtio_ring.ko", "drivers/virtio/virtio.ko",
                                           "drivers/virtio/virtio_mmio.ko", "drivers/block/virtio_blk.ko",
                                           "net/core/failover.ko",          "drivers/net/net_failover.ko",
                                           "drivers/net/virtio_net.ko"};

struct init_archive {
    struct arena *arena;
    const char *init, *modules;
};

static const char *module_path(struct arena *a, const char *modules, size_t i)
{
    return arena_printf(a, "%s/kernel/%s", modules, module_files[i]);
}

static int put_file(struct cpio *c, struct arena *a, const char *file, const char *name, unsigned mode, struct err *err)
{
    size_t n;
    char *bytes;
    int r = io_read_regular(a, file, MODULE_MOST, &bytes, &n);

    if (r == 0)
        r = cpio_file(c, name, mode, bytes, n);
    return r < 0 ? err_sys(err, r, "%s", file) : 0;
}

static int write_archive(void *context, int out, struct err *err)
{
    const struct init_archive *i = context;
    struct cpio c = {.fd = out};
    int r = cpio_entry(&c, &(struct cpio_entry){.name = IN_ARCHIVE(RUN_DIRECTORY), .mode = S_IFDIR | 0700});

    if (r == 0)
        r = cpio_entry(&c, &(struct cpio_entry){.name = IN_ARCHIVE(MODULES), .mode = S_IFDIR | 0700});
    if (r < 0)
        return err_sys(err, r, "write the archive of init");
    r = put_file(&c, i->arena, i->init, IN_ARCHIVE(RUN_INIT), 0500, err);
    for (size_t k = 0; i->modules && k < ARRAY_LEN(module_files) && r == 0; k++) {
        const char *file = module_path(i->arena, i->modules, k);
        if (!file || access(file, F_OK) < 0)
            continue;
        r = put_file(&c, i->arena, file, arena_printf(i->arena, "%s%s", IN_ARCHIVE(MODULES), strrchr(file, '/')), 0400,
                     err);
    }
    if (r == 0 && (r = cpio_end(&c)) < 0)
        err_sys(err, r, "write the archive of init");
    return r;
}

int machine_init_archive(struct arena *a, const char *from, const char **file, struct strv *modules, struct err *err)
{
    struct init_archive archive = {.arena = a, .modules = from};
    const struct keeping keeping = {
        .kind = CLASS_CACHE_MACHINE, .source = INIT_PROGRAM, .write = write_archive, .context = &archive};
    char key[CLASS_KEY_SIZE];
    struct class_key k;
    int r = libexec_find(a, INIT_PROGRAM, &archive.init, err);

    if (r < 0)
        return r;
    class_key_begin(&k);
    class_key_text(&k, "init", from ? from : "");
    r = class_key_file(&k, archive.init);
    for (size_t i = 0; from && i < ARRAY_LEN(module_files) && r == 0; i++) {
        const char *module = module_path(a, from, i);
        if (!module || access(module, F_OK) < 0)
            continue;
        const char *inside = arena_printf(a, MODULES "%s", strrchr(module, '/'));
        if (!inside || policy_strv_push(a, modules, inside) < 0)
            return policy_no_memory(err);
        r = class_key_file(&k, module);
    }
    class_key_end(&k, key);
    return r < 0 ? err_sys(err, r, "%s", archive.init) : kept_file(a, &keeping, key, file, err);
}
