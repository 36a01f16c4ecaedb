/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and runs the lines of linux_files_script.h. Knows the kernel's headers only: it runs in guests too. */
#include "linux_files_script.h"

#include "linux/core/modes.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/close_range.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <linux/xattr.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 12
#define ROOM      65536

struct script {
    const struct script_world *world;
    char *log, *room; /* room: scratch memory of the world */
    size_t n, at;
    int fds[128];         /* by letter; -1: none */
    uint64_t inodes[128]; /* `ino` keeps and compares them */
};

static void say(struct script *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct script *s, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    int r = vsnprintf(s->log + s->at, s->n - s->at, format, va);
    va_end(va);
    s->at += r < 0 ? 0 : (size_t)r < s->n - s->at ? (size_t)r : s->n - s->at - 1;
}

/* ---- names of numbers ---- */

struct named {
    const char *name;
    int64_t value;
};
#define N(x)                                                                                                           \
    {                                                                                                                  \
#x, x                                                                                                          \
    }
static const struct named flag_names[] = {N(O_RDONLY),
                                          N(O_WRONLY),
                                          N(O_RDWR),
                                          N(O_CREAT),
                                          N(O_EXCL),
                                          N(O_TRUNC),
                                          N(O_APPEND),
                                          N(O_NONBLOCK),
                                          N(O_DIRECTORY),
                                          N(O_NOFOLLOW),
                                          N(O_CLOEXEC),
                                          N(O_PATH),
                                          N(O_TMPFILE),
                                          N(O_NOATIME),
                                          N(AT_SYMLINK_NOFOLLOW),
                                          N(AT_SYMLINK_FOLLOW),
                                          N(AT_EMPTY_PATH),
                                          N(AT_REMOVEDIR),
                                          N(AT_EACCESS),
                                          N(RENAME_NOREPLACE),
                                          N(RENAME_EXCHANGE),
                                          N(RENAME_WHITEOUT),
                                          N(FALLOC_FL_KEEP_SIZE),
                                          N(FALLOC_FL_PUNCH_HOLE),
                                          N(SEEK_SET),
                                          N(SEEK_CUR),
                                          N(SEEK_END),
                                          N(SEEK_DATA),
                                          N(SEEK_HOLE),
                                          N(F_GETFD),
                                          N(F_SETFD),
                                          N(F_GETFL),
                                          N(F_SETFL),
                                          N(F_DUPFD),
                                          N(F_DUPFD_CLOEXEC),
                                          N(F_GETLK),
                                          N(F_SETLK),
                                          N(F_OFD_SETLK),
                                          N(F_OFD_GETLK),
                                          N(F_RDLCK),
                                          N(F_WRLCK),
                                          N(F_UNLCK),
                                          N(FD_CLOEXEC),
                                          N(F_GET_SEALS),
                                          N(F_ADD_SEALS),
                                          N(XATTR_CREATE),
                                          N(XATTR_REPLACE),
                                          N(RESOLVE_BENEATH),
                                          N(RESOLVE_IN_ROOT),
                                          N(RESOLVE_NO_SYMLINKS),
                                          N(RESOLVE_NO_XDEV),
                                          N(RESOLVE_NO_MAGICLINKS),
                                          N(CLOSE_RANGE_CLOEXEC),
                                          N(S_IFIFO),
                                          N(S_IFREG),
                                          N(S_IFSOCK),
                                          N(S_IFCHR),
                                          N(S_IFDIR),
                                          N(IN_ALL_EVENTS),
                                          N(IN_CREATE),
                                          N(IN_MODIFY),
                                          N(IN_ONLYDIR),
                                          N(IN_DONT_FOLLOW),
                                          N(IN_MASK_ADD),
                                          N(IN_MASK_CREATE),
                                          N(IN_ONESHOT),
                                          N(IN_EXCL_UNLINK),
                                          N(IN_DELETE),
                                          N(IN_ATTRIB),
                                          N(IN_NONBLOCK)};
