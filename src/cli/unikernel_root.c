/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See unikernel_root.h. The process that packs reads a root that may be hostile, and is shut in (src/unikernel): it is
 * given the root to read and one file without a name to write. What it wrote is an image as any: whoever runs it checks
 * it, and nothing in it is acted on here.
 */
#include "cli/unikernel_root.h"
#include "classcache/cache.h"
#include "host/helper.h"
#include "host/openat2.h"
#include "linux/fs/imgfs_format.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PACK_MS    600000
#define DEPTH_MOST 128
#define PACKER     "moat-pack"
#define KERNEL     "moat-kernel.elf"
#define BUILT_IN   "busybox" /* of the images, the one that lies beside the executable */

/* ---- which root ---------------------------------------------------------------------------------------------------
 */

static int find_directory(struct arena *a, const char *word, struct unikernel_root *out, struct err *err)
{
    char real[PATH_MAX];

    if (!realpath(word, real))
        return err_sys(err, -errno, "%s", word);
    out->path = arena_strdup(a, real);
    return out->path ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int unikernel_root_find(struct arena *a, const char *word, struct unikernel_root *out, struct err *err)
{
    const char *built_in;
    struct stat st;

    *out = (struct unikernel_root){.image = {.dir_fd = -1}, .store = {.fd = -1, .images_fd = -1, .refs_fd = -1}};
    if (strchr("./", *word))
        return stat(word, &st) == 0 && S_ISDIR(st.st_mode) ? find_directory(a, word, out, err)
                                                           : err_set(err, -ENOENT, "%s: no directory", word);
    int r = store_open(&out->store, a, NULL, false, err);
    if (r == 0 && (r = store_resolve(&out->store, word, &out->image, err)) == 0) {
        out->path = out->image.rootfs;
        out->id = out->image.id;
        return 0;
    }
    store_close(&out->store);
    if (r == -ENOENT && !strcmp(word, BUILT_IN) && share_find(a, BUILT_IN, &built_in, &(struct err){0}) == 0) {
        *err = (struct err){0};
        return find_directory(a, built_in, out, err);
    }
    return r;
}

void unikernel_root_close(struct unikernel_root *r)
{
    cleanup_fd(&r->image.dir_fd);
    r->image.dir_fd = -1;
    store_close(&r->store);
}

/* ---- what it depends on -------------------------------------------------------------------------------------------
 */

static int key_of_entry(struct class_key *k, int dir, const char *name, unsigned depth);

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

static int add_name(char ***names, size_t *n, const char *name)
{
    char **more = *n & (*n - 1) ? *names : realloc(*names, (*n ? *n * 2 : 1) * sizeof(char *));

    if (more)
        *names = more;
    if (!more || !(more[*n] = strdup(name)))
        return -ENOMEM;
    ++*n;
    return 0;
}

static int read_names(int fd, char ***names, size_t *n)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *e;

    if (!dir)
        return -errno;
    while (r == 0 && (errno = 0, e = readdir(dir)))
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            r = add_name(names, n, e->d_name);
    if (r == 0)
        r = -errno;
    closedir(dir);
    return r;
}

static int key_of_directory(struct class_key *k, int fd, unsigned depth)
{
    char **names = NULL;
    size_t n = 0;
    int r = depth < DEPTH_MOST ? read_names(fd, &names, &n) : -ELOOP;

    if (n)
        qsort(names, n, sizeof(char *), by_name);
    for (size_t i = 0; i < n; i++) {
        if (r == 0)
            r = key_of_entry(k, fd, names[i], depth);
        free(names[i]);
    }
    free(names);
    return r;
}

