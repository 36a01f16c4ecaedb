/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a taken-over moat-gofer can still do, with a root that may be written to and one that may not. Each attempt runs
 * first without the jail and must succeed there, then inside and must end as its row says. Needs root for the attempts
 * that need root without the jail.
 */
#include "gofer/jail.h"
#include "jail_attempts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char place[] = "/tmp/moat-test-gofer-jail-XXXXXX";
static int rw, ro, outside, proc;

static int open2(int dir, const char *name, uint64_t flags)
{
    const struct open_how how = {.flags = flags, .mode = flags & O_CREAT ? 0600 : 0};
    return (int)syscall(SYS_openat2, dir, name, &how, sizeof how) < 0 ? errno : 0;
}

/* 0 when the attempt succeeded, else an errno. */
static int read_absolute(void)
{
    char path[128];

    snprintf(path, sizeof path, "%s/secret", place);
    return open2(rw, path, O_RDONLY);
}

static int read_dotdot(void)
{
    return open2(rw, "../secret", O_RDONLY);
}

static int read_by_leaked_descriptor(void)
{
    return open2(outside, "secret", O_RDONLY);
}

static int write_read_only(void)
{
    return open2(ro, "file", O_RDWR);
}

static int make_in_read_only(void)
{
    return open2(ro, "new", O_RDWR | O_CREAT);
}

static int remove_from_read_only(void)
{
    return unlinkat(ro, "gone", 0) < 0 ? errno : 0;
}

static int move_out_of_read_only(void)
{
    return syscall(SYS_renameat2, ro, "move", rw, "moved", 0) < 0 ? errno : 0;
}

static int link_into_writable(void)
{
    return linkat(ro, "file", rw, "linked", 0) < 0 ? errno : 0;
}

static int open_elsewhere(void) /* openat(2) is for /proc/self/fd */
{
    return openat(rw, "file", O_RDONLY) < 0 ? errno : 0;
}

/* /proc/self/fd is held: what lies beside it in procfs is not for opening. */
static int read_procfs(void)
{
    return openat(proc, "../status", O_RDONLY) < 0 ? errno : 0;
}

static int write_procfs(void)
{
    return openat(proc, "../mem", O_RDWR) < 0 ? errno : 0;
}

static int change_mode_elsewhere(void)
{
    return fchmodat(rw, "file", 0600, 0) < 0 ? errno : 0;
}

static int make_device(void)
{
    return mknodat(rw, "null", S_IFCHR | 0666, (1 << 8) | 3) < 0 ? errno : 0;
}

static int make_fifo(void)
{
    return mknodat(rw, "fifo", S_IFIFO | 0666, 0) < 0 ? errno : 0;
}

static int make_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int load_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, outside, 0) == MAP_FAILED && errno != ENODEV ? errno
                                                                                                             : 0;
}

static int mount_something(void)
{
    return mount_at(place);
}

static int read_inside(void)
{
    return open2(ro, "file", O_RDONLY);
}

static int write_inside(void)
{
    return open2(rw, "made", O_RDWR | O_CREAT);
}

static int open_by_number(void)
{
    char name[16];
    int fd = (int)syscall(SYS_openat2, rw, "file", &(struct open_how){.flags = O_PATH}, sizeof(struct open_how));

    snprintf(name, sizeof name, "%d", fd);
    return openat(proc, name, O_RDWR) < 0 ? errno : 0;
}

static const struct attempt attempts[] = {
    {"an absolute path", read_absolute, ENOENT},
    {"dot-dot", read_dotdot, EACCES},
    {"a leaked directory", read_by_leaked_descriptor, EACCES},
    {"writing what is read-only", write_read_only, EACCES},
    {"a new file where it is read-only", make_in_read_only, EACCES},
    {"removing where it is read-only", remove_from_read_only, EACCES},
    {"moving out of what is read-only", move_out_of_read_only, EACCES},
    {"a link to what is read-only", link_into_writable, KILLED},
    {"openat not by number", open_elsewhere, KILLED},
    {"procfs by dot-dot", read_procfs, EACCES},
    {"its own memory by dot-dot", write_procfs, EACCES},
    {"chmod not by number", change_mode_elsewhere, KILLED},
    {"a device node", make_device, KILLED},
    {"a fifo", make_fifo, KILLED},
    {"a socket", make_socket, KILLED},
    {"code from a file", load_code, KILLED},
    {"code from memory", make_code, KILLED},
    ATTEMPTS_KILLED,
    {"another root", leave_root, KILLED},
    {"a mount", mount_something, KILLED},
    {"reading (its work)", read_inside, ALLOWED},
    {"a new file (its work)", write_inside, ALLOWED},
    {"opening by number (its work)", open_by_number, ALLOWED},
};

/* Descriptors as moat hands them over, and one that should not be there, where the jail keeps it. */
static int enter(bool jailed)
{
    struct err err = {0};
    struct walls_tree trees[] = {{5, true}, {6, false}};
    const struct jail jail = {.proc = 4, .descriptors = 8, .files = 100, .trees = trees, .n_trees = 2, .writes = true};

    proc = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
    dup2(proc, 14), dup2(rw, 15), dup2(ro, 16), dup2(outside, 17);
    dup2(14, 4), dup2(15, 5), dup2(16, 6), dup2(17, 7);
    proc = 4, rw = 5, ro = 6, outside = 7;
    return jailed ? jail_enter(&jail, &err) : 0;
}

static int touch(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDWR | O_CREAT, 0600);

    return fd < 0 ? -1 : close(fd);
}

static void clean(void)
{
    static const char *const names[] = {"null", "fifo", "made", "moved", "linked"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlinkat(rw, names[i], 0);
    unlinkat(ro, "new", 0);
    touch(ro, "gone");
    touch(ro, "move");
}

static void test_jail_attempts_end_as_the_table_says(void **state)
{
    static const struct attempt_place where = {enter, clean};

    (void)state;
    if (geteuid() != 0)
        skip();
    attempts_run(&where, attempts, ARRAY_LEN(attempts));
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(place) || (outside = open(place, O_RDONLY | O_DIRECTORY)) < 0 || mkdirat(outside, "rw", 0755) < 0 ||
        mkdirat(outside, "ro", 0755) < 0 || (rw = openat(outside, "rw", O_PATH)) < 0 ||
        (ro = openat(outside, "ro", O_PATH)) < 0)
        return -1;
    return touch(outside, "secret") || touch(rw, "file") || touch(ro, "file") || touch(ro, "gone") || touch(ro, "move");
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", place);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jail_attempts_end_as_the_table_says)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