static const struct named error_names[] = {
    N(EPERM),     N(ENOENT), N(EINTR),   N(EIO),       N(ENXIO),     N(E2BIG),        N(EBADF),  N(EAGAIN),
    N(ENOMEM),    N(EACCES), N(EFAULT),  N(EBUSY),     N(EEXIST),    N(EXDEV),        N(ENODEV), N(ENOTDIR),
    N(EISDIR),    N(EINVAL), N(EMFILE),  N(ENOTTY),    N(ETXTBSY),   N(EFBIG),        N(ENOSPC), N(ESPIPE),
    N(EROFS),     N(EMLINK), N(EPIPE),   N(ERANGE),    N(EDEADLK),   N(ENAMETOOLONG), N(ENOLCK), N(ENOSYS),
    N(ENOTEMPTY), N(ELOOP),  N(ENODATA), N(EOVERFLOW), N(EOPNOTSUPP)};

static const char *error_name(int64_t r, char spare[24])
{
    for (size_t i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++)
        if (error_names[i].value == -r)
            return error_names[i].name;
    snprintf(spare, 24, "errno %d", (int)-r);
    return spare;
}

/* ---- words ---- */

static int64_t digits(const char *p, const char *end, bool *good)
{
    bool minus = *p == '-';
    uint64_t v = 0;
    p += minus;
    int base = p < end && *p == '0' ? 8 : 10;
    *good = p < end;
    for (; p < end; p++) {
        if (*p < '0' || *p >= '0' + base)
            *good = false;
        v = v * (uint64_t)base + (uint64_t)(*p - '0');
    }
    return (int64_t)(minus ? -v : v);
}

/* Numbers (octal after a 0), names, @x, joined by |. */
static bool number(struct script *s, const char *word, int64_t *out)
{
    *out = 0;
    while (*word) {
        const char *end = strchr(word, '|');
        end = end ? end : word + strlen(word);
        bool good = false;
        int64_t v = digits(word, end, &good);
        if (*word == '@' && end == word + 2)
            v = s->fds[(uint8_t)word[1] & 127], good = true;
        if (end - word == 3 && !memcmp(word, "cwd", 3))
            v = AT_FDCWD, good = true;
        for (size_t i = 0; !good && i < sizeof(flag_names) / sizeof(flag_names[0]); i++)
            if (strlen(flag_names[i].name) == (size_t)(end - word) &&
                !memcmp(word, flag_names[i].name, (size_t)(end - word)))
                v = flag_names[i].value, good = true;
        if (!good)
            return false;
        *out |= v;
        word = *end ? end + 1 : end;
    }
    return true;
}

/* A path or bytes: "" is empty, xN*M is N repeated M times, else as it is. */
static char *text(struct script *s, const char *word, size_t *n)
{
    char *to = s->room;
    int times = 0;
    char c = 0;
    if (!strcmp(word, "\"\""))
        word = "";
    if (sscanf(word, "x%c*%d", &c, &times) == 2 && times > 0 && times < ROOM / 2) {
        memset(to, c, (size_t)times);
        *n = (size_t)times;
    } else {
        *n = strlen(word);
        memcpy(to, word, *n);
    }
    to[*n] = 0;
    s->room += (*n + 16) & ~(size_t)15;
    return to;
}

/* ---- calls ---- */

/* What arguments are: p path, n number or flags, b bytes and their number, r room for bytes and its size (the word),
 * s a stat, z room of 4096 without a size, 0 nothing is read: zero. */
struct row {
    const char *name;
    int64_t nr;
    const char *arguments;
    char shows; /* n: the number; b: the bytes in the room; s: the stat; f: a descriptor; 0: success alone */
};

