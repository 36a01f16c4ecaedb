/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat build --unikernel`: C source becomes a static-PIE program against musl's libc.a, with a kernel that has the
 * system calls which that program can make and no others (numbers.h). Runs musl-gcc and ld as whoever calls it, in a
 * directory of its own that is removed at the end. The command line is written by src/cli/pack.c.
 */
#include "base/io.h"
#include "base/pathtext.h"
#include "unikernel/numbers.h"
#include "unikernel/options.h"
#include "unikernel/program.h"
#include "unikernel/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM_MOST ((size_t)256 << 20)
#define SCRIPT       "kernel.ld"
#define ARCHIVE      "libmoat-kernel.a"

struct build {
    struct arena *a;
    struct image im;
    struct source source;
    struct maker_options options;
    const char *dir;
};

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

static int read_options(struct build *b, int argc, char **argv, struct err *err)
{
    const struct maker_options *o = &b->options;
    int r = maker_options_read(b->a, argc, argv, &b->options, err);

    b->im.cwd = o->cwd, b->im.jit = o->jit, b->im.memory = o->memory;
    if (r == 0 && (!o->sources.n || !o->output))
        return err_set(err, -EINVAL, "--source and --output are needed");
    return r;
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static const char *in_dir(struct build *b, const char *name)
{
    return arena_printf(b->a, "%s/%s", b->dir, name);
}

/* musl-gcc of Debian takes -static-pie for a dynamic program, so the parts are named. */
static int compile(struct build *b, const char *out, struct err *err)
{
    static const char *const before[] = {"musl-gcc",
                                         "-Os",
                                         "-std=gnu17",
                                         "-fPIE",
                                         "-ffunction-sections",
                                         "-fdata-sections",
                                         "-fno-asynchronous-unwind-tables",
                                         "-fno-stack-protector"};
    static const char *const link[] = {"-static", "-nostartfiles",
                                       "-Wl,-pie,--no-dynamic-linker,-z,text,--gc-sections,--build-id=none",
                                       "-Wl,-z,noseparate-code,-z,norelro,--hash-style=gnu,-z,max-page-size=4096"};
    struct strv argv = {0};
    const char *lib;
    int r = tools_musl(b->a, &lib, err);

    for (size_t i = 0; i < ARRAY_LEN(before) && r == 0; i++)
        r = policy_strv_push(b->a, &argv, before[i]);
    for (uint32_t i = 0; i < b->options.flags.n && r == 0; i++)
        r = policy_strv_push(b->a, &argv, b->options.flags.v[i]);
    for (size_t i = 0; i < ARRAY_LEN(link) && r == 0; i++)
        r = policy_strv_push(b->a, &argv, link[i]);
    if (r == 0)
        r = policy_strv_push(b->a, &argv, arena_printf(b->a, "%s/rcrt1.o", lib));
    if (r == 0)
        r = policy_strv_push(b->a, &argv, arena_printf(b->a, "%s/crti.o", lib));
    for (uint32_t i = 0; i < b->options.sources.n && r == 0; i++)
        r = policy_strv_push(b->a, &argv, b->options.sources.v[i]);
    if (r == 0 && (r = policy_strv_push(b->a, &argv, arena_printf(b->a, "%s/crtn.o", lib))) == 0 &&
        (r = policy_strv_push(b->a, &argv, "-o")) == 0)
        r = policy_strv_push(b->a, &argv, out);
    if (r == -ENOMEM)
        return no_memory(err);
    return r < 0 ? r : tools_run(b->a, argv.v, "Debian package musl-tools", err);
}

/* Without symbols, once its numbers are known. */
static int strip(struct build *b, const char *program, struct err *err)
{
    char tool[] = "strip", all[] = "--strip-all", sections[] = "--remove-section=.comment", *name;

    if (!(name = arena_strdup(b->a, program)))
        return no_memory(err);
    return tools_run(b->a, (char *[]){tool, all, sections, name, NULL}, "Debian package binutils", err);
}

static int find_numbers(struct build *b, const char *program, struct numbers *out, struct err *err)
{
    struct elf_facts facts;
    char *text;
    size_t n;
    int r = io_read_file(b->a, AT_FDCWD, program, PROGRAM_MOST, &text, &n);

    if (r < 0)
        return err_sys(err, r, "read %s", program);
    if ((r = elf_facts_read((const uint8_t *)text, n, &facts, err)) < 0)
        return r;
    return numbers_find(b->a, (const uint8_t *)text, n, &facts, out, err);
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

static const char *handler(const struct build *b, const struct numbers *numbers, int i)
{
    return tools_handler_name(i, numbers->calls, b->im.ready);
}

/* A table of handlers with these and no others, in the place of the whole kernel's (src/linux/core/handlers.c): the
 * first is nobody, and a byte for each number says which of them serves it. */
static int write_table(struct build *b, const struct numbers *numbers, const char *path, struct err *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    int end = 0, at = 0;

    if (!f)
        return no_memory(err);
    for (int i = 0; i < NUMBERS_CALLS; i++)
        end = handler(b, numbers, i) ? i + 1 : end;
    fputs(".section .rodata.call_handlers,\"a\"\n.globl call_handlers, call_handlers_n, call_index\n", f);
    fprintf(f, ".balign 8\ncall_handlers: .quad 0\n");
    for (int i = 0; i < end; i++) /* weak: one that no room has is answered by ENOSYS */
        if (handler(b, numbers, i))
            fprintf(f, ".weak sys_%s\n.quad sys_%s\n", handler(b, numbers, i), handler(b, numbers, i));
    fprintf(f, "call_handlers_n: .long %d\ncall_index:\n", end);
    for (int i = 0; i < end; i++)
        fprintf(f, ".byte %d\n", handler(b, numbers, i) ? ++at : 0);
    fputs(".section .note.GNU-stack,\"\",@progbits\n", f);
    fclose(f);
    int r = io_replace_file(AT_FDCWD, path, text, n, 0600);
    free(text);
    return r < 0 ? err_sys(err, r, "write %s", path) : 0;
}

/* Whether the program may have memory with a name, or that it shares: guest/unikernel/memobj.c. */
static bool makes_objects(const struct build *b, const struct numbers *numbers)
{
    for (int i = 0; i < NUMBERS_CALLS; i++) {
        const char *name = handler(b, numbers, i);
        if (name && (!strcmp(name, "mmap") || !strcmp(name, "memfd_create") || !strcmp(name, "shmget")))
            return true;
    }
    return false;
}

/* Small parts of the kernel, each in an archive of its own, in front of the one that has the whole ones: what is
 * defined already is not taken from there. 0, -ENOMEM. */
static int link_alone(struct build *b, const struct numbers *numbers, struct strv *argv)
{
    const char *name;
    unsigned at = 0;
    int r = 0;

    while (r == 0 && (name = tools_alone(&at, numbers->calls, b->im.ready))) {
        const char *file = arena_printf(b->a, "libmoat-%s.a", name), *path = file ? program_beside(b->a, file) : NULL;
        if (!path)
            return -ENOMEM;
        if ((r = policy_strv_push(b->a, argv, "-u")) == 0 && (r = policy_strv_push(b->a, argv, name)) == 0)
            r = policy_strv_push(b->a, argv, path);
    }
    return r;
}

static int link_kernel(struct build *b, const struct numbers *numbers, const char *out, struct err *err)
{
    static const char *const options[] = {
        "-static", "-nostdlib",       "-no-pie",       "-z", "noseparate-code", "-z", "max-page-size=4096", "-z",
        "norelro", "--build-id=none", "--gc-sections", "-u", "kernel_header"};
    /* What boot starts only where it is there (src/linux/core/boot.c). */
    static const char *const with_names[] = {"console_boot", "strace_init", "fs_boot", "task_exec", "memobj_ops", NULL};
    static const char *const without[] = {"console_boot", "boot_ready", "memobj_ops", NULL};
    static const char *const without_objects[] = {"console_boot", "boot_ready", NULL};
    const char *const *roots = !b->im.ready ? with_names : makes_objects(b, numbers) ? without : without_objects;
    const char *source = in_dir(b, "table.S"), *object = in_dir(b, "table.o");
    struct strv argv = {0};
    char as[] = "as", o[] = "-o";
    int r;

    if (!source || !object)
        return no_memory(err);
    if ((r = write_table(b, numbers, source, err)) < 0 ||
        (r = tools_run(b->a, (char *[]){as, (char *)(uintptr_t)source, o, (char *)(uintptr_t)object, NULL},
                       "Debian package binutils", err)) < 0)
        return r;
    r = policy_strv_push(b->a, &argv, "ld");
    for (size_t i = 0; i < ARRAY_LEN(options) && r == 0; i++)
        r = policy_strv_push(b->a, &argv, options[i]);
    for (; *roots && r == 0; roots++)
        if ((r = policy_strv_push(b->a, &argv, "-u")) == 0)
            r = policy_strv_push(b->a, &argv, *roots);
    for (int i = 0; i < NUMBERS_CALLS && r == 0; i++)
        if (handler(b, numbers, i) && (r = policy_strv_push(b->a, &argv, "-u")) == 0)
            r = policy_strv_push(b->a, &argv, arena_printf(b->a, "sys_%s", handler(b, numbers, i)));
    if (r == 0 && (r = policy_strv_push(b->a, &argv, object)) == 0)
        r = link_alone(b, numbers, &argv);
    const char *const rest[] = {"-T", program_beside(b->a, SCRIPT), program_beside(b->a, ARCHIVE), "-s", "-o", out};
    for (size_t i = 0; i < ARRAY_LEN(rest) && r == 0; i++)
        r = rest[i] ? policy_strv_push(b->a, &argv, rest[i]) : -ENOMEM;
    return r < 0 ? no_memory(err) : tools_run(b->a, argv.v, "Debian package binutils", err);
}

/* More handlers than a byte can tell apart: no small kernel would come of it. */
static bool too_many(const struct numbers *numbers)
{
    unsigned n = 0;

    for (size_t i = 0; i < sizeof numbers->calls; i++)
        n += (unsigned)__builtin_popcount(numbers->calls[i]);
    return n > UINT8_MAX;
}

static int make_kernel(struct build *b, const struct numbers *numbers, struct err *err)
{
    const bool small = numbers->all && !too_many(numbers);
    const char *out = small ? in_dir(b, "kernel") : program_beside(b->a, "moat-kernel.elf");
    int r = out ? 0 : no_memory(err);

    b->im.ready = small && !b->options.add.n && !tools_calls_use_names(numbers->calls);
    if (r == 0 && small)
        r = link_kernel(b, numbers, out, err);
    else if (r == 0 && !numbers->all && !b->options.quiet)
        fprintf(stderr, "moat build: which system calls %s makes cannot be said: the whole kernel is taken\n",
                numbers->unknown);
    if (r < 0 || (r = kernel_read(&b->im.kernel, b->a, out, err)) < 0)
        return r;
    if (small)
        b->im.kernel.calls = tools_call_names(b->a, numbers->calls);
    return b->im.kernel.calls ? 0 : no_memory(err);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int set_start(struct build *b, const char *name, struct err *err)
{
    int r = policy_strv_push(b->a, &b->im.args, name);

    for (uint32_t i = 0; i < b->options.words.n && r == 0; i++)
        r = policy_strv_push(b->a, &b->im.args, b->options.words.v[i]);
    b->im.env = b->options.env;
    return r < 0 ? no_memory(err) : 0;
}

/* "out/hello.moat" has the program "/hello". */
static const char *name_of(struct build *b)
{
    const char *slash = strrchr(b->options.output, '/'), *name = slash ? slash + 1 : b->options.output,
               *dot = strrchr(name, '.');

    return arena_strndup(b->a, name, dot && dot != name ? (size_t)(dot - name) : strlen(name));
}

static int make_image(struct build *b, const char *program, struct err *err)
{
    struct tree_node *node;
    const char *name = name_of(b);
    int r;

    if (!name || !(b->im.path = arena_printf(b->a, "/%s", name)))
        return no_memory(err);
    b->im.arena = b->a;
    b->source = (struct source){.tree = &b->im.tree, .path = "", .root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (b->source.root < 0)
        return err_sys(err, -errno, "open /");
    if ((r = tree_init(&b->im.tree, b->a, program_epoch(), err)) < 0 ||
        (r = source_place(&b->source, program, b->im.path, err)) < 0)
        return r;
    for (uint32_t i = 0; i < b->options.add.n && r == 0; i++)
        r = program_add(&b->source, b->options.add.v[i], err);
    if (r < 0 || (r = expected_files(&b->im.tree, err)) < 0 ||
        (r = tree_directory(&b->im.tree, b->im.cwd, 0755, &node, err)) < 0 || (r = set_start(b, name, err)) < 0)
        return r;
    b->im.program = tree_at(&b->im.tree, b->im.path);
    b->im.program->file->tight = b->im.ready;
    if ((r = image_map(&b->im, NULL, err)) < 0)
        return r;
    b->im.dynamic = b->options.add.n > 0;
    return image_finish(&b->im, b->options.output, b->options.quiet, err);
}

static int build(struct build *b, struct err *err)
{
    const char *program = in_dir(b, "program");
    struct numbers numbers;
    int r;

    if (!program)
        return no_memory(err);
    if ((r = compile(b, program, err)) < 0 || (r = find_numbers(b, program, &numbers, err)) < 0 ||
        (r = strip(b, program, err)) < 0 || (r = make_kernel(b, &numbers, err)) < 0)
        return r;
    return make_image(b, program, err);
}

int build_main(struct arena *a, int argc, char **argv)
{
    struct build *b = arena_alloc(a, sizeof *b);
    struct err err = {0};

    if (!b) {
        no_memory(&err);
        return program_fail("build", &err);
    }
    b->a = a;
    int r = read_options(b, argc, argv, &err);
    if (r == 0)
        r = tools_directory(a, &b->dir, &err);
    if (r == 0)
        r = build(b, &err);
    if (b->dir)
        tools_remove_directory(b->dir);
    return r < 0 ? program_fail("build", &err) : 0;
}
