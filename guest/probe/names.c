/* SPDX-License-Identifier: Apache-2.0 */
/* Class names: whatever has a path. Files of the host by any way round, files of the kernel, devices, mounts. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- a file of the host ------------------------------------------------------------------------------------- */

static void dot_dot(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s);
    char path[512];

    if (!file)
        return;
    snprintf(path, sizeof path, "%s/../../../../../../../../../../..%s", p->arg, file);
    if (!show_file(s, AT_FDCWD, path))
        say_errno(s, "open");
}

static void by_link(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s), *dir = file ? scratch_dir(s) : NULL;
    char path[128];

    if (!dir)
        return;
    snprintf(path, sizeof path, "%s/link", dir);
    if (symlink(file, path) < 0 || !show_file(s, AT_FDCWD, path))
        say_errno(s, "link");
    unlink(path);
    rmdir(dir);
}

/* Something of every process that is to be seen, ours included: its root, its working directory. */
static void by_process(const struct probe *p, struct seen *s)
{
    char path[64];

    if (!need_fact("file", s))
        return;
    errno = ENOENT;
    for (int pid = 1; pid < 65536; pid++) {
        snprintf(path, sizeof path, "/proc/%d/%s", pid, p->arg);
        int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
            continue;
        if (show_secret_from(s, dir))
            return;
        close(dir);
    }
    say_errno(s, "no process leads there");
}

/* /proc/PID/fd/N of the canaries' process, and the file that it has mapped. */
static void by_descriptor(const struct probe *p, struct seen *s)
{
    char path[128];
    pid_t pid = outside_pid(s);
    const char *name = pid ? need_fact(p->second ? "map" : "fd", s) : NULL;

    if (!name)
        return;
    snprintf(path, sizeof path, "/proc/%d/%s/%s", pid, p->arg, name);
    if (!show_file(s, AT_FDCWD, path))
        say_errno(s, "open");
}

/* By its handle, which needs no path ("shocker"), from any directory of the same disk. */
static void by_handle(const struct probe *p, struct seen *s)
{
    static const char *const places[] = {"/", "/tmp", "/dev", "/etc", "/proc", "/sys", ".", "/dev/shm", "/var"};
    union {
        struct file_handle h;
        unsigned char space[sizeof(struct file_handle) + 128];
    } f = {0};
    const char *text = need_fact("handle", s);
    unsigned type, byte, n = 0;
    int e = ENOENT;

    if (!text || sscanf(text, "%u:", &type) != 1)
        return;
    for (text = strchr(text, ':') + 1; n < 128 && sscanf(text, "%2x", &byte) == 1; text += 2)
        f.h.f_handle[n++] = (unsigned char)byte;
    f.h.handle_type = (int)type;
    f.h.handle_bytes = n;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int at = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int fd = open_by_handle_at(at, &f.h, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && show_fd(s, fd, "a handle"))
            return;
        e = errno;
        close(fd);
        close(at);
    }
    errno = e;
    say_errno(s, "open_by_handle_at");
}

static void write_victim(const struct probe *p, struct seen *s)
{
    const char *path = need_fact("victim", s);
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

    if (path)
        say_result(s, fd < 0 ? -1 : write(fd, "+\n", 2), "a line was added to a file of the host");
}

static void change_victim(const struct probe *p, struct seen *s)
{
    const char *path = need_fact("victim", s);
    char other[512];

    if (!path)
        return;
    snprintf(other, sizeof other, "%s.moved", path);
    if (p->number == 1)
        say_result(s, link(path, other), "a second name for a file of the host");
    else if (p->number == 2)
        say_result(s, symlink("x", other), "a new name in a directory of the host");
    else if (p->number == 3)
        say_result(s, chmod(path, 0666), "the mode of a file of the host");
    else
        say_result(s, rename(path, other) < 0 ? -1 : rename(other, path), "a file of the host moved, and back");
    unlink(other);
}

static void see_victim(const struct probe *p, struct seen *s)
{
    const char *path = need_fact("file", s);
    struct stat st;

    if (path)
        say_result(s, stat(path, &st), "a file of the host is there");
}

/* ---- files of the kernel ------------------------------------------------------------------------------------ */