static const struct row rows[] = {
    {"open", __NR_open, "pnn", 'f'},
    {"creat", __NR_creat, "pn", 'f'},
    {"openat", __NR_openat, "npnn", 'f'},
    {"close", __NR_close, "n", 0},
    {"dup", __NR_dup, "n", 'f'},
    {"dup2", __NR_dup2, "nn", 0},
    {"dup3", __NR_dup3, "nnn", 0},
    {"close_range", __NR_close_range, "nnn", 0},
    {"fcntl", __NR_fcntl, "nnn", 'n'},
    {"fcntl_fd", __NR_fcntl, "nnn", 'f'},
    {"read", __NR_read, "nr", 'b'},
    {"write", __NR_write, "nb", 'n'},
    {"pread", __NR_pread64, "nrn", 'b'},
    {"pwrite", __NR_pwrite64, "nbn", 'n'},
    {"lseek", __NR_lseek, "nnn", 'n'},
    {"fsync", __NR_fsync, "n", 0},
    {"stat", __NR_stat, "ps", 's'},
    {"lstat", __NR_lstat, "ps", 's'},
    {"fstat", __NR_fstat, "ns", 's'},
    {"fstatat", __NR_newfstatat, "npsn", 's'},
    {"access", __NR_access, "pn", 0},
    {"faccessat2", __NR_faccessat2, "npnn", 0},
    {"readlink", __NR_readlink, "pr", 'b'},
    {"readlinkat", __NR_readlinkat, "npr", 'b'},
    {"mkdir", __NR_mkdir, "pn", 0},
    {"mkdirat", __NR_mkdirat, "npn", 0},
    {"rmdir", __NR_rmdir, "p", 0},
    {"unlink", __NR_unlink, "p", 0},
    {"unlinkat", __NR_unlinkat, "npn", 0},
    {"link", __NR_link, "pp", 0},
    {"linkat", __NR_linkat, "npnpn", 0},
    {"symlink", __NR_symlink, "pp", 0},
    {"symlinkat", __NR_symlinkat, "pnp", 0},
    {"mknod", __NR_mknod, "pnn", 0},
    {"rename", __NR_rename, "pp", 0},
    {"renameat2", __NR_renameat2, "npnpn", 0},
    {"chmod", __NR_chmod, "pn", 0},
    {"fchmod", __NR_fchmod, "nn", 0},
    {"fchmodat2", 452, "npnn", 0},
    {"chown", __NR_chown, "pnn", 0},
    {"lchown", __NR_lchown, "pnn", 0},
    {"fchown", __NR_fchown, "nnn", 0},
    {"truncate", __NR_truncate, "pn", 0},
    {"ftruncate", __NR_ftruncate, "nn", 0},
    {"fallocate", __NR_fallocate, "nnnn", 0},
    {"copy_file_range", __NR_copy_file_range, "n0n0nn", 'n'},
    {"sendfile", __NR_sendfile, "nn0n", 'n'},
    {"umask", __NR_umask, "n", 'n'},
    {"chdir", __NR_chdir, "p", 0},
    {"fchdir", __NR_fchdir, "n", 0},
    {"chroot", __NR_chroot, "p", 0},
    {"flock", __NR_flock, "nn", 0},
    {"setxattr", __NR_setxattr, "ppbn", 0},
    {"lsetxattr", __NR_lsetxattr, "ppbn", 0},
    {"getxattr", __NR_getxattr, "ppr", 'b'},
    {"removexattr", __NR_removexattr, "pp", 0},
    {"listxattr", __NR_listxattr, "pr", 'n'},
    {"setresuid", __NR_setresuid, "nnn", 0},
    {"setresgid", __NR_setresgid, "nnn", 0},
    {"setgroups", __NR_setgroups, "n0", 0},
    {"setrlimit", __NR_setrlimit, "nq", 0},
    {"ioctl", __NR_ioctl, "nnz", 0},
    {"statfs", __NR_statfs, "pz", 0},
    {"utimensat", __NR_utimensat, "npqn", 0},
    {"inotify_init1", __NR_inotify_init1, "n", 'f'},
    {"inotify_add_watch", __NR_inotify_add_watch, "npn", 'n'},
    {"inotify_rm_watch", __NR_inotify_rm_watch, "nn", 0},
    {"readahead", __NR_readahead, "nnn", 0},
    {"fadvise", __NR_fadvise64, "nnnn", 0},
    {"sync_file_range", __NR_sync_file_range, "nnnn", 0},
};

struct arguments {
    uint64_t v[6];
    uint8_t *room; /* of r, s, z */
    size_t room_size;
};

