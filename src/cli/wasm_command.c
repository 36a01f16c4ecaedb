/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of libexec/moat-wasm (src/wasmrun/README.md), from the policy and the options. Pure, but for looks
 * at what rules name. */
#include "base/kernelfs.h"
#include "base/pathtext.h"
#include "boundary/wasm/words.h"
#include "cli/engine_command.h"
#include "cli/keep_out.h"
#include "cli/program.h"
#include "cli/wasm.h"
#include "cli/wasm_cache.h"
#include "confine/paths.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE INT64_C(65536)
/* Of the limit this is left to the engine, the module's code and what WASI holds: a memory that grows to its own limit
 * gets an error, not the end of the process. */
#define ENGINE_ROOM  (INT64_C(4) << 20)
#define ENGINE_SHARE 16
#define CHANGES      (PATH_WRITE | PATH_CREATE)

/* A directory that the program is given. */
struct preopen {
    const char *path;
    bool writable;
};

struct preopens {
    struct preopen *v;
    uint32_t n;
};

/* ---- rules, for the words about denials ---------------------------------------------------------------------------
 */

static int put_rule(struct policy *p, const struct path_rule *rule, struct err *err)
{
    const char *inside = strcmp(rule->guest, WASM_ROOT_PLACE) ? rule->guest : "/";

    return engine_put_path(p, rule, rule->access, inside, err);
}

static bool is_fresh(const struct mount_rule *m)
{
    return !m->bind && m->type && !strcmp(m->type, "tmpfs") && !path_lies_in(m->destination, "/dev");
}

static int put_rules(struct policy *p, struct err *err)
{
    int r = 0;

    for (uint32_t i = 0; i < p->n_paths && r == 0; i++)
        if (!p->paths[i].optional)
            r = put_rule(p, &p->paths[i], err);
    for (uint32_t i = 0; i < p->n_mounts && r == 0; i++)
        if (is_fresh(&p->mounts[i]))
            r = engine_put_place(p, "rwc", p->mounts[i].destination, true, err);
    return r;
}

/* ---- directories ------------------------------------------------------------------------------------------------- */

static int add_preopen(struct policy *p, struct preopens *list, const char *path, bool writable, struct err *err)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (!strcmp(list->v[i].path, path)) {
            list->v[i].writable |= writable;
            return 0;
        }
    struct preopen *one = path ? policy_list_push(p->arena, &list->v, &list->n, sizeof *one) : NULL;
    if (!one)
        return policy_no_memory(err);
    *one = (struct preopen){path, writable};
    return 0;
}

/* In procfs lies the engine's own memory, and in its kin nothing that is a file. The engine opens nothing there anyway;
 * it is told before. */
static int check_host(const struct path_rule *rule, struct err *err)
{
    struct stat st, top;
    int error;

    _cleanup_fd_ int fd = open(rule->host, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) /* whoever mounts it says so */
        return 0;
    const char *kernels = kernelfs_of(fd, &error);
    if (kernels)
        return err_set(err, -EINVAL, "%s: it lies in the kernel's file system %s, of which a module is given nothing",
                       rule->host, kernels);
    if (stat("/", &top) == 0 && st.st_dev == top.st_dev && st.st_ino == top.st_ino)
        return err_set(err, -EINVAL,
                       "%s: the whole root directory holds the kernel's /proc, of which a module is given nothing: "
                       "name the directories that it needs",
                       rule->host);
    return 0;
}

/* WASI gives directories alone. The one that holds a file holds in the sandbox's own root nothing but what is granted.
 */
static int add_rule(struct policy *p, struct preopens *list, const struct path_rule *rule, struct err *err)
{
    struct stat st;
    const char *slash = strrchr(rule->guest, '/'), *path = rule->guest;

    if (rule->optional || rule->verdict != PATH_ALLOW)
        return 0;
    int r = check_host(rule, err);
    if (r < 0)
        return r;
    if (stat(rule->host, &st) == 0 && !S_ISDIR(st.st_mode))
        path = slash == rule->guest ? "/" : arena_strndup(p->arena, rule->guest, (size_t)(slash - rule->guest));
    return path ? add_preopen(p, list, path, rule->access & CHANGES, err) : policy_no_memory(err);
}

static int find_preopens(struct policy *p, struct preopens *list, struct err *err)
{
    int r = 0;

    for (uint32_t i = 0; i < p->n_paths && r == 0; i++)
        r = add_rule(p, list, &p->paths[i], err);
    for (uint32_t i = 0; i < p->n_mounts && r == 0; i++)
        if (is_fresh(&p->mounts[i]))
            r = add_preopen(p, list, p->mounts[i].destination, true, err);
    return r;
}

static int put_preopen(struct policy *p, const char *path, bool writable, struct err *err)
{
    return engine_put(p, writable ? "--preopen-writable" : "--preopen", path, err);
}

/*
 * Names that are in none of the directories begin in the last one. It is the working directory, where something in it,
 * or it itself, is shown: so relative names mean what they mean outside. Else it is the sandbox's own root, which holds
 * nothing but what is shown; without it a C library would not even ask for a file, and nobody be told what was denied.
 * Where nothing is shown it answers for names alone, and is no descriptor otherwise.
 */
