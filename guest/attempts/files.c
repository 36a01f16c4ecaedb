/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts at files. Each proves by effect: what was written is read back where that is allowed, what was made is
 * looked at, and so on. They change only what their arguments name. */
#include "attempts.h"

#include "../child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT "moat-attempt"

/* Opening a pipe or a terminal must neither wait nor take it over. */
#define CALMLY (O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* ---- contents ------------------------------------------------------------------------------------------------- */

/* What lies in files of a user, and how they are called, is nobody's business. */
static bool is_quiet(char **args, int n)
{
    return n > 1 && !strcmp(args[1], "quiet");
}

static int read_file(char **args, int n)
{
    char text[4096];
    int fd = open(args[0], O_RDONLY | CALMLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text);

    if (got < 0)
        return refused("%s %s", fd < 0 ? "open" : "read", args[0]);
    if (is_quiet(args, n))
        return done("%zd bytes", got);
    return done("%zd bytes: %s", got, shown(text, (size_t)got));
}

static int list_directory(char **args, int n)
{
    DIR *dir = opendir(args[0]);
    char names[512] = "";
    unsigned count = 0;

    if (!dir)
        return refused("opendir %s", args[0]);
    errno = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        size_t used = strlen(names);
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        count++;
        snprintf(names + used, sizeof names - used, " %s", e->d_name);
    }
    if (errno)
        return refused("readdir %s", args[0]);
    if (is_quiet(args, n))
        return done("%u names", count);
    return done("%u names:%s", count, shown(names, sizeof names));
}

static int stat_it(char **args, int n)
{
    struct stat st;

    (void)n;
    if (stat(args[0], &st) < 0)
        return refused("stat %s", args[0]);
    return done("%s of %lld bytes",
                S_ISDIR(st.st_mode)   ? "directory"
                : S_ISREG(st.st_mode) ? "file"
                                      : "node",
                (long long)st.st_size);
}

/* Whether the file holds what was written, as far as it may be read or seen. */
static bool holds(const char *path, const char *text, size_t n, off_t at)
{
    char back[256];
    struct stat st;
    int fd = open(path, O_RDONLY | CALMLY);

    if (fd < 0)
        return stat(path, &st) < 0 || st.st_size >= at + (off_t)n;
    ssize_t got = pread(fd, back, sizeof back < n ? sizeof back : n, at);
    close(fd);
    return got > 0 && !memcmp(back, text, (size_t)got);
}

static int put(const char *path, int flags, const char *text)
{
    struct stat before, after;
    int fd = open(path, O_WRONLY | CALMLY | flags, 0666);
    size_t n = strlen(text);

    if (fd < 0)
        return refused("open %s", path);
    if (fstat(fd, &before) < 0)
        return refused("fstat %s", path);
    off_t at = flags & O_APPEND ? before.st_size : 0;
    if (flags & O_TRUNC && before.st_size)
        return hollow("%s is not empty after O_TRUNC", path);
    ssize_t put = write(fd, text, n);
    if (put < 0)
        return refused("write %s", path);
    if (fstat(fd, &after) < 0 || close(fd) < 0)
        return refused("close %s", path);
    if (put != (ssize_t)n || (S_ISREG(after.st_mode) && (after.st_size < at + (off_t)n || !holds(path, text, n, at))))
        return hollow("%zd bytes written to %s are not in it", put, path);
    return done("%zd bytes written", put);
}

static int write_file(char **args, int n)
{
    return put(args[0], 0, n > 1 ? args[1] : TEXT);
}

static int append(char **args, int n)
{
    return put(args[0], O_APPEND, n > 1 ? args[1] : TEXT);
}

static int create(char **args, int n)
{
    return put(args[0], O_CREAT | O_EXCL, n > 1 ? args[1] : TEXT);
}

static int overwrite(char **args, int n)
{
    return put(args[0], O_TRUNC, n > 1 ? args[1] : TEXT);
}

static int truncate_it(char **args, int n)
{
    struct stat st;

    (void)n;
    if (truncate(args[0], 0) < 0)
        return refused("truncate %s", args[0]);
    if (stat(args[0], &st) == 0 && st.st_size)
        return hollow("%s has %lld bytes", args[0], (long long)st.st_size);
    return done("0 bytes are left");
}