/* q: four numbers joined by commas, as 64-bit words. */
static uint64_t *quad(struct script *s, const char *word)
{
    uint64_t *q = (uint64_t *)(void *)s->room;
    long long v[4] = {0};
    (void)sscanf(word, "%lld,%lld,%lld,%lld", &v[0], &v[1], &v[2], &v[3]);
    for (int i = 0; i < 4; i++)
        q[i] = (uint64_t)v[i];
    s->room += 4 * sizeof(*q);
    return q;
}

static bool argument(struct script *s, char kind, const char *word, struct arguments *a, int *n)
{
    int64_t v = 0;
    size_t size;
    switch (kind) {
    case 'p':
        a->v[(*n)++] = !strcmp(word, "NULL") ? 0 : (uintptr_t)text(s, word, &size);
        return true;
    case 'b':
        a->v[(*n)++] = (uintptr_t)text(s, word, &size);
        a->v[(*n)++] = size;
        return true;
    case 'q':
        a->v[(*n)++] = !strcmp(word, "NULL") ? 0 : (uintptr_t)quad(s, word);
        return true;
    case 'r':
        if (!number(s, word, &v) || v > ROOM / 2)
            return false;
        a->room = (uint8_t *)s->room, a->room_size = (size_t)v;
        s->room += ((size_t)v + 15) & ~(size_t)15;
        a->v[(*n)++] = (uintptr_t)a->room;
        a->v[(*n)++] = (uint64_t)v;
        return true;
    case 'n':
        if (!number(s, word, &v))
            return false;
        a->v[(*n)++] = (uint64_t)v;
        return true;
    default:
        return false;
    }
}

/* The line's words become arguments; false: it cannot be read. */
static bool collect(struct script *s, const struct row *row, char **words, int n_words, struct arguments *a)
{
    int n = 0, w = 0;
    for (const char *k = row->arguments; *k; k++) {
        if (*k == '0') {
            a->v[n++] = 0;
        } else if (*k == 's' || *k == 'z') {
            a->room = (uint8_t *)s->room, a->room_size = 4096;
            s->room += 4096;
            a->v[n++] = (uintptr_t)a->room;
        } else if (w >= n_words || !argument(s, *k, words[w++], a, &n)) {
            return false;
        }
    }
    return w == n_words;
}

static void show_bytes(struct script *s, const uint8_t *p, int64_t n)
{
    say(s, " %d \"", (int)n);
    for (int64_t i = 0; i < n; i++) {
        int64_t same = 1;
        while (i + same < n && p[i + same] == p[i])
            same++;
        if (same > 8)
            say(s, p[i] >= 32 && p[i] < 127 ? "(%c x %d)" : "(\\%d x %d)", p[i], (int)same), i += same - 1;
        else
            say(s, p[i] >= 32 && p[i] < 127 ? "%c" : "\\%d", p[i]);
    }
    say(s, "\"");
}

static void show_stat(struct script *s, const struct stat *st)
{
    bool directory = (st->st_mode & 0170000) == 0040000;
    say(s, " mode=%o nlink=%d uid=%d gid=%d", st->st_mode, (int)st->st_nlink, (int)st->st_uid, (int)st->st_gid);
    if (!directory)
        say(s, " size=%lld blocks=%lld", (long long)st->st_size, (long long)st->st_blocks);
}

static void show(struct script *s, const struct row *row, int64_t r, const struct arguments *a)
{
    char spare[24];
    if (r < 0)
        say(s, " %s", error_name(r, spare));
    else if (row->shows == 'b')
        show_bytes(s, a->room, r);
    else if (row->shows == 's')
        show_stat(s, (const struct stat *)(const void *)a->room);
    else if (row->shows == 'n')
        say(s, " %lld", (long long)r);
    else
        say(s, " ok");
}

static int64_t call(struct script *s, int64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const uint64_t v[6] = {a, b, c, d};
    return s->world->call(nr, v);
}

/* ---- lines that are more than a call ---- */

struct record {
    uint64_t ino;
    int64_t next;
    uint16_t length;
    uint8_t type;
    char name[];
};

