/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a module could do that has taken the engine over: this program stands in moat-wasm's place, raises the same
 * filter, and then makes calls of the attacker's choice, one a run, named by the last word of its command line.
 *   0 and "ESCAPED ..."   it worked
 *   1 and "held: ..."     it was refused; a forbidden call ends the process by SIGSYS instead
 *   2 and "absent: ..."   this kernel has no such thing
 * With the variable FENCE=off, and without a sandbox, all of them have to work. $SECRET is a file of the host that is
 * not granted, $READ a directory that may be read, $WRITE one that may be written.
 */
#include "wasmrun/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *secret, *readable, *writable;
static char path[8192];

/* Without flags that would hold it to a directory. */
static int open_any(const char *name, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .mode = flags & O_CREAT ? 0644 : 0};

    return (int)syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof how);
}

static int read_byte(int fd)
{
    char c;

    return fd >= 0 && read(fd, &c, 1) == 1 ? 0 : -1;
}

/* ---- calls that the filter forbids ---------------------------------------------------------------------------------
 */

static int try_exec(void)
{
    char *argv[] = {(char *)"true", NULL}, *envp[] = {NULL};

    execve("/bin/true", argv, envp); /* which ends with 0 */
    return -1;
}

static int try_fork(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static void *nothing(void *context)
{
    return context;
}

static int try_thread(void)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, nothing, NULL) == 0 ? pthread_join(thread, NULL) : -1;
}

static int try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? -1 : 0;
}

static int try_open(void)
{
    return (int)syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY) < 0 ? -1 : 0;
}

static int try_memfd(void)
{
    return (int)syscall(SYS_memfd_create, "x", 0) < 0 ? -1 : 0;
}

static int try_map_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
                                                                                                                  : 0;
}

static int try_protect_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int try_trace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? -1 : 0;
}

static int try_unshare(void)
{
    return unshare(CLONE_NEWUSER);
}

static int try_mount(void)
{
    return mount("none", "/proc", "tmpfs", 0, NULL) < 0 ? -1 : umount2("/proc", MNT_DETACH);
}

static int try_chroot(void)
{
    return chroot("/");
}

static int try_io_uring(void)
{
    char params[256] = "";
    long r = syscall(SYS_io_uring_setup, 1, params);

    return r < 0 ? -1 : 0;
}

static int try_personality(void)
{
    return syscall(SYS_personality, 0x0400000) < 0 ? -1 : 0; /* READ_IMPLIES_EXEC */
}

static int try_set_id(void)
{
    snprintf(path, sizeof path, "%s/set-id", writable);
    int fd = open_any(path, O_WRONLY | O_CREAT);

    return fd < 0 ? -1 : fchmod(fd, 04755);
}

static int try_dumpable(void)
{
    return (int)syscall(SYS_prctl, 4, 1, 0, 0, 0);
}

/* ---- files: the calls are WASI's, so the walls have to hold
 * ----------------------------------------------------------- */

static int try_secret(void)
{
    return read_byte(open_any(secret, O_RDONLY));
}

static int try_secret_upwards(void)
{
    snprintf(path, sizeof path, "%s/../../../../../../../../../../../../..%s", readable, secret);
    return read_byte(open_any(path, O_RDONLY));
}

static int try_process(void)
{
    return read_byte(open_any("/proc/self/status", O_RDONLY));
}

static int try_engine(void)
{
    return read_byte(open_any("/proc/self/exe", O_RDONLY)) == 0 || read_byte(open_any("/.moat/engine", O_RDONLY)) == 0
               ? 0
               : -1;
}

static int try_write_readable(void)
{
    snprintf(path, sizeof path, "%s/file", readable);
    return open_any(path, O_WRONLY) < 0 ? -1 : 0;
}

static int try_make_in_readable(void)
{
    snprintf(path, sizeof path, "%s/made", readable);
    return open_any(path, O_WRONLY | O_CREAT) < 0 ? -1 : 0;
}

static int try_make_in_root(void)
{
    return mkdirat(AT_FDCWD, "/moat-test-made", 0755) < 0 ? -1 : unlinkat(AT_FDCWD, "/moat-test-made", AT_REMOVEDIR);
}

static int try_move_readable(void)
{
    snprintf(path, sizeof path, "%s.moved", readable);
    return renameat(AT_FDCWD, readable, AT_FDCWD, path) < 0 ? -1 : renameat(AT_FDCWD, path, AT_FDCWD, readable);
}

static int try_link_out(void)
{
    char from[4200];

    snprintf(from, sizeof from, "%s/file", readable);
    snprintf(path, sizeof path, "%s/linked", writable);
    return linkat(AT_FDCWD, from, AT_FDCWD, path, 0);
}

static int try_link_to_secret(void)
{
    snprintf(path, sizeof path, "%s/to-secret", writable);
    if (symlinkat(secret, AT_FDCWD, path) < 0)
        return -1;
    return read_byte(open_any(path, O_RDONLY));
}

static int try_device(void)
{
    return open_any("/dev/null", O_RDWR) < 0 ? -1 : 0;
}

/* Beyond the streams there is what was handed over to be read. */
static int try_descriptors(void)
{
    for (int fd = 3; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0 && ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY || lseek(fd, 0, SEEK_CUR) < 0))
            return 0;
    errno = EBADF;
    return -1;
}

/* ---- the table ------------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    int (*make)(void);
} attempts[] = {
    {"exec", try_exec},
    {"fork", try_fork},
    {"thread", try_thread},
    {"socket", try_socket},
    {"open", try_open},
    {"memfd", try_memfd},
    {"map-code", try_map_code},
    {"protect-code", try_protect_code},
    {"trace", try_trace},
    {"unshare", try_unshare},
    {"mount", try_mount},
    {"chroot", try_chroot},
    {"io-uring", try_io_uring},
    {"personality", try_personality},
    {"set-id", try_set_id},
    {"dumpable", try_dumpable},
    {"secret", try_secret},
    {"secret-upwards", try_secret_upwards},
    {"process", try_process},
    {"engine", try_engine},
    {"write-readable", try_write_readable},
    {"make-in-readable", try_make_in_readable},
    {"make-in-root", try_make_in_root},
    {"move-readable", try_move_readable},
    {"link-out", try_link_out},
    {"link-to-secret", try_link_to_secret},
    {"device", try_device},
    {"descriptors", try_descriptors},
};

static int attempt(size_t i)
{
    errno = 0;
    if (attempts[i].make() == 0) {
        printf("ESCAPED %s\n", attempts[i].name);
        return 0;
    }
    bool absent = errno == ENOSYS;
    printf("%s: %s: %s\n", absent ? "absent" : "held", attempts[i].name, strerror(errno));
    return absent ? 2 : 1;
}

int main(int argc, char **argv)
{
    const char *fence = getenv("FENCE");
    struct err err = {0};

    secret = getenv("SECRET");
    readable = getenv("READ");
    writable = getenv("WRITE");
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc == 2 && !strcmp(argv[1], "names")) {
        for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
            puts(attempts[i].name);
        return 0;
    }
    if ((!fence || strcmp(fence, "off") != 0) && wasmrun_fence_raise(WASMRUN_FENCE_RUN, &err) < 0) {
        printf("no filter: %s\n", err.text);
        return 3;
    }
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        if (!strcmp(argv[argc - 1], attempts[i].name))
            return attempt(i);
    printf("no attempt of that name\n");
    return 64;
}
