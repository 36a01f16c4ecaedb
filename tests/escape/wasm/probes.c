/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile module tries with WASI's functions. Built for WASI it must get nothing; built for the host with
 * naive.c each must succeed. A probe makes one attempt and says what it saw; it judges nothing.
 *
 *   probes list                        NAME  token|-  WHAT
 *   probes FACT=VALUE... NAME          ESCAPED|held NAME DETAIL
 *
 * Facts: granted= (may be written), readable= (may be read), secret= (a file in a directory beside both, which is
 * called canaries), outside= (the inode of the directory that holds all three). It undoes what it changes, but in
 * granted.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TO_LIST      (ALL & ~(u64)WRITE) /* a directory is not opened for writing */
#define ALL          UINT64_C(0x3fffffff)
#define FOLLOW       1
#define DIRECTORY    2
#define ARRAY_LEN(a) (sizeof(a) / sizeof *(a))
enum { READ = 2, WRITE = 64, READDIR = 1 << 14 };

struct probe {
    const char *name;
    int (*run)(const struct probe *p); /* 0: it got something, and detail says what; else an errno */
    int token;                         /* an escape with the secret in it alone */
    const char *what, *arg, *second;
    u32 number;
};

static char detail[300];
static char **facts;
static u32 granted, readable, result;

static const char *fact(const char *name)
{
    size_t n = strlen(name);

    for (char **f = facts; *f; f++)
        if (!strncmp(*f, name, n) && (*f)[n] == '=')
            return *f + n + 1;
    return "";
}

static int got(const char *what)
{
    snprintf(detail, sizeof detail, "%s", what);
    return 0;
}

static u32 text(const char *s)
{
    u32 here = room((u32)strlen(s) + 1);

    memcpy(at(here), s, strlen(s) + 1);
    return here;
}

#define PATH(s) text(s), (u32)strlen(s)

static u32 value(void)
{
    u32 v;

    memcpy(&v, at(result), sizeof v);
    return v;
}

static u32 vector(u32 buffer, u32 size)
{
    static u32 v;
    u32 pair[2] = {buffer, size};

    if (!v)
        v = room(sizeof pair);
    memcpy(at(v), pair, sizeof pair);
    return v;
}

static int open_at(u32 dir, const char *path, u32 lookup, u32 oflags, u64 rights, u32 *fd)
{
    int r = w_path_open(dir, lookup, PATH(path), oflags, rights, ALL, 0, result);

    *fd = value();
    return r;
}

static int show(u32 fd)
{
    static u32 buffer;

    if (!buffer)
        buffer = room(256);
    int r = w_fd_pread(fd, vector(buffer, 255), 1, 0, result);

    if (r)
        r = w_fd_read(fd, vector(buffer, 255), 1, result);
    if (r)
        return r;
    if (!value())
        return ENOENT;
    at(buffer)[value()] = 0;
    at(buffer)[strcspn((char *)at(buffer), "\n")] = 0;
    return got((char *)at(buffer));
}

static int show_path(u32 dir, const char *path)
{
    u32 fd;
    int r = open_at(dir, path, FOLLOW, 0, READ, &fd);

    return r ? r : show(fd);
}

static int put(u32 fd)
{
    int r = w_fd_write(fd, vector(text("+"), 1), 1, result);

    return r ? r : got("a byte was written");
}

/* ---- names that lead out ---------------------------------------------------------------------------------------- */

static int by_path(const struct probe *p)
{
    return show_path(granted, p->arg ? p->arg : fact("secret"));
}

static int by_directory(const struct probe *p)
{
    u32 dir;
    int r = open_at(granted, p->arg, FOLLOW, DIRECTORY, TO_LIST, &dir);

    return r ? r : show_path(dir, p->second);
}

/* A directory is opened far down and then moved up: what is above it is another one then. */
static int by_moved_directory(const struct probe *p)
{
    u32 dir;

    (void)p;
    w_path_create_directory(granted, PATH("deep"));
    w_path_create_directory(granted, PATH("deep/down"));
    int r = open_at(granted, "deep/down", FOLLOW, DIRECTORY, TO_LIST, &dir);
    if (!r)
        r = w_path_rename(granted, PATH("deep/down"), granted, PATH("up"));
    return r ? r : show_path(dir, "../../canaries/secret");
}

static int by_made_link(const struct probe *p)
{
    const char *to = p->arg ? p->arg : fact("secret");

    w_path_unlink_file(granted, PATH("made"));
    int r = w_path_symlink(PATH(to), granted, PATH("made"));
    return r ? r : show_path(granted, p->second);
}