/* Names without their addresses help nobody. */
static void addresses(const struct probe *p, struct seen *s)
{
    unsigned long address = 0;
    FILE *f = fopen(p->arg, "re");

    if (!f)
        return errno == ENOENT ? say_absent(s, "no %s", p->arg) : say_errno(s, "open");
    for (int i = 0; i < 256 && !address; i++)
        if (fscanf(f, p->number ? "%*[^-]-%lx%*[^\n]" : "%lx%*[^\n]", &address) != 1)
            break;
    fclose(f);
    if (address)
        say_escaped(s, "an address: %lx", address);
    else
        say_blocked(s, "all addresses are hidden");
}

static void list_dir(const struct probe *p, struct seen *s)
{
    struct stat st;
    char entries[512];

    if (lstat(p->arg, &st) < 0)
        return errno == ENOENT ? say_absent(s, "no %s", p->arg) : say_errno(s, "stat");
    int fd = open(p->arg, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long n = fd < 0 ? -1 : syscall(SYS_getdents64, fd, entries, sizeof entries);
    if (n >= 0 && n <= 48) /* "." and ".." alone */
        say_absent(s, "%s is empty", p->arg);
    else
        say_result(s, n, "its names were read");
}

/* ---- devices ------------------------------------------------------------------------------------------------ */

static void node(const struct probe *p, struct seen *s)
{
    unsigned maj = (unsigned)p->number, min = (unsigned)p->second;
    char path[128];
    mode_t type = maj ? S_IFCHR : S_IFBLK;

    if (!maj && (!need_fact("block", s) || sscanf(fact("block"), "%u:%u", &maj, &min) != 2))
        return;
    const char *dir = scratch_dir(s);
    if (!dir)
        return;
    snprintf(path, sizeof path, "%s/node", dir);
    int fd = mknod(path, type | 0600, makedev(maj, min)) < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENXIO || errno == ENODEV))
        say_absent(s, "no device %u:%u", maj, min);
    else
        say_result(s, fd, "the node was made and opened");
    unlink(path);
    rmdir(dir);
}

/* ---- mounts ------------------------------------------------------------------------------------------------- */

static void mount_type(const struct probe *p, struct seen *s)
{
    const char *dir = scratch_dir(s);

    if (!dir)
        return;
    int r = mount("none", dir, p->arg, (unsigned long)p->number, NULL);
    if (r < 0 && errno == ENODEV)
        say_absent(s, "no file system %s", p->arg);
    else if (r < 0 && errno == EBUSY)
        say_absent(s, "%s is in use by another version", p->arg);
    else
        say_result(s, r, "it was mounted");
    umount2(dir, MNT_DETACH);
    rmdir(dir);
}

/* cgroup v1 runs a program of the host when a group becomes empty. */
static void release_agent(const struct probe *p, struct seen *s)
{
    const char *dir = scratch_dir(s);
    char path[96];

    if (!dir)
        return;
    if (mount("cgroup", dir, "cgroup", 0, "pids") < 0) {
        if (errno == EBUSY || errno == ENODEV)
            say_absent(s, "its controllers are with cgroup v2");
        else
            say_errno(s, "mount");
    } else {
        snprintf(path, sizeof path, "%s/release_agent", dir);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        say_result(s, fd, "its program may be chosen");
        close(fd);
        umount2(dir, MNT_DETACH);
    }
    rmdir(dir);
}

static void cgroup_write(const struct probe *p, struct seen *s)
{
    static const char *const places[] = {"/sys/fs/cgroup/pids/cgroup.procs", "/sys/fs/cgroup/cgroup.procs"};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int fd = open(places[i], O_WRONLY | O_CLOEXEC);
        if (fd >= 0 || errno != ENOENT || i + 1 == ARRAY_LEN(places))
            return say_result(s, fd, places[i]);
    }
}

static void bind_over(const struct probe *p, struct seen *s)
{
    const char *dir = scratch_dir(s);

    if (!dir)
        return;
    say_result(s, mount("/", dir, NULL, MS_BIND, NULL), "the root lies in a second place");
    umount2(dir, MNT_DETACH);
    rmdir(dir);
}

/* Tried on a mount that no sandbox was given for writing. */
static void remount(const struct probe *p, struct seen *s)
{
    say_result(s, mount(NULL, p->arg, NULL, (unsigned long)p->number, NULL), "the mount was changed");
}