/* ls FD ROOM: all names of a directory from its start, sorted, with their types; ROOM bytes at a time. */
static void do_ls(struct script *s, int64_t fd, int64_t room)
{
    char names[512][24], spare[24];
    int n = 0;
    (void)call(s, __NR_lseek, (uint64_t)fd, 0, 0, 0);
    for (int64_t r; (r = call(s, __NR_getdents64, (uint64_t)fd, (uintptr_t)s->room, (uint64_t)room, 0)) != 0;) {
        if (r < 0) {
            say(s, " %s", error_name(r, spare));
            return;
        }
        for (int64_t at = 0; at < r && n < 512;) {
            const struct record *e = (const void *)(s->room + at);
            snprintf(names[n++], sizeof(names[0]), "%.18s/%d", e->name, e->type);
            at += e->length;
        }
    }
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && strcmp(names[k - 1], names[k]) > 0; k--) {
            char t[24];
            memcpy(t, names[k], 24), memcpy(names[k], names[k - 1], 24), memcpy(names[k - 1], t, 24);
        }
    for (int i = 0; i < n; i++)
        say(s, " %s", names[i]);
}

/* same A B: whether two paths are one inode (links are not followed). */
static void do_same(struct script *s, const char *a, const char *b)
{
    struct stat *st = (struct stat *)(void *)s->room;
    size_t n;
    s->room += 2 * sizeof(*st) + 16;
    int64_t r = call(s, __NR_lstat, (uintptr_t)text(s, a, &n), (uintptr_t)&st[0], 0, 0);
    int64_t q = call(s, __NR_lstat, (uintptr_t)text(s, b, &n), (uintptr_t)&st[1], 0, 0);
    say(s, r || q ? " missing" : st[0].st_ino == st[1].st_ino ? " one" : " two");
}

/* times PATH: its three times, as far as they are set times (seconds below 10^9). */
static void do_times(struct script *s, const char *path)
{
    struct stat *st = (struct stat *)(void *)s->room;
    size_t n;
    char spare[24];
    s->room += sizeof(*st) + 16;
    int64_t r = call(s, __NR_lstat, (uintptr_t)text(s, path, &n), (uintptr_t)st, 0, 0);
    if (r) {
        say(s, " %s", error_name(r, spare));
        return;
    }
    const uint64_t at[] = {st->st_atime, st->st_atime_nsec, st->st_mtime, st->st_mtime_nsec};
    for (int i = 0; i < 4; i += 2) {
        if (at[i] < 1000000000)
            say(s, " %lld.%09lld", (long long)at[i], (long long)at[i + 1]);
        else
            say(s, " now");
    }
}

/* lock FD COMMAND TYPE WHENCE START LENGTH */
static void do_lock(struct script *s, char **w)
{
    struct flock *fl = (struct flock *)(void *)s->room;
    int64_t v[6];
    char spare[24];
    for (int i = 0; i < 6; i++)
        if (!number(s, w[i], &v[i]))
            return;
    s->room += sizeof(*fl) + 16;
    *fl = (struct flock){.l_type = (short)v[2], .l_whence = (short)v[3], .l_start = v[4], .l_len = v[5]};
    int64_t r = call(s, __NR_fcntl, (uint64_t)v[0], (uint64_t)v[1], (uintptr_t)fl, 0);
    if (r < 0)
        say(s, " %s", error_name(r, spare));
    else if (v[1] == F_GETLK || v[1] == F_OFD_GETLK)
        say(s, " type=%d whence=%d start=%lld length=%lld", fl->l_type, fl->l_whence, (long long)fl->l_start,
            (long long)fl->l_len);
    else
        say(s, " ok");
}

/* openat2 DIRFD PATH FLAGS MODE RESOLVE */
static int64_t do_openat2(struct script *s, char **w)
{
    struct open_how *how = (struct open_how *)(void *)s->room;
    int64_t v[5];
    size_t n;
    for (int i = 0; i < 5; i++)
        if (i != 1 && !number(s, w[i], &v[i]))
            return -EINVAL;
    s->room += sizeof(*how) + 16;
    *how = (struct open_how){.flags = (uint64_t)v[2], .mode = (uint64_t)v[3], .resolve = (uint64_t)v[4]};
    return call(s, __NR_openat2, (uint64_t)v[0], (uintptr_t)text(s, w[1], &n), (uintptr_t)how, sizeof(*how));
}

