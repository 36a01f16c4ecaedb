/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles whose entry point is a WebAssembly module: the walls are those that config.json asks for, and inside them
 * moat's engine runs instead of a program. Which bundles those are is said by the annotations that crun's handler knows
 * (run.oci.handler, module.wasm.image/variant).
 */
#include "base/pathtext.h"
#include "boundary/wasm/words.h"
#include "cli/oci.h"
#include "policy/list.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define PAGE        INT64_C(65536)
#define ENGINE_ROOM (INT64_C(4) << 20) /* as behind moat run -b wasm */

static bool ends_in(const char *word, const char *suffix)
{
    size_t n = strlen(word), length = strlen(suffix);

    return n > length && !strcasecmp(word + n - length, suffix);
}

static const char *annotation(const struct policy *p, const char *key)
{
    for (uint32_t i = 0; i < p->n_annotations; i++)
        if (!strcmp(p->annotations[i].key, key))
            return p->annotations[i].value;
    return NULL;
}

static bool is_module(const struct policy *p)
{
    const char *handler = annotation(p, "run.oci.handler"), *variant = annotation(p, "module.wasm.image/variant");
    const char *program = p->process.argv.n ? p->process.argv.v[0] : "";
    const bool looks = ends_in(program, ".wasm") || ends_in(program, ".wat");

    if (handler)
        return !strcmp(handler, "wasm") || (!strcmp(handler, "wasm-smart") && looks);
    return variant && (!strcmp(variant, "compat") || (!strcmp(variant, "compat-smart") && looks));
}

static int put(struct policy *p, struct strv *words, const char *option, const char *value, struct err *err)
{
    if (!value || policy_strv_push(p->arena, words, option) < 0 || policy_strv_push(p->arena, words, value) < 0)
        return err_set(err, -ENOMEM, "no memory for process.args");
    return 0;
}

static int put_limit(struct policy *p, struct strv *words, struct err *err)
{
    const struct opt_i64 *limit = &p->resources.memory.limit;
    int64_t pages = limit->set && limit->v > ENGINE_ROOM ? (limit->v - limit->v / 16 - ENGINE_ROOM) / PAGE : 0;

    if (!limit->set || limit->v <= 0)
        return 0;
    if (pages < 1)
        return err_set(err, -EINVAL, "linux.resources.memory.limit: %" PRId64 " leaves nothing to the module",
                       limit->v);
    return put(p, words, "--pages", arena_printf(p->arena, "%" PRId64, pages < 65536 ? pages : 65536), err);
}

/* The whole root, and the working directory where that is another: there names begin that have no slash, and for a C
 * library, which knows no working directory, all others. */
static int put_command(struct policy *p, struct strv *words, struct err *err)
{
    const char *cwd = p->process.cwd && *p->process.cwd ? p->process.cwd : "/";
    int r = policy_strv_push(p->arena, words, WASM_PROGRAM) < 0 ? err_set(err, -ENOMEM, "no memory for process.args")
                                                                : put(p, words, "--deny-log", "none", err);

    if (r == 0)
        r = policy_strv_push(p->arena, words, "--keep-home");
    if (r == 0)
        r = put_limit(p, words, err);
    if (r == 0)
        r = put(p, words, "--preopen-writable", "/", err);
    if (r == 0 && strcmp(cwd, "/") != 0)
        r = put(p, words, "--preopen-writable", cwd, err);
    if (r == 0)
        r = put(p, words, "--here", cwd, err);
    if (r == 0)
        r = put(p, words, "--module", p->process.argv.v[0], err);
    for (uint32_t i = 0; i < p->process.argv.n && r == 0; i++)
        r = policy_strv_push(p->arena, words, p->process.argv.v[i]);
    return r;
}

/* In procfs lies the memory of the engine, which opens nothing there, by whatever name (src/wasi). So that this is not
 * all that holds, what every bundle has is not even mounted. */
static void take_proc(struct policy *p)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < p->n_mounts; i++) {
        const struct mount_rule *m = &p->mounts[i];
        if (!(m->type && !strcmp(m->type, "proc")) && !path_lies_in(m->destination, "/proc"))
            p->mounts[kept++] = *m;
    }
    p->n_mounts = kept;
}

/* The engine would take the module from this descriptor (src/wasmrun/module_file.h): that is a boundary's to say. */
static void take_handed_over(struct strv *env)
{
    static const char name[] = "MOAT_HANDED_FD=";
    uint32_t kept = 0;

    for (uint32_t i = 0; i < env->n; i++)
        if (strncmp(env->v[i], name, strlen(name)) != 0)
            env->v[kept++] = env->v[i];
    if (kept < env->n)
        env->v[kept] = NULL;
    env->n = kept;
}

int oci_wasm(struct sandbox *sb, struct err *err)
{
    struct policy *p = &sb->policy;
    struct strv words = {0};

    if (!p->has_process || !is_module(p))
        return 0;
    if (!p->process.argv.n)
        return err_set(err, -EINVAL, "process.args: names no module");
    if (ends_in(p->process.argv.v[0], ".wat"))
        return err_set(err, -ENOTSUP, "process.args %s: text is not assembled for a container: wat2wasm",
                       p->process.argv.v[0]);
    int r = put_command(p, &words, err);
    if (r < 0)
        return err->code ? r : err_set(err, r, "no memory for process.args");
    p->process.argv = words;
    take_proc(p);
    take_handed_over(&p->process.env);
    sb->inst.boundary = &boundary_wasm;
    return 0;
}