/* Which file it is now: its times of change tell a file that was written from one that was not. */
static int key_of_entry(struct class_key *k, int dir, const char *name, unsigned depth)
{
    struct stat st;
    char text[160];

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    snprintf(text, sizeof text, "%o %u %u %llu %llu %lld.%09ld %lld.%09ld", st.st_mode, st.st_uid, st.st_gid,
             (unsigned long long)st.st_ino, (unsigned long long)(S_ISDIR(st.st_mode) ? 0 : st.st_size),
             (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    class_key_text(k, name, text);
    if (!S_ISDIR(st.st_mode))
        return 0;
    _cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = fd < 0 ? -errno : key_of_directory(k, fd, depth + 1);
    class_key_text(k, "end", name);
    return r;
}

static int key_of(struct arena *a, const struct unikernel_root *root, char key[CLASS_KEY_SIZE], struct err *err)
{
    const char *packer, *kernel;
    struct class_key k;
    int r = libexec_find(a, PACKER, &packer, err);

    if (r < 0)
        return r;
    kernel = arena_printf(a, "%.*s/" KERNEL, (int)(strrchr(packer, '/') - packer), packer);
    class_key_begin(&k);
    class_key_text(&k, "root", root->id ? root->id : root->path);
    r = kernel ? class_key_file(&k, packer) : -ENOMEM;
    if (r == 0)
        r = class_key_file(&k, kernel);
    if (r == 0 && !root->id)
        r = key_of_entry(&k, AT_FDCWD, root->path, 0);
    class_key_end(&k, key);
    return r < 0 ? err_sys(err, r, "look through %s", root->path) : 0;
}

/* ---- packing ------------------------------------------------------------------------------------------------------
 */

static int run_packer(struct arena *a, const struct unikernel_root *root, int out, struct err *err)
{
    char program[] = PACKER, what[] = "pack-root", *argv[] = {program, what, NULL}, magic[8];
    _cleanup_fd_ int dir = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *path;
    int status = 0;
    pid_t pid;
    int r = dir < 0 ? err_sys(err, -errno, "%s", root->path) : libexec_find(a, PACKER, &path, err);

    if (r < 0)
        return r;
    r = helper_spawn(path, argv, (struct helper_fd[]){{out, 1}, {2, 2}, {dir, 3}}, 3, &pid);
    if (r == 0)
        r = helper_wait_for(pid, PACK_MS, &status);
    if (r < 0)
        return err_sys(err, r, "%s", path);
    if (WIFSIGNALED(status))
        return err_set(err, -ECONNABORTED, "%s: moat-pack was ended by signal %d%s", root->path, WTERMSIG(status),
                       WTERMSIG(status) == SIGSYS ? " (a forbidden system call): the root is hostile" : "");
    if (WEXITSTATUS(status) || pread(out, magic, sizeof magic, 0) != sizeof magic ||
        memcmp(magic, IMAGE_MAGIC, sizeof magic))
        return err_set(err, -ENOEXEC, "%s: it could not be packed", root->path);
    return fchmod(out, 0400) < 0 ? err_sys(err, -errno, "keep the packed root") : 0;
}

static int make(const struct class_cache *c, struct arena *a, const struct unikernel_root *root, const char *key,
                struct err *err)
{
    char name[NAME_MAX], self[64];
    const char *path;
    _cleanup_fd_ int file = openat(c->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (file < 0)
        return err_sys(err, -errno, "%s: a file without a name cannot be made in it", c->path);
    if (isatty(2))
        fprintf(stderr, "packing %s, once\n", root->path);
    int r = run_packer(a, root, file, err);
    if (r < 0)
        return r;
    snprintf(name, sizeof name, "%s%s", key, c->suffix);
    snprintf(self, sizeof self, "/proc/self/fd/%d", file);
    r = linkat(AT_FDCWD, self, c->fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
    /* What has its name and is not used (another's, or writable for others) makes room; one just made is as good. */
    if (r == -EEXIST && class_cache_find(c, a, key, &path) != CLASS_CACHE_READY) {
        unlinkat(c->fd, name, 0);
        r = linkat(AT_FDCWD, self, c->fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
    }
    if (r < 0 && r != -EEXIST)
        return err_sys(err, r, "%s/%s", c->path, name);
    class_cache_trim(c, CLASS_CACHE_MOST);
    return 0;
}

int unikernel_root_pack(struct arena *a, const struct unikernel_root *root, const char **file, struct err *err)
{
    char key[CLASS_KEY_SIZE];
    struct class_cache c;
    int r = key_of(a, root, key, err);

    if (r < 0)
        return r;
    if ((r = class_cache_open_kind(&c, CLASS_CACHE_UNIKERNEL, a, true, err)) < 0)
        return err->code ? r : err_sys(err, r, "no place to keep packed roots: set MOAT_CACHE_DIR");
    if (class_cache_find(&c, a, key, file) != CLASS_CACHE_READY && (r = make(&c, a, root, key, err)) == 0 &&
        class_cache_find(&c, a, key, file) != CLASS_CACHE_READY)
        r = err_set(err, -EFBIG,
                    "%s: packed it is larger than what is kept (%llu MiB): moat pack packs a program of it", root->path,
                    CLASS_ARCHIVE_MOST >> 20);
    class_cache_close(&c);
    return r;
}

/* ---- a program of it ----------------------------------------------------------------------------------------------
 */

/* 0, -ENOENT, -EACCES. */
static int look(int root, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    struct stat st;
    _cleanup_fd_ int fd = openat2_scoped(root, path, &how);

    if (fd < 0)
        return fd == -ENOTDIR ? -ENOENT : fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) && st.st_mode & 0111 ? 0 : -EACCES;
}

int unikernel_root_program(struct arena *a, const struct unikernel_root *root, const char *word, const char *path,
                           const char *cwd, const char **out, struct err *err)
{
    _cleanup_fd_ int fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -errno : -ENOENT, worst = -ENOENT;

    if (fd < 0)
        return err_sys(err, r, "%s", root->path);
    if (strchr(word, '/')) {
        *out = *word == '/' ? word : arena_printf(a, "%s/%s", cwd[1] ? cwd : "", word);
        r = *out ? look(fd, *out) : -ENOMEM;
    }
    for (size_t n; !strchr(word, '/') && *path && r < 0; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        *out = *path == '/' ? arena_printf(a, "%.*s/%s", (int)n, path, word) : NULL;
        r = *out ? look(fd, *out) : -ENOENT;
        worst = r == -EACCES ? r : worst;
    }
    r = r == -ENOENT ? worst : r;
    return r < 0 ? err_set(err, r, "exec: \"%s\": %s", word,
                           r == -EACCES ? "permission denied" : "executable file not found in the root's $PATH")
                 : 0;
}
