/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See packed_root.h. The process that packs reads a root that may be hostile, and is shut in (src/unikernel,
 * src/bootfile): it is given the root to read and one file without a name to write. What it wrote is an image as any:
 * whoever runs it checks it, and nothing in it is acted on here.
 */
#include "cli/packed_root.h"
#include "cli/kept_file.h"
#include "cli/run_options.h"
#include "host/helper.h"
#include "host/openat2.h"
#include "image/users.h"
#include "policy/list.h"

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
#define USUAL_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define BUILT_IN   "busybox" /* of the images, the one that lies beside the executable */

/* ---- which root ---------------------------------------------------------------------------------------------------
 */

static int find_directory(struct arena *a, const char *word, struct packed_root *out, struct err *err)
{
    char real[PATH_MAX];

    if (!realpath(word, real))
        return err_sys(err, -errno, "%s", word);
    out->path = arena_strdup(a, real);
    return out->path ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int packed_root_find(struct arena *a, const char *word, struct packed_root *out, struct err *err)
{
    const char *built_in;
    struct stat st;

    *out = (struct packed_root){.image = {.dir_fd = -1}, .store = {.fd = -1, .images_fd = -1, .refs_fd = -1}};
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

void packed_root_close(struct packed_root *r)
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

static int key_of(struct arena *a, const struct packing *how, const struct packed_root *root, char key[CLASS_KEY_SIZE],
                  struct err *err)
{
    const char *packer, *beside = "";
    struct class_key k;
    int r = libexec_find(a, how->packer, &packer, err);

    if (r < 0)
        return r;
    if (how->beside)
        beside = arena_printf(a, "%.*s/%s", (int)(strrchr(packer, '/') - packer), packer, how->beside);
    class_key_begin(&k);
    class_key_text(&k, "root", root->id ? root->id : root->path);
    r = beside ? class_key_file(&k, packer) : -ENOMEM;
    if (r == 0 && how->beside)
        r = class_key_file(&k, beside);
    if (r == 0 && !root->id)
        r = key_of_entry(&k, AT_FDCWD, root->path, 0);
    class_key_end(&k, key);
    return r < 0 ? err_sys(err, r, "look through %s", root->path) : 0;
}

/* ---- packing ------------------------------------------------------------------------------------------------------
 */

struct packer {
    struct arena *arena;
    const struct packing *how;
    const struct packed_root *root;
};

static int run_packer(void *context, int out, struct err *err)
{
    const struct packer *p = context;
    const struct packing *how = p->how;
    const char *root = p->root->path, *path;
    char *argv[] = {arena_strdup(p->arena, how->packer), arena_strdup(p->arena, how->verb),
                    how->option ? arena_strdup(p->arena, how->option) : NULL, NULL};
    char begins[16];
    _cleanup_fd_ int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = 0;
    pid_t pid;
    int r = dir < 0 ? err_sys(err, -errno, "%s", root) : libexec_find(p->arena, how->packer, &path, err);

    if (r < 0 || !argv[0] || !argv[1] || (how->option && !argv[2]))
        return r < 0 ? r : err_set(err, -ENOMEM, "out of memory");
    r = helper_spawn(path, argv, (struct helper_fd[]){{out, 1}, {2, 2}, {dir, 3}}, 3, &pid);
    if (r == 0)
        r = helper_wait_for(pid, PACK_MS, &status);
    if (r < 0)
        return err_sys(err, r, "%s", path);
    if (WIFSIGNALED(status))
        return err_set(err, -ECONNABORTED, "%s: %s was ended by signal %d%s", root, how->packer, WTERMSIG(status),
                       WTERMSIG(status) == SIGSYS ? " (a forbidden system call): the root is hostile" : "");
    if (WEXITSTATUS(status) || how->n_begins > sizeof begins ||
        pread(out, begins, how->n_begins, 0) != (ssize_t)how->n_begins || memcmp(begins, how->begins, how->n_begins))
        return err_set(err, -ENOEXEC, "%s: it could not be packed", root);
    return 0;
}

int packed_root_pack(struct arena *a, const struct packing *how, const struct packed_root *root, const char **file,
                     struct err *err)
{
    struct packer packer = {a, how, root};
    const struct keeping keeping = {.kind = how->kind,
                                    .doing = arena_printf(a, "packing %s", root->path),
                                    .source = root->path,
                                    .write = run_packer,
                                    .context = &packer};
    char key[CLASS_KEY_SIZE];
    int r = key_of(a, how, root, key, err);

    return r < 0 ? r : kept_file(a, &keeping, key, file, err);
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

int packed_root_program(struct arena *a, const struct packed_root *root, const char *word, const char *path,
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

/* ---- what it says of itself ----------------------------------------------------------------------------------------
 */

int packed_root_user(struct run_options *run, const struct packed_root *root, struct user_rule *user, struct err *err)
{
    const char *text = run->build.user ? run->build.user : root->id ? root->image.config.user : NULL;
    _cleanup_fd_ int fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? err_sys(err, -errno, "%s", root->path) : users_resolve(run->policy.arena, fd, text, user, err);

    return r < 0 ? r : steal_fd(&fd);
}

int packed_root_config(struct run_options *run, const struct packed_root *root, const char *word, struct strv *words,
                       struct err *err)
{
    static const struct image_config none;
    const struct image_config *c = root->id ? &root->image.config : &none;
    struct policy_build *b = &run->build;
    struct policy *p = b->p;
    const bool own_entry = policy_flag_given(b, FLAG_ENTRYPOINT);
    struct strv env = {0};
    int r = 0;

    for (uint32_t i = 0; i < c->env.n && r == 0; i++)
        r = policy_env_set(p->arena, &env, c->env.v[i]);
    for (uint32_t i = 0; i < p->process.env.n && r == 0; i++)
        r = policy_env_set(p->arena, &env, p->process.env.v[i]);
    if (r == 0 && !policy_env_get(&env, "PATH"))
        r = policy_env_set(p->arena, &env, USUAL_PATH);
    p->process.env = env;
    if (!policy_flag_given(b, FLAG_WORKDIR) && c->working_dir && *c->working_dir)
        p->process.cwd = c->working_dir;
    for (uint32_t i = 0; i < (own_entry ? b->entrypoint.n : c->entrypoint.n) && r == 0; i++)
        r = policy_strv_push(p->arena, words, own_entry ? b->entrypoint.v[i] : c->entrypoint.v[i]);
    for (int i = 0; i < run->n_command && r == 0; i++)
        r = policy_strv_push(p->arena, words, run->command[i]);
    for (uint32_t i = 0; i < c->cmd.n && r == 0 && !run->n_command && !own_entry; i++)
        r = policy_strv_push(p->arena, words, c->cmd.v[i]);
    if (r < 0)
        return policy_no_memory(err);
    return words->n ? 0
                    : err_set(err, -EINVAL, "no command: neither %s nor you name one: moat run -b %s %s COMMAND", word,
                              run->boundary, word);
}
