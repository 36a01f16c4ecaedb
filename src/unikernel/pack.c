/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat pack`: an unmodified program and the files that it needs become one image. Reads what the caller may read,
 * writes one file. The command line is written by src/cli/pack.c.
 */
#include "base/pathtext.h"
#include "guest/unikernel/layout.h"
#include "unikernel/cache.h"
#include "unikernel/libraries.h"
#include "unikernel/options.h"
#include "unikernel/program.h"
#include "unikernel/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRIPTS_MOST 5 /* as the kernel follows interpreters of interpreters */
#define USUAL_PATH   "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct pack {
    struct arena *a;
    struct image im;
    struct source source;
    struct libraries libraries;
    struct maker_options options;
};

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

static int read_options(struct pack *p, int argc, char **argv, struct err *err)
{
    const struct maker_options *o = &p->options;
    int r = maker_options_read(p->a, argc, argv, &p->options, err);

    p->im.cwd = o->cwd, p->im.jit = o->jit, p->im.memory = o->memory;
    if (r == 0 && (!o->program || !o->output))
        return err_set(err, -EINVAL, "--program and --output are needed");
    return r;
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

/* Whether it is a file that may be executed. */
static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 0111;
}

/* As a shell would find it. */
static int find_program(struct pack *p, struct err *err)
{
    const char *list = policy_env_get(&p->options.env, "PATH");
    char cwd[PATH_MAX];

    if (!strchr(p->options.program, '/')) {
        list = list ? list : getenv("PATH") ? getenv("PATH") : USUAL_PATH;
        for (size_t n; *list; list += n + (list[n] == ':')) {
            n = strcspn(list, ":");
            p->im.path = arena_printf(p->a, "%.*s/%s", (int)n, list, p->options.program);
            if (p->im.path && *p->im.path == '/' && is_program(p->im.path))
                return 0;
        }
        return err_set(err, -ENOENT, "%s: there is no program of that name in PATH", p->options.program);
    }
    if (*p->options.program != '/' && !getcwd(cwd, sizeof cwd))
        return err_set(err, -EINVAL, "%s: name it from the root on", p->options.program);
    const char *whole =
        *p->options.program == '/' ? p->options.program : arena_printf(p->a, "%s/%s", cwd, p->options.program);
    char *clean = whole ? arena_alloc(p->a, strlen(whole) + 2) : NULL;
    if (!clean || path_text_clean(whole, clean, strlen(whole) + 2) < 0)
        return no_memory(err);
    p->im.path = clean;
    return 0;
}

/* "#! INTERPRETER ARG": NULL where it is no script. */
static const char *interpreter_of(struct pack *p, const struct tree_node *node)
{
    char line[256] = "";
    _cleanup_fd_ int fd = node->file->host ? source_open(node->file) : -1;

    if (fd < 0 || read(fd, line, sizeof line - 1) < 3 || line[0] != '#' || line[1] != '!')
        return NULL;
    char *name = line + 2 + strspn(line + 2, " \t");
    name[strcspn(name, " \t\n")] = 0;
    return *name == '/' ? arena_strdup(p->a, name) : NULL;
}

static int check_elf(const struct elf_facts *f, const char *path, struct err *err)
{
    if (f->fixed && (f->low < TEXT_LOW || f->high > IMAGE_LOW))
        return err_set(err, -ENOEXEC,
                       "%s: it is linked at fixed addresses from 0x%llx to 0x%llx; in an image it has to lie between "
                       "0x%x and 0x%x: link it with -pie",
                       path, (unsigned long long)f->low, (unsigned long long)f->high, TEXT_LOW, IMAGE_LOW);
    for (unsigned i = 0; i < f->n_loads; i++)
        if ((f->loads[i].prot & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
            return err_set(err, -ENOEXEC,
                           "%s: its segment %u is writable and executable at once, which nothing is here", path, i);
    if (f->executable_stack)
        fprintf(stderr, "moat pack: %s asks for a stack that is executable, which it does not get\n", path);
    return 0;
}

static int check_program(const struct tree_node *node, const char *path, struct err *err)
{
    const struct tree_file *f = node->file;
    struct stat st = {0};
    struct elf_facts facts;

    if (!S_ISREG(f->mode))
        return err_set(err, -EACCES, "%s: it is no file", path);
    if (!(f->mode & 0111))
        return err_set(err, -EACCES, "%s: it may not be executed: chmod +x", path);
    if (f->mode & (S_ISUID | S_ISGID) || (f->host && stat(f->host, &st) == 0 && st.st_mode & (S_ISUID | S_ISGID)) ||
        (!f->host && stat(path, &st) == 0 && st.st_ino == f->ino && st.st_mode & (S_ISUID | S_ISGID)))
        return err_set(err, -EPERM,
                       "%s: it is a set-user-ID or set-group-ID program, which has no other user's rights "
                       "in an image: pack a copy without that bit",
                       path);
    if (f->bytes && !f->elf)
        return elf_facts_read(f->bytes, f->size, &facts, err) < 0 ? err_wrap(err, "%s", path) : 0;
    return f->elf ? check_elf(f->elf, path, err) : 0;
}

/* The program at a path, with the interpreter and the libraries it asks for; *out is the ELF file that will run. */
static int take_program(struct pack *p, const char *path, struct tree_node **out, struct err *err)
{
    for (int i = 0; i < SCRIPTS_MOST; i++) {
        int r = source_take(&p->source, path, out, err);
        if (r < 0 || (r = check_program(*out, path, err)) < 0)
            return r;
        if ((*out)->file->elf)
            return libraries_take(&p->libraries, *out, err) < 0 ? err_wrap(err, "%s", path) : 0;
        const char *next = interpreter_of(p, *out);
        if (!next)
            return err_set(err, -ENOEXEC, "%s: it is neither an ELF file nor a script that names its interpreter",
                           path);
        path = next;
    }
    return err_set(err, -ELOOP, "%s: its interpreter is a script, and so is that one's", p->options.program);
}

/* ---- what is added ----------------------------------------------------------------------------------------------- */

/* Programs and plugins that were added need libraries as well. */
static int take_all_libraries(struct pack *p, const struct tree_node *dir, struct err *err)
{
    int r = 0;

    for (const struct tree_node *c = dir->children; c && r == 0; c = c->next) {
        const struct elf_facts *f = c->file->elf;
        if (S_ISDIR(c->file->mode))
            r = take_all_libraries(p, c, err);
        else if (f && (f->n_needed || f->interpreter))
            r = libraries_take(&p->libraries, c, err);
    }
    return r;
}

/* What one run of it uses on this host. */
static int take_traced(struct pack *p, const struct tree_node *program, struct err *err)
{
    struct traced traced = {0};
    struct tree_node *node;
    struct stat st;
    int r;

    if (stat(p->im.path, &st) < 0)
        return err_sys(err, -errno, "%s", p->im.path);
    if ((r = trace_run(p->a, p->options.traced, st.st_dev, st.st_ino, &traced, err)) < 0)
        return err_wrap(err, "--trace");
    if (!traced.ran)
        return err_set(err, -ENOENT,
                       "--trace: the command has ended, with status %d, without running %s: name that very file in it",
                       traced.status, p->im.path);
    if (traced.status)
        fprintf(stderr, "moat pack: --trace: the command has ended with status %d\n", traced.status);
    for (uint32_t i = 0; i < traced.paths.n && r == 0; i++)
        if (strcmp(traced.paths.v[i], "/etc/ld.so.cache"))
            r = source_take_if_there(&p->source, traced.paths.v[i], &node, err);
    return r;
}

static int take_files(struct pack *p, const struct tree_node *program, struct err *err)
{
    struct tree_node *node;
    int r = 0;

    if (p->options.traced)
        r = take_traced(p, program, err);
    for (uint32_t i = 0; i < p->options.add.n && r == 0; i++)
        r = program_add(&p->source, p->options.add.v[i], err);
    if (r == 0 && (p->options.add.n || p->options.traced))
        r = take_all_libraries(p, p->im.tree.root, err);
    if (r == 0 && libraries_has(&p->libraries, "libc.so.6")) /* by pthread_exit(3) and pthread_cancel(3) */
        r = libraries_take_known(&p->libraries, program, "libgcc_s.so.1", err);
    if (r == 0)
        r = cache_make(&p->libraries, &p->im.tree, err);
    if (r == 0)
        r = expected_files(&p->im.tree, err);
    if (r == 0)
        r = expected_from(
            &p->source, libraries_has(&p->libraries, "libssl.so") || libraries_has(&p->libraries, "libgnutls.so"), err);
    return r == 0 ? tree_directory(&p->im.tree, p->im.cwd, 0755, &node, err) : r;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void progress(void *ctx, const struct tree *t)
{
    static uint64_t said;

    if (t->bytes - said < (UINT64_C(1) << 20))
        return;
    said = t->bytes;
    fprintf(stderr, "\r\033[Kreading: %u names, %llu MiB", t->n_names, (unsigned long long)(t->bytes >> 20));
    (void)ctx;
}

static int set_start(struct pack *p, struct err *err)
{
    const char *first = strchr(p->options.program, '/') ? p->im.path : p->options.program;
    int r = policy_strv_push(p->a, &p->im.args, first);

    for (uint32_t i = 0; i < p->options.words.n && r == 0; i++)
        r = policy_strv_push(p->a, &p->im.args, p->options.words.v[i]);
    if (r == 0 && !policy_env_get(&p->options.env, "PATH"))
        r = policy_env_set(p->a, &p->options.env, "PATH=" USUAL_PATH);
    if (r == 0 && !policy_env_get(&p->options.env, "HOME"))
        r = policy_env_set(p->a, &p->options.env, "HOME=/root");
    p->im.env = p->options.env;
    return r < 0 ? no_memory(err) : 0;
}

/* A dynamic program is mapped with all that it needs, before others are looked at. */
static int map_all(struct pack *p, const struct tree_node *program, struct err *err)
{
    p->im.program = program;
    return image_map(&p->im, program->file->elf->interpreter ? &p->libraries : NULL, err);
}

static int pack(struct pack *p, struct err *err)
{
    struct tree_node *program;
    int r;

    p->im.arena = p->a;
    p->source.path = "";
    p->source.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (p->source.root < 0)
        return err_sys(err, -errno, "open /");
    p->source.tree = &p->im.tree;
    p->libraries =
        (struct libraries){.source = &p->source, .library_path = policy_env_get(&p->options.env, "LD_LIBRARY_PATH")};
    if (!p->options.kernel && !(p->options.kernel = program_beside(p->a, "moat-kernel.elf")))
        return no_memory(err);
    if ((r = kernel_read(&p->im.kernel, p->a, p->options.kernel, err)) < 0 ||
        (r = tree_init(&p->im.tree, p->a, program_epoch(), err)) < 0 || (r = find_program(p, err)) < 0 ||
        (r = take_program(p, p->im.path, &program, err)) < 0 || (r = map_all(p, program, err)) < 0 ||
        (r = take_files(p, program, err)) < 0 || (r = set_start(p, err)) < 0)
        return r;
    p->im.dynamic = program->file->elf->interpreter || p->options.add.n || p->options.traced;
    if (p->source.progress)
        fputs("\r\033[K", stderr);
    return image_finish(&p->im, p->options.output, p->options.quiet, err);
}

int pack_main(struct arena *a, int argc, char **argv)
{
    struct pack *p = arena_alloc(a, sizeof *p);
    struct err err = {0};

    if (!p) {
        no_memory(&err);
        return program_fail("pack", &err);
    }
    p->a = a;
    int r = read_options(p, argc, argv, &err);
    if (r == 0 && !p->options.quiet && isatty(2))
        p->source.progress = progress;
    if (r == 0)
        r = pack(p, &err);
    if (r < 0 && p->source.progress)
        fputs("\r\033[K", stderr);
    return r < 0 ? program_fail("pack", &err) : 0;
}