/* events FD: what an inotify instance has, cookies as c (several: c2 and so on). */
static void do_events(struct script *s, int64_t fd)
{
    char spare[24];
    uint32_t cookies[8] = {0};
    for (;;) {
        int64_t r = call(s, __NR_read, (uint64_t)fd, (uintptr_t)s->room, 4096, 0);
        if (r <= 0) {
            say(s, " %s", r ? error_name(r, spare) : "end");
            return;
        }
        for (int64_t at = 0; at < r;) {
            const struct inotify_event *e = (const void *)(s->room + at);
            uint32_t k = 0;
            while (e->cookie && k < 7 && cookies[k] && cookies[k] != e->cookie)
                k++;
            cookies[k] = e->cookie ? e->cookie : cookies[k];
            say(s, " [%d %x %s", e->wd, e->mask, e->len ? e->name : "-");
            if (e->cookie)
                say(s, " c%d", (int)k);
            say(s, " %d]", (int)e->len);
            at += (int64_t)sizeof(*e) + e->len;
        }
    }
}

/* cwd: the last two names of it. */
static void do_cwd(struct script *s)
{
    char spare[24];
    int64_t r = call(s, __NR_getcwd, (uintptr_t)s->room, 4096, 0, 0);
    if (r < 0) {
        say(s, " %s", error_name(r, spare));
        return;
    }
    const char *last = strrchr(s->room, '/');
    say(s, " %s", last ? last : s->room);
}

static bool special(struct script *s, const char *name, char **w, int n, int64_t *fd)
{
    int64_t v, room;
    char spare[24];
    if (!strcmp(name, "ls") && n == 2 && number(s, w[0], &v) && number(s, w[1], &room))
        do_ls(s, v, room);
    else if (!strcmp(name, "events") && n == 1 && number(s, w[0], &v))
        do_events(s, v);
    else if (!strcmp(name, "same") && n == 2)
        do_same(s, w[0], w[1]);
    else if (!strcmp(name, "times") && n == 1)
        do_times(s, w[0]);
    else if (!strcmp(name, "lock") && n == 6)
        do_lock(s, w);
    else if (!strcmp(name, "cwd") && n == 0)
        do_cwd(s);
    else if (!strcmp(name, "openat2") && n == 5) {
        *fd = do_openat2(s, w);
        say(s, " %s", *fd < 0 ? error_name(*fd, spare) : "ok");
    } else
        return false;
    return true;
}

/* ---- a line ---- */

static int split(char *line, char **words)
{
    int n = 0;
    for (char *p = line; n < WORDS_MAX;) {
        while (*p == ' ')
            p++;
        if (!*p)
            break;
        words[n++] = p;
        while (*p && *p != ' ')
            p++;
        if (*p)
            *p++ = 0;
    }
    return n;
}

static void run_line(struct script *s, const char *line)
{
    char copy[512], *words[WORDS_MAX];
    char *room = s->room;
    say(s, "%s:", line);
    snprintf(copy, sizeof(copy), "%s", line);
    int n = split(copy, words), first = n > 2 && !strcmp(words[1], "=") ? 2 : 0;
    int64_t r = -1;
    const struct row *row = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!strcmp(rows[i].name, words[first]))
            row = &rows[i];
    struct arguments a = {0};
    if (special(s, words[first], words + first + 1, n - first - 1, &r)) {
        ;
    } else if (!row || !collect(s, row, words + first + 1, n - first - 1, &a)) {
        say(s, " CANNOT BE READ");
    } else {
        r = s->world->call(row->nr, a.v);
        show(s, row, r, &a);
    }
    if (first)
        s->fds[(uint8_t)words[0][0] & 127] = r < 0 ? -1 : (int)r;
    say(s, "\n");
    s->room = room;
}

void script_run(const struct script_world *world, const char *const *lines, char *log, size_t n)
{
    struct script s = {.world = world, .log = log, .n = n, .room = world->memory(4 * ROOM)};
    log[0] = 0;
    for (int i = 0; i < 128; i++)
        s.fds[i] = -1;
    for (; *lines; lines++) {
        if (**lines == '#')
            say(&s, "%s\n", *lines);
        else
            run_line(&s, *lines);
    }
}