static void unmount(const struct probe *p, struct seen *s)
{
    /* EINVAL: no mount, seen behind the check */
    say_behind(s, umount2("/proc/version", MNT_DETACH), BEHIND(EINVAL, ENOENT), "a mask may be taken away");
}

static void pivot(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_pivot_root, "/proc", "/proc"), BEHIND(EINVAL, EBUSY, ENOENT), "the root may be changed");
}

static void chroot_break(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s), *dir = file ? scratch_dir(s) : NULL;

    if (!dir)
        return;
    int up = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = chroot(dir);
    rmdir(dir);
    for (int i = 0; r == 0 && i < 64; i++)
        r = chdir("..");
    if (r < 0 || chroot(".") < 0 || !show_file(s, AT_FDCWD, file))
        say_errno(s, "chroot");
    close(up);
}

#define FILE_OF_HOST NEEDS_TOKEN
static const struct probe rows[] = {
    {"file", attempt_read_fact, "reads a file of the host by its path", FILE_OF_HOST, "file"},
    {"file-stat", see_victim, "asks whether a file of the host is there", 0},
    {"file-dot-dot", dot_dot, "reads it by way of many ..", FILE_OF_HOST, "."},
    {"file-root-dot-dot", dot_dot, "reads it from above the root", FILE_OF_HOST, "/"},
    {"file-proc-self-root", dot_dot, "reads it behind /proc/self/root/..", FILE_OF_HOST, "/proc/self/root"},
    {"file-proc-self-cwd", dot_dot, "reads it behind /proc/self/cwd/..", FILE_OF_HOST, "/proc/self/cwd"},
    {"file-link", by_link, "reads it through a symbolic link of its own", FILE_OF_HOST},
    {"file-process-root", by_process, "reads it below /proc/PID/root of any process", FILE_OF_HOST, "root"},
    {"file-process-cwd", by_process, "reads it from /proc/PID/cwd of any process", FILE_OF_HOST, "cwd"},
    {"file-process-fd", by_descriptor, "reads it as /proc/PID/fd/N of a process outside", FILE_OF_HOST, "fd"},
    {"file-process-map", by_descriptor, "reads it as /proc/PID/map_files/...", FILE_OF_HOST | NEEDS_ROOT, "map_files",
     .second = 1},
    {"file-handle", by_handle, "opens it by its handle, without a path", FILE_OF_HOST | NEEDS_ROOT},
    {"file-write", write_victim, "adds a line to a file of the host", 0},
    {"file-hard-link", change_victim, "gives a file of the host a second name", 0, .number = 1},
    {"file-new-name", change_victim, "makes a name in a directory of the host", 0, .number = 2},
    {"file-mode", change_victim, "changes the mode of a file of the host", 0, .number = 3},
    {"file-rename", change_victim, "renames a file of the host, and back", 0},
    {"core-pattern", attempt_open, "opens core_pattern for writing", NEEDS_ROOT | NEEDS_KERNEL,
     "/proc/sys/kernel/core_pattern", O_WRONLY},
    {"modprobe-path", attempt_open, "opens kernel.modprobe for writing", NEEDS_ROOT | NEEDS_KERNEL,
     "/proc/sys/kernel/modprobe", O_WRONLY},
    {"hotplug-helper", attempt_open, "opens kernel.hotplug for writing", NEEDS_ROOT | NEEDS_KERNEL,
     "/proc/sys/kernel/hotplug", O_WRONLY},
    {"uevent-helper", attempt_open, "opens uevent_helper for writing", NEEDS_ROOT | NEEDS_KERNEL,
     "/sys/kernel/uevent_helper", O_WRONLY},
    {"binary-formats", attempt_open, "registers with binfmt_misc", NEEDS_ROOT | NEEDS_KERNEL,
     "/proc/sys/fs/binfmt_misc/register", O_WRONLY},
    {"sysrq-trigger", attempt_open, "opens sysrq-trigger for writing", NEEDS_ROOT | NEEDS_KERNEL, "/proc/sysrq-trigger",
     O_WRONLY},
    {"sysctl-net", attempt_open, "opens ip_forward for writing", NEEDS_ROOT | NEEDS_KERNEL,
     "/proc/sys/net/ipv4/ip_forward", O_WRONLY},
    {"sysctl-vm", attempt_open, "opens vm.dirty_bytes for writing", NEEDS_ROOT | NEEDS_KERNEL,
     "/proc/sys/vm/dirty_bytes", O_WRONLY},
    {"sysctl-aslr", attempt_open, "opens randomize_va_space for writing", NEEDS_ROOT | NEEDS_KERNEL,
     "/proc/sys/kernel/randomize_va_space", O_WRONLY},
    {"interrupt-affinity", attempt_open, "opens default_smp_affinity for writing", NEEDS_ROOT | NEEDS_KERNEL,
     "/proc/irq/default_smp_affinity", O_WRONLY},
    {"memory-types", attempt_open, "opens /proc/mtrr for writing", NEEDS_ROOT | NEEDS_KERNEL, "/proc/mtrr", O_WRONLY},
    {"kcore", attempt_read, "reads /proc/kcore", NEEDS_ROOT | NEEDS_KERNEL, "/proc/kcore"},
    {"kmsg-proc", attempt_open, "opens /proc/kmsg", NEEDS_ROOT | NEEDS_KERNEL, "/proc/kmsg", O_RDONLY},
    {"kallsyms", addresses, "reads addresses of the kernel's symbols", NEEDS_ROOT | NEEDS_KERNEL, "/proc/kallsyms"},
    {"iomem", addresses, "reads addresses of the machine's memory", NEEDS_ROOT | NEEDS_KERNEL, "/proc/iomem", 1},
    {"page-flags", attempt_open, "opens /proc/kpageflags", NEEDS_ROOT | NEEDS_KERNEL, "/proc/kpageflags", O_RDONLY},
    {"vmalloc-areas", attempt_read, "reads /proc/vmallocinfo", NEEDS_ROOT | NEEDS_KERNEL, "/proc/vmallocinfo"},
    {"slabs", attempt_read, "reads /proc/slabinfo", NEEDS_ROOT | NEEDS_KERNEL, "/proc/slabinfo"},
    {"proc-keys", attempt_read, "reads /proc/keys", NEEDS_KERNEL, "/proc/keys"},
    {"timer-list", attempt_read, "reads /proc/timer_list", NEEDS_ROOT | NEEDS_KERNEL, "/proc/timer_list"},
    {"interrupts", attempt_read, "reads /proc/interrupts", NEEDS_KERNEL, "/proc/interrupts"},
    {"debug-files", list_dir, "lists /sys/kernel/debug", NEEDS_ROOT | NEEDS_KERNEL, "/sys/kernel/debug"},
    {"trace-files", list_dir, "lists /sys/kernel/tracing", NEEDS_ROOT | NEEDS_KERNEL, "/sys/kernel/tracing"},
    {"firmware", list_dir, "lists /sys/firmware", NEEDS_KERNEL, "/sys/firmware"},
    {"sys-write", attempt_open, "opens a file of /sys for writing", NEEDS_ROOT | NEEDS_KERNEL,
     "/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY},
    {"sys-uevent", attempt_open, "opens a device's uevent for writing", NEEDS_ROOT | NEEDS_KERNEL,
     "/sys/devices/virtual/mem/null/uevent", O_WRONLY},
    {"sys-power", attempt_open, "opens /sys/power/state for writing", NEEDS_ROOT | NEEDS_KERNEL, "/sys/power/state",
     O_WRONLY},
    {"dev-mem", attempt_open, "opens /dev/mem", NEEDS_ROOT | NEEDS_KERNEL, "/dev/mem", O_RDONLY},
    {"dev-kmsg", attempt_open, "opens /dev/kmsg for writing", NEEDS_ROOT | NEEDS_KERNEL, "/dev/kmsg", O_WRONLY},
    {"dev-loop", attempt_open, "opens /dev/loop-control", NEEDS_ROOT | NEEDS_KERNEL, "/dev/loop-control", O_RDWR},
    {"dev-loop-disk", attempt_open, "opens /dev/loop0", NEEDS_ROOT | NEEDS_KERNEL, "/dev/loop0", O_RDONLY},
    {"dev-fuse", attempt_open, "opens /dev/fuse", NEEDS_ROOT | NEEDS_KERNEL, "/dev/fuse", O_RDWR},
    {"dev-tun", attempt_open, "opens /dev/net/tun", NEEDS_ROOT | NEEDS_KERNEL, "/dev/net/tun", O_RDWR},
    {"dev-kvm", attempt_open, "opens /dev/kvm", NEEDS_ROOT | NEEDS_KERNEL, "/dev/kvm", O_RDWR},
    {"dev-msr", attempt_open, "opens /dev/cpu/0/msr", NEEDS_ROOT | NEEDS_KERNEL, "/dev/cpu/0/msr", O_RDONLY},
    {"dev-hwrng", attempt_open, "opens /dev/hwrng", NEEDS_ROOT | NEEDS_KERNEL, "/dev/hwrng", O_RDONLY},
    {"dev-latency", attempt_open, "opens /dev/cpu_dma_latency", NEEDS_ROOT | NEEDS_KERNEL, "/dev/cpu_dma_latency",
     O_WRONLY},
    {"dev-btrfs", attempt_open, "opens /dev/btrfs-control", NEEDS_ROOT | NEEDS_KERNEL, "/dev/btrfs-control", O_RDWR},
    {"node-disk", node, "makes a node of the host's disk and opens it", NEEDS_ROOT | NEEDS_KERNEL},
    {"node-mem", node, "makes a node of /dev/mem", NEEDS_ROOT | NEEDS_KERNEL, NULL, 1, 1},
    {"node-port", node, "makes a node of /dev/port", NEEDS_ROOT | NEEDS_KERNEL, NULL, 1, 4},
    {"node-kmsg", node, "makes a node of /dev/kmsg", NEEDS_ROOT | NEEDS_KERNEL, NULL, 1, 11},
    {"node-kvm", node, "makes a node of /dev/kvm", NEEDS_ROOT | NEEDS_KERNEL, NULL, 10, 232},
    {"mount-tmpfs", mount_type, "mounts a tmpfs", NEEDS_ROOT | NEEDS_KERNEL, "tmpfs"},
    {"mount-proc", mount_type, "mounts a proc", NEEDS_ROOT | NEEDS_KERNEL, "proc"},
    {"mount-sysfs", mount_type, "mounts a sysfs", NEEDS_ROOT | NEEDS_KERNEL, "sysfs"},
    {"mount-debugfs", mount_type, "mounts a debugfs", NEEDS_ROOT | NEEDS_KERNEL, "debugfs"},
    {"mount-devtmpfs", mount_type, "mounts the host's devices", NEEDS_ROOT | NEEDS_KERNEL, "devtmpfs"},
    {"mount-bpf", mount_type, "mounts a bpf file system", NEEDS_ROOT | NEEDS_KERNEL, "bpf"},
    {"mount-bind", bind_over, "binds the root to a second place", NEEDS_ROOT | NEEDS_KERNEL},
    {"mount-magic", mount_type, "mounts a tmpfs with the old magic number in its flags", NEEDS_ROOT | NEEDS_KERNEL,
     "tmpfs", 0xC0ED0000},
    {"remount", remount, "changes the flags of /proc", NEEDS_ROOT | NEEDS_KERNEL, "/proc", MS_REMOUNT | MS_BIND},
    {"remount-shared", remount, "makes /proc a shared mount", NEEDS_ROOT | NEEDS_KERNEL, "/proc", MS_SHARED},
    {"unmount", unmount, "takes a mount away", NEEDS_ROOT | NEEDS_KERNEL},
    {"release-agent", release_agent, "mounts cgroup v1 and opens its release_agent", NEEDS_ROOT | NEEDS_KERNEL},
    {"cgroup-write", cgroup_write, "opens the list of processes of the host's cgroup for writing",
     NEEDS_ROOT | NEEDS_KERNEL},
    {"pivot-root", pivot, "pivot_root", NEEDS_ROOT | NEEDS_KERNEL},
    {"chroot-break", chroot_break, "leaves the root by a second chroot, and reads a file of the host",
     NEEDS_TOKEN | NEEDS_ROOT},
};

const struct probe_class names_class = {"names", rows, ARRAY_LEN(rows)};