static int by_name(const struct probe *p)
{
    w_path_unlink_file(granted, PATH("name"));
    int r = w_path_link(granted, p->number, PATH(p->arg), granted, PATH("name"));
    return r ? r : show_path(granted, "name");
}

static int by_move(const struct probe *p)
{
    int r = w_path_rename(granted, PATH(p->arg), granted, PATH("moved"));

    if (r)
        return r;
    r = show_path(granted, p->second);
    w_path_rename(granted, PATH("moved"), granted, PATH(p->arg));
    return r;
}

static int move_out(const struct probe *p)
{
    int r = w_path_rename(granted, PATH("file"), granted, PATH("../canaries/moved"));

    (void)p;
    if (!r)
        w_path_rename(granted, PATH("../canaries/moved"), granted, PATH("file"));
    return r ? r : got("a file was moved out");
}

static int look(const struct probe *p)
{
    int r = p->number ? w_path_readlink(granted, PATH(p->arg), room(256), 256, result)
                      : w_path_filestat_get(granted, FOLLOW, PATH(p->arg), room(64));

    return r ? r : got("it is there");
}

static int make_outside(const struct probe *p)
{
    const char *name = "../canaries/made";
    u32 fd;
    int r = p->number == 0   ? w_path_create_directory(granted, PATH(name))
            : p->number == 1 ? w_path_symlink(PATH("x"), granted, PATH(name))
            : p->number == 2 ? open_at(granted, name, 0, 1, READ | WRITE, &fd)
                             : w_path_link(granted, 0, PATH("file"), granted, PATH(name));

    if (!r && p->number == 0)
        w_path_remove_directory(granted, PATH(name));
    else if (!r)
        w_path_unlink_file(granted, PATH(name));
    return r ? r : got("a name was made outside");
}

static int times(const struct probe *p)
{
    int r = w_path_filestat_set_times(p->number ? readable : granted, FOLLOW, PATH(p->arg), 0, 1000000000, 4);

    return r ? r : got("its times were changed");
}

static int above(const struct probe *p)
{
    u32 buffer = room(4096);
    int r = w_fd_readdir(granted, buffer, 4096, 0, result);
    u64 inode;
    u32 length;

    (void)p;
    for (u32 i = 0; !r && i + 24 <= value(); i += 24 + length) {
        memcpy(&inode, at(buffer) + i + 8, sizeof inode);
        memcpy(&length, at(buffer) + i + 16, sizeof length);
        if (inode == strtoull(fact("outside"), NULL, 10))
            return got("the directory above is told");
    }
    return r ? r : ENOENT;
}

/* ---- what is granted for reading alone ----------------------------------------------------------------------------
 */

static int write_readable(const struct probe *p)
{
    u32 fd;
    int r = open_at(readable, p->arg, FOLLOW, p->number, READ | WRITE, &fd);

    return r ? r : put(fd);
}

/* Opened for reading, with rights that were not asked for. */
static int raise_readable(const struct probe *p)
{
    u32 fd;
    int r = open_at(readable, "file", FOLLOW, 0, p->number ? TO_LIST : READ, &fd);

    if (r)
        return r;
    if (p->number == 0) {
        r = w_fd_fdstat_set_rights(fd, ALL, ALL);
#ifndef __wasm__
        fd = (u32)openat((int)readable, "file", O_RDWR); /* as rights, which Linux has not, would do it */
#endif
        return r ? r : put(fd);
    }
#ifndef __wasm__
    fd = (u32)openat((int)readable, "file", O_RDWR);
#endif
    r = p->number == 1 ? w_fd_filestat_set_size(fd, 5) : w_fd_allocate(fd, 0, 5);
    return r ? r : got("its size was set");
}

static int directory_of_readable(const struct probe *p)
{
    u32 dir, fd;
    int r = open_at(readable, "sub", FOLLOW, DIRECTORY, TO_LIST, &dir);

    (void)p;
    if (!r)
        w_fd_fdstat_set_rights(dir, ALL, ALL);
    if (!r)
        r = open_at(dir, "made", 0, 1, READ | WRITE, &fd);
    if (!r)
        w_path_unlink_file(dir, PATH("made"));
    return r ? r : got("a file was made in it");
}

static int link_readable(const struct probe *p)
{
    u32 fd;

    w_path_unlink_file(granted, PATH("name"));
    int r = p->number ? w_path_symlink(PATH("../readable/file"), granted, PATH("name"))
                      : w_path_link(readable, 0, PATH("file"), granted, PATH("name"));
    if (!r)
        r = open_at(granted, "name", FOLLOW, 0, READ | WRITE, &fd);
    r = r ? r : put(fd);
    w_path_unlink_file(granted, PATH("name"));
    return r;
}