static int open_for(char **args, int n)
{
    const char *mode = n > 1 ? args[1] : "r";
    int flags = !strcmp(mode, "rw") ? O_RDWR : !strcmp(mode, "w") ? O_WRONLY : O_RDONLY;
    int fd = open(args[0], flags | CALMLY);

    if (fd < 0)
        return refused("open %s for %s", args[0], mode);
    return done("descriptor %d, for %s; nothing was changed", fd, mode);
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static int make_directory(char **args, int n)
{
    (void)n;
    if (mkdir(args[0], 0777) < 0)
        return refused("mkdir %s", args[0]);
    return is_there(args[0]) ? done("made") : hollow("%s is not there", args[0]);
}

static int rename_it(char **args, int n)
{
    (void)n;
    if (rename(args[0], args[1]) < 0)
        return refused("rename %s", args[0]);
    return is_there(args[0]) || !is_there(args[1]) ? hollow("%s is not renamed", args[0]) : done("renamed");
}

/* The way around a rule that names a path: the directory above it gets another name. */
static int read_renamed(char **args, int n)
{
    char text[256];

    (void)n;
    if (rename(args[0], args[1]) < 0)
        return refused("rename %s", args[0]);
    int fd = open(args[2], O_RDONLY | CALMLY), e = errno;
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text);
    e = fd >= 0 && got < 0 ? errno : e;
    rename(args[1], args[0]);
    errno = e;
    return got < 0 ? refused("open %s after the rename", args[2])
                   : done("%zd bytes: %s", got, shown(text, (size_t)got));
}

static int unlink_it(char **args, int n)
{
    (void)n;
    if (unlink(args[0]) < 0)
        return refused("unlink %s", args[0]);
    return is_there(args[0]) ? hollow("%s is still there", args[0]) : done("removed");
}

static int remove_directory(char **args, int n)
{
    (void)n;
    if (rmdir(args[0]) < 0)
        return refused("rmdir %s", args[0]);
    return is_there(args[0]) ? hollow("%s is still there", args[0]) : done("removed");
}

static int symbolic_link(char **args, int n)
{
    (void)n;
    if (symlink(args[0], args[1]) < 0)
        return refused("symlink %s", args[1]);
    return is_there(args[1]) ? done("made") : hollow("%s is not there", args[1]);
}

static int hard_link(char **args, int n)
{
    (void)n;
    if (link(args[0], args[1]) < 0)
        return refused("link %s", args[1]);
    return is_there(args[1]) ? done("made") : hollow("%s is not there", args[1]);
}

static int change_mode(char **args, int n)
{
    mode_t mode = (mode_t)strtoul(args[1], NULL, 8);
    struct stat st;

    (void)n;
    if (chmod(args[0], mode) < 0)
        return refused("chmod %s", args[0]);
    return stat(args[0], &st) == 0 && (st.st_mode & 07777) != mode ? hollow("its mode is %o", st.st_mode & 07777)
                                                                   : done("mode %o", mode);
}

static int change_owner(char **args, int n)
{
    long id;
    struct stat st;

    (void)n;
    if (!number(args[1], &id))
        return USAGE;
    if (chown(args[0], (uid_t)id, (gid_t)-1) < 0)
        return refused("chown %s", args[0]);
    return stat(args[0], &st) == 0 && st.st_uid != (uid_t)id ? hollow("its owner is %u", st.st_uid)
                                                             : done("owner %ld", id);
}

/* What `moat probe --policy` may do in a user's directory: a name that nobody has, and gone again. */
static int create_and_remove(char **args, int n)
{
    char path[4096];

    (void)n;
    if (snprintf(path, sizeof path, "%s/.moat-attempt-XXXXXX", args[0]) >= (int)sizeof path)
        return USAGE;
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return refused("create a file in %s", args[0]);
    close(fd);
    return unlink(path) < 0 ? refused("remove %s again", path) : done("made and removed");
}

/* ---- devices -------------------------------------------------------------------------------------------------- */

static int make_node(char **args, int n)
{
    long major_, minor_;

    (void)n;
    if (!number(args[1], &major_) || !number(args[2], &minor_))
        return USAGE;
    if (mknod(args[0], S_IFCHR | 0666, makedev((unsigned)major_, (unsigned)minor_)) < 0)
        return refused("mknod %s", args[0]);
    int fd = open(args[0], O_RDWR | CALMLY), e = errno;
    unlink(args[0]);
    errno = e;
    return fd < 0 ? refused("open %s", args[0]) : done("made and opened");
}

/* ---- programs ------------------------------------------------------------------------------------------------- */