static int put_preopens(struct policy_build *b, const struct wasm_options *o, struct err *err)
{
    struct policy *p = b->p;
    struct preopens list = {0};
    bool here = policy_flag_given(b, FLAG_WORKDIR), writable = false, root = false;
    int r = find_preopens(p, &list, err);

    const char *directory = policy_flag_given(b, FLAG_WORKDIR) ? p->process.cwd : program_directory(p, b->cwd);
    for (uint32_t i = 0; i < list.n && r == 0; i++) {
        root |= !strcmp(list.v[i].path, WASM_ROOT_PLACE);
        bool above = path_lies_in(directory, list.v[i].path), below = path_lies_in(list.v[i].path, directory);
        here |= above || below;
        r = put_preopen(p, list.v[i].path, list.v[i].writable, err);
    }
    p->process.cwd = here ? directory : "/";
    if (r < 0 || root)
        return r < 0 ? r : engine_put(p, "--root", WASM_ROOT_PLACE, err);
    for (uint32_t i = 0; i < list.n; i++)
        writable |= list.v[i].writable &&
                    (path_lies_in(list.v[i].path, p->process.cwd) || path_lies_in(p->process.cwd, list.v[i].path));
    if (r == 0 && !list.n && !here) /* a listener is to be descriptor 3, as programs expect */
        r = o->listen.n ? 0 : engine_put(p, "--preopen-names", p->process.cwd, err);
    else if (r == 0)
        r = put_preopen(p, p->process.cwd, writable, err);
    return r == 0 ? engine_put(p, "--here", directory, err) : r;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int put_limits(struct policy *p, const struct wasm_options *o, struct err *err)
{
    const struct opt_i64 *limit = &p->resources.memory.limit;
    int r = 0;

    if (limit->set && limit->v > 0) {
        int64_t pages = (limit->v - limit->v / ENGINE_SHARE - ENGINE_ROOM) / PAGE;
        if (pages < 1)
            return err_set(err, -EINVAL, "--memory: %" PRId64 " bytes leave nothing to the module: 5m is the least",
                           limit->v);
        r = engine_put(p, "--pages", arena_printf(p->arena, "%" PRId64, pages < 65536 ? pages : 65536), err);
    }
    if (r == 0)
        r = engine_put_given(p, "--file-size", o->file_size, err);
    if (r == 0 && p->timeout_ms)
        r = engine_put(p, "--timeout", arena_printf(p->arena, "%" PRId64, p->timeout_ms), err);
    return r;
}

/* The name of the module that a text stands for: a file of this process's, so for one start. */
static int assemble(struct arena *a, const struct wasm_options *o, const char **host, struct err *err)
{
    if (o->kept)
        return err_set(err, -EINVAL, "%s: text is assembled for a run in the foreground: wat2wasm %s", o->module,
                       o->module);
    int fd = wasm_assemble(*host, o->module, err);
    if (fd < 0)
        return fd;
    *host = arena_printf(a, "/proc/self/fd/%d", fd);
    return *host ? 0 : policy_no_memory(err);
}

/* Its name on the host, which moat opens at each start: the module is handed over, and not shown. */
static int find_module(struct policy_build *b, const struct wasm_options *o, const char **host, struct err *err)
{
    const char *module = o->module;
    struct arena *a = b->p->arena;
    struct stat st;
    const char *path = *module == '/' ? module : arena_printf(a, "%s/%s", b->cwd[1] ? b->cwd : "", module);
    const char *clean = path ? flag_path_clean(a, path) : NULL;

    if (!clean)
        return policy_no_memory(err);
    if (stat(path, &st) < 0)
        return err_set(err, -ENOENT, "exec: \"%s\": no such file or directory", module);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EACCES, "exec: \"%s\": it is no file", module);
    if (access(path, R_OK) < 0)
        return err_set(err, -EACCES, "exec: \"%s\": permission denied", module);
    const struct path_rule *rule = paths_find(b->p, clean);
    if (rule && rule->verdict == PATH_DENY)
        return err_set(err, -EACCES, "exec: \"%s\": the policy denies it (rule %s)", module, rule->guest);
    *host = path;
    return o->runs && wasm_is_text(module) ? assemble(a, o, host, err) : 0;
}

int wasm_find(struct policy_build *b, const struct wasm_options *o, char *const *arguments, int n, struct err *err)
{
    struct policy *p = b->p;
    const char *module = NULL, *image = NULL;
    int r = o->module ? find_module(b, o, &module, err) : 0;

    p->process.argv = (struct strv){0};
    if (r == 0 && module)
        r = keep_out_of_caches(b, err); /* before the rules are written down: a denial is told then */
    if (r < 0 || (r = engine_put(p, NULL, WASM_PROGRAM, err)) < 0 ||
        (r = engine_put_given(p, "--engine", o->engine, err)) < 0 ||
        (r = engine_put_given(p, "--fuel", o->fuel, err)) < 0 ||
        (r = engine_put_given(p, "--clock", o->clock, err)) < 0 ||
        (r = engine_put_given(p, "--seed", o->seed, err)) < 0 ||
        (r = engine_put_given(p, "--invoke", o->invoke, err)) < 0 ||
        (r = engine_put_given(p, "--deny-log", o->tell, err)) < 0 ||
        (policy_env_get(&p->process.env, "HOME") && (r = engine_put(p, NULL, "--keep-home", err)) < 0) ||
        (r = put_limits(p, o, err)) < 0 || (r = put_rules(p, err)) < 0 || (r = put_preopens(b, o, err)) < 0)
        return r;
    if (module && o->runs && !o->kept && !o->fuel && !(o->engine && !strcmp(o->engine, "interpreter")))
        wasm_cache_find(p->arena, module, &image);
    for (uint32_t i = 0; i < o->listen.n && r == 0; i++)
        r = engine_put(p, "--listen", o->listen.v[i], err);
    if (r < 0 || (r = engine_put_given(p, "--image", image, err)) < 0)
        return r;
    if (module && (r = engine_put(p, "--module", module, err)) == 0)
        r = engine_put(p, NULL, o->module, err);
    for (int i = 0; i < n && r == 0; i++)
        r = engine_put(p, NULL, arguments[i], err);
    policy_mounts_sort(p, 0);
    return r;
}