static int change_readable(const struct probe *p)
{
    int r = p->number ? w_path_unlink_file(readable, PATH("spare"))
                      : w_path_rename(readable, PATH("file"), granted, PATH("moved"));

    if (!r && !p->number)
        w_path_rename(granted, PATH("moved"), readable, PATH("file"));
    return r ? r : got("a name of it is gone");
}

/* ---- descriptors --------------------------------------------------------------------------------------------------
 */

/* All numbers, and the largest: of those that are open none but the granted ones may give anything. */
static int guess(const struct probe *p)
{
    int error = EBADF;

    for (u32 i = 3; i <= 4096 + 4; i++) {
        u32 fd = i <= 4096 ? i : (const u32[]){0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff}[i - 4097];
        int r = p->number ? show_path(fd, fact("secret") + 1) : show(fd);
        if (!r && strstr(detail, "moat-canary"))
            return 0;
        if (r != error && r)
            error = r;
    }
    return error;
}

/* What is given another number stays what it was. */
static int renumber(const struct probe *p)
{
    u32 fd, number = p->number ? 0 : granted;
    int r = w_fd_renumber(readable, number);

    if (!r)
        r = open_at(number, "made", 0, 1, READ | WRITE, &fd);
    if (!r)
        w_path_unlink_file(number, PATH("made"));
    return r ? r : got("by another number it can be changed");
}

static int stream(const struct probe *p)
{
    if (p->number & 1)
        w_fd_fdstat_set_rights(p->number >> 1, ALL, ALL);
    return p->number >> 1 ? show(p->number >> 1) : put(0);
}

static int stream_renumbered(const struct probe *p)
{
    int r = w_fd_renumber(2, 0);

    (void)p;
    return r ? r : show(0);
}

/* ---- what is to be seen --------------------------------------------------------------------------------------------
 */

static int place(const struct probe *p)
{
    char buffer[64] = "";
    int fd = open(p->arg, p->number ? O_RDONLY | O_DIRECTORY : O_RDONLY);

    if (fd < 0)
        return errno;
    if (!p->number && read(fd, buffer, sizeof buffer - 1) < 0)
        return errno;
    return got(p->arg);
}

static int environment(const struct probe *p)
{
    (void)p;
    return getenv("MOAT_CANARY") ? got(getenv("MOAT_CANARY")) : ENOENT;
}