struct witness {
    const char *path;
    int say, fail;
};

static int be_witness(void *ctx)
{
    const struct witness *w = ctx;
    char word[] = WITNESS;

    dup2(w->say, 1);
    execv(w->path, (char *[]){(char *)(size_t)w->path, word, NULL});
    int e = errno;
    return write(w->fail, &e, sizeof e) == sizeof e ? 1 : 2;
}

bool executes(const char *path)
{
    int say[2], fail[2], e = 0;
    char word[sizeof WITNESS] = "";

    if (pipe2(say, O_CLOEXEC) < 0 || pipe2(fail, O_CLOEXEC) < 0)
        return false;
    pid_t pid = child_begin(be_witness, &(struct witness){path, say[1], fail[1]});
    close(say[1]);
    close(fail[1]);
    bool failed = pid < 0 || read(fail[0], &e, sizeof e) == sizeof e;
    bool said = !failed && read(say[0], word, sizeof word - 1) == sizeof word - 1 && !strcmp(word, WITNESS);
    close(say[0]);
    close(fail[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    errno = failed ? e : 0;
    return said;
}

static int execute(char **args, int n)
{
    (void)n;
    if (executes(args[0]))
        return done("it ran and said so");
    return errno ? refused("execve %s", args[0]) : hollow("%s was executed and did not run", args[0]);
}

static int be_without_memory(void *ctx)
{
    const struct witness *w = ctx;

    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (setrlimit(RLIMIT_AS, &(struct rlimit){0, 0}) == 0)
        execv(w->path, (char *[]){(char *)(size_t)w->path, NULL});
    int e = errno;
    return write(w->fail, &e, sizeof e) == sizeof e ? 1 : 2;
}

/* Whether execve(2) would be let through, without an instruction of the program: with no room for its memory the kernel
 * ends the process behind the check of rights. */
static int may_execute(char **args, int n)
{
    int fds[2], e = 0, status = 0;

    (void)n;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return untried("no pipe");
    pid_t pid = child_begin(be_without_memory, &(struct witness){args[0], -1, fds[1]});
    close(fds[1]);
    bool failed = pid < 0 || read(fds[0], &e, sizeof e) == sizeof e;
    close(fds[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    /* What is no program, or has no room, was let through. */
    if (!failed || e == ENOEXEC || e == ENOMEM || e == E2BIG)
        return done("it would be executed");
    struct stat st;
    if (e == ENOENT && stat(args[0], &st) == 0)
        return done("it would be executed, and its loader or interpreter is not there");
    errno = e;
    return refused("execve %s", args[0]);
}

const struct attempt file_attempts[] = {
    {"read", read_file, "PATH [quiet]", "reads a file"},
    {"list", list_directory, "PATH [quiet]", "lists a directory"},
    {"stat", stat_it, "PATH", "asks for kind and size"},
    {"open", open_for, "PATH [r|w|rw]", "opens what is there, and changes nothing"},
    {"write", write_file, "PATH [TEXT]", "writes into a file that is there"},
    {"append", append, "PATH [TEXT]", "writes at its end"},
    {"overwrite", overwrite, "PATH [TEXT]", "opens it with O_TRUNC and writes"},
    {"truncate", truncate_it, "PATH", "truncate(2) to nothing"},
    {"create", create, "PATH [TEXT]", "makes a file and writes into it"},
    {"create-and-remove", create_and_remove, "DIR", "makes a file of a name that nobody has, and removes it"},
    {"mkdir", make_directory, "PATH", "makes a directory"},
    {"rename", rename_it, "OLD NEW", "renames"},
    {"read-renamed", read_renamed, "OLD NEW PATH", "renames, reads a file by its new path, and renames back"},
    {"unlink", unlink_it, "PATH", "removes a file"},
    {"rmdir", remove_directory, "PATH", "removes a directory"},
    {"symlink", symbolic_link, "TARGET PATH", "makes a symbolic link"},
    {"link", hard_link, "OLD NEW", "makes a hard link"},
    {"chmod", change_mode, "PATH MODE", "changes the mode"},
    {"chown", change_owner, "PATH UID", "changes the owner"},
    {"mknod", make_node, "PATH MAJOR MINOR", "makes a character device, opens it, and removes it"},
    {"execute", execute, "PATH", "runs a copy of moat-attempts, which says that it ran"},
    {"may-execute", may_execute, "PATH", "whether execve(2) lets it through; no instruction of it runs"},
    {NULL},
};