static const struct probe probes[] = {
    {"dot-dot", by_path, 1, "..", "../canaries/secret"},
    {"dot-dot-inside", by_path, 1, ".. behind a directory", "sub/../../canaries/secret"},
    {"dot-dot-many", by_path, 1, ".. and . and /", "sub/.//./..//../canaries/./secret"},
    {"absolute", by_path, 1, "the secret's own name"},
    {"link-found", by_path, 1, "a link that lies there", "absolute"},
    {"link-relative", by_path, 1, "a relative one", "relative"},
    {"link-chain", by_path, 1, "a link to a link", "chain"},
    {"door", by_path, 1, "a link to a directory", "door/secret"},
    {"door-dot", by_path, 1, "the same, and a .", "door/./../canaries/secret"},
    {"denied", by_path, 1, "what is denied in it", "denied/key"},
    {"denied-link", by_path, 1, "a link to that", "to-denied"},
    {"denied-dot-dot", by_path, 1, "that behind ..", "sub/../denied/key"},
    {"below", by_directory, 1, ".. from a directory below", "sub", "../../canaries/secret"},
    {"below-up", by_directory, 1, "the directory above, opened", "..", "canaries/secret"},
    {"below-door", by_directory, 1, "a directory behind a link, opened", "door", "secret"},
    {"below-denied", by_directory, 1, "a denied directory, opened", "denied", "key"},
    {"below-moved", by_moved_directory, 1, ".. from one that was moved up"},
    {"made-link", by_made_link, 1, "a link of its own", "../canaries/secret", "made"},
    {"made-link-absolute", by_made_link, 1, "an absolute one", NULL, "made"},
    {"made-door", by_made_link, 1, "a link of its own to a directory", "../canaries", "made/secret"},
    {"made-up", by_made_link, 1, "a link of its own to what is above", "..", "made/canaries/secret"},
    {"made-to-denied", by_made_link, 1, "a link of its own to what is denied", "denied/key", "made"},
    {"name-outside", by_name, 1, "a second name for the secret", "../canaries/secret"},
    {"name-link", by_name, 1, "a second name for what a link leads to", "absolute", .number = FOLLOW},
    {"name-denied", by_name, 1, "a second name for what is denied", "denied/key"},
    {"move-in", by_move, 1, "moves the secret in", "../canaries/secret", "moved"},
    {"move-denied", by_move, 1, "moves what is denied", "denied", "moved/key"},
    {"move-out", move_out, 0, "moves a file out"},
    {"look", look, 0, "asks whether the secret is there", "../canaries/secret"},
    {"look-link", look, 0, "the same through a link", "absolute"},
    {"look-denied", look, 0, "asks for what is denied", "denied/key"},
    {"read-link", look, 0, "reads a link outside", "../canaries/link", .number = 1},
    {"make-directory", make_outside, 0, "makes a directory outside"},
    {"make-link", make_outside, 0, "makes a link outside", .number = 1},
    {"make-file", make_outside, 0, "makes a file outside", .number = 2},
    {"make-name", make_outside, 0, "gives a file of its own a name outside", .number = 3},
    {"times-outside", times, 0, "changes the times of the secret", "../canaries/secret"},
    {"times-link", times, 0, "the same through a link", "absolute"},
    {"above", above, 0, "the inode of the directory above"},

    {"readable-write", write_readable, 0, "opens for writing what is to be read", "file"},
    {"readable-truncate", write_readable, 0, "the same, and empty", "spare", .number = 8},
    {"readable-create", write_readable, 0, "makes a file beside it", "made", .number = 1},
    {"readable-rights", raise_readable, 0, "raises the rights of what it reads"},
    {"readable-size", raise_readable, 0, "sets its size", .number = 1},
    {"readable-allocate", raise_readable, 0, "allocates", .number = 2},
    {"readable-inherit", directory_of_readable, 0, "wants rights for what is below"},
    {"readable-link", link_readable, 0, "links it to where it may write"},
    {"readable-symlink", link_readable, 0, "reaches it by a link from where it may write", .number = 1},
    {"readable-move", change_readable, 0, "moves it to where it may write"},
    {"readable-times", times, 0, "changes its times", "file", .number = 1},
    {"readable-unlink", change_readable, 0, "removes a name", .number = 1},

    {"guess", guess, 1, "reads from every number"},
    {"guess-directory", guess, 1, "opens the secret beneath every number", .number = 1},
    {"renumber", renumber, 0, "gives what is to be read the number of what may be written"},
    {"renumber-input", renumber, 0, "gives it the number of its input", .number = 1},
    {"input-write", stream, 0, "writes into its input"},
    {"input-rights", stream, 0, "the same with all rights asked for", .number = 1},
    {"errors-read", stream, 1, "reads where its errors go", .number = 4},
    {"errors-rights", stream, 1, "the same with all rights asked for", .number = 5},
    {"errors-renumbered", stream_renumbered, 1, "the same under the number of its input"},

    {"device", by_path, 0, "reads a device that lies there", "device"},
    {"see-environment", environment, 1, "looks into the caller's environment"},
    {"see-status", place, 0, "/proc/self/status", "/proc/self/status"},
    {"see-maps", place, 0, "/proc/self/maps", "/proc/self/maps"},
    {"see-first", place, 0, "/proc/1/cmdline", "/proc/1/cmdline"},
    {"see-descriptors", place, 0, "/proc/self/fd", "/proc/self/fd", .number = 1},
    {"see-sys", place, 0, "/sys", "/sys/kernel", .number = 1},
    {"see-dev", place, 0, "/dev", "/dev", .number = 1},
    {"see-zero", place, 0, "/dev/zero", "/dev/zero"},
    {"see-passwords", place, 0, "/etc/passwd", "/etc/passwd"},
    {"see-programs", place, 0, "/usr/bin", "/usr/bin", .number = 1},
    {"see-temporary", place, 0, "/tmp", "/tmp", .number = 1},
    {"see-home", place, 0, "/root", "/root", .number = 1},
};

static void list(void)
{
    for (size_t i = 0; i < ARRAY_LEN(probes); i++)
        printf("%s\t%s\t%s\n", probes[i].name, probes[i].token ? "token" : "-", probes[i].what);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[argc - 1] : "list";

    if (!strcmp(name, "list"))
        return list(), 0;
    facts = argv + 1;
    result = room(16);
    granted = (u32)granted_directory(fact("granted"));
    readable = (u32)granted_directory(fact("readable"));
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        if (strcmp(name, probes[i].name) != 0)
            continue;
        int r = probes[i].run(&probes[i]);
        return r ? printf("held %s %s\n", name, strerror(r)) < 0 : printf("ESCAPED %s %s\n", name, detail) < 0;
    }
    return fprintf(stderr, "no probe is called %s\n", name), 64;
}
