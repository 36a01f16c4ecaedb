/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-spt, the tender of unikernels: maps an image, shuts itself in and jumps into the image's kernel; tender.h has
 * the steps. It trusts its command line, the file it is given as far as any program that is executed is trusted, and
 * nothing that comes after the jump.
 */
#include "spt/tender.h"

#include "guest/unikernel/layout.h"

#include "spt/host.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#define FSGSBASE (1ul << 1)  /* bit of AT_HWCAP2 on x86-64: asm/hwcap2.h */
#define STACK    (1ul << 20) /* that the kernel may use of the tender's */

/* Those that a start can meet, in the words of strerror(3). */
static const char *reason(int error)
{
    static const struct {
        int error;
        char text[36];
    } rows[] = {{EPERM, "Operation not permitted"},
                {ENOENT, "No such file or directory"},
                {EIO, "Input/output error"},
                {ENXIO, "No such device or address"},
                {EBADF, "Bad file descriptor"},
                {ENOMEM, "Cannot allocate memory"},
                {EACCES, "Permission denied"},
                {EEXIST, "File exists"},
                {ENODEV, "No such device"},
                {ENOTDIR, "Not a directory"},
                {EISDIR, "Is a directory"},
                {EINVAL, "Invalid argument"},
                {ENFILE, "Too many open files in system"},
                {EMFILE, "Too many open files"},
                {ETXTBSY, "Text file busy"},
                {EROFS, "Read-only file system"},
                {ENAMETOOLONG, "File name too long"},
                {ENOSYS, "Function not implemented"},
                {ELOOP, "Too many levels of symbolic links"},
                {EAGAIN, "Resource temporarily unavailable"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].error == -error)
            return rows[i].text;
    return "the host refuses";
}

int tender_fail(int status, const char *subject, const char *what, int error)
{
    const char *words[] = {"moat-spt: ", subject, ": ", what, error ? ": " : "", error ? reason(error) : "", "\n"};
    struct iovec v[sizeof words / sizeof words[0]];

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        v[i] = (struct iovec){(void *)(uintptr_t)words[i], strlen(words[i])};
    host(writev, 2, v, sizeof words / sizeof words[0]);
    return status;
}

uint64_t tender_auxiliary(const struct tender *t, uint64_t type)
{
    for (const uint64_t *v = t->vector; v[0] != AT_NULL; v += 2)
        if (v[0] == type)
            return v[1];
    return 0;
}

const char *tender_environment(const struct tender *t, const char *name)
{
    const size_t n = strlen(name);

    for (char **e = t->envp; *e; e++)
        if (!strncmp(*e, name, n) && (*e)[n] == '=')
            return *e + n + 1;
    return NULL;
}

/* ---- words ---- */

static size_t key_length(const char *entry)
{
    const char *end = strchr(entry, '=');

    return end ? (size_t)(end - entry) : strlen(entry);
}

/* Whether a later --env has the same key. */
static bool replaced(const struct tender *t, const char *entry, int at)
{
    const size_t n = key_length(entry);

    for (const char *e; (e = options_env(&t->options, &at));)
        if (key_length(e) == n && !memcmp(e, entry, n))
            return true;
    return false;
}

/* The image's words, but those that the command line replaces; `argv` and `envp` have room for both together. */
static void take_words(struct tender *t, const char **argv, const char **envp)
{
    const struct options *o = &t->options;
    const char *s = t->image.args, *e;
    size_t n = 0, m = 0;

    for (uint32_t i = 0; i < t->image.boot.n_args; i++, s += strlen(s) + 1)
        if (i == 0 || !o->n_args)
            argv[n++] = s;
    if (o->program || !n)
        argv[0] = o->program ? o->program : t->image.program, n = n ? n : 1;
    for (int i = 0; i < o->n_args; i++)
        argv[n++] = o->args[i];
    for (uint32_t i = 0; i < t->image.boot.n_env; i++, s += strlen(s) + 1)
        if (!replaced(t, s, 0))
            envp[m++] = s;
    for (int at = 0; (e = options_env(o, &at));) {
        if (!replaced(t, e, at))
            envp[m++] = e;
    }
    argv[n] = envp[m] = NULL;
    t->boot.argv = argv, t->boot.envp = envp;
}

/* ---- the record ---- */

/* Of a program that moat starts they are the process's own; of one that is started by hand they are nobody's. */
static void take_identity(struct tender *t, struct utsname *names)
{
    struct boot *b = &t->boot;
    struct rlimit files;

    b->umask = 022;
    b->hostname = "moat";
    if (!t->handed)
        return;
    b->uid = (uint32_t)host(getuid), b->gid = (uint32_t)host(getgid);
    b->umask = (uint32_t)host(umask, 0);
    host(umask, b->umask);
    if (host(getrlimit, RLIMIT_NOFILE, &files) == 0)
        b->files_limit = files.rlim_cur < 1u << 20 ? files.rlim_cur : 1u << 20;
    if (host(uname, names) == 0)
        b->hostname = names->nodename;
    memset(names->release, 0, sizeof names->release); /* which kernel the host has is nobody's business */
    memset(names->version, 0, sizeof names->version);
}

/* By a system call: the vDSO would touch pages that are not needed otherwise. */
static uint64_t now(void)
{
    struct timespec t = {0};

    host(clock_gettime, CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int fill_boot(struct tender *t, struct utsname *names)
{
    const struct options *o = &t->options;
    const struct image_boot *i = &t->image.boot;
    struct boot *b = &t->boot;

    b->version = KERNEL_VERSION;
    b->stack_high = tender_auxiliary(t, AT_EXECFN);
    b->stack_low = (uintptr_t)b - STACK;
    b->vdso = tender_auxiliary(t, AT_SYSINFO_EHDR);
    b->started = now();
    b->hwcap = tender_auxiliary(t, AT_HWCAP);
    b->memory_limit = o->memory ? o->memory : i->memory ? i->memory : TENDER_MEMORY;
    b->max_tasks = o->tasks;
    memcpy(b->limits, o->limits, sizeof b->limits);
    b->limits_given = o->limits_given;
    b->trace = o->trace, b->read_only = o->read_only, b->jit = i->flags & IMAGE_JIT;
    b->ready = i->flags & IMAGE_READY;
    b->program_entry = i->program_entry, b->program_headers = i->program_headers;
    b->n_program_headers = i->n_program_headers, b->program_end = i->program_end;
    b->name = o->image;
    b->program = o->program ? o->program : t->image.program;
    b->cwd = o->cwd ? o->cwd : t->image.cwd;
    take_identity(t, names);
    if (b->ready && strcmp(b->program, t->image.program) != 0)
        return tender_fail(EXIT_NOT_FOUND, b->program,
                           "this image's kernel was linked for its program alone, and starts no other", 0);
    if (!(tender_auxiliary(t, AT_HWCAP2) & FSGSBASE))
        return tender_fail(EXIT_OWN_ERROR, o->image,
                           "this processor or host kernel has no FSGSBASE, by which threads are told apart here: Linux "
                           "5.9 or newer on a processor with it",
                           0);
    long n = host(getrandom, b->seed, sizeof b->seed);
    return n == sizeof b->seed ? 0 : tender_fail(EXIT_OWN_ERROR, o->image, "random numbers", n < 0 ? (int)n : -EIO);
}

/* What the host's environment says is nothing that a program should find, nor is where the image lies. The strings lie
 * one behind the other, up to the name that the tender was executed by, which is in no one's use either. */
static void wipe(const struct tender *t)
{
    char *name = (char *)tender_auxiliary(t, AT_EXECFN);
    char *image = (char *)(uintptr_t)t->options.image, *end = image + strlen(image);
    char *last = image;

    if (*t->envp)
        memset(*t->envp, 0, (uintptr_t)name - (uintptr_t)*t->envp);
    memset(name, 0, strlen(name));
    for (char *c = image; c + 1 < end; c++)
        if (*c == '/')
            last = c + 1;
    if (last > image) {
        const size_t n = (size_t)(end - last);
        memmove(image, last, n);
        memset(image + n, 0, (size_t)(end - image) - n);
    }
}

/* With room for the words on the stack: as many as there are. */
static int start(struct tender *t, int argc)
{
    const size_t room = (size_t)argc + t->image.boot.n_args + t->image.boot.n_env + 2;
    const char **words = __builtin_alloca(2 * room * sizeof *words);
    struct utsname names;
    int r;

    take_words(t, words, words + room);
    if ((r = fill_boot(t, &names)) || (r = tender_signals(t)) || (r = tender_shut_in(t)))
        return r;
    wipe(t);
    tender_jump(t);
}

static int run(struct tender *t, int argc, char **argv)
{
    const char *why, *word;
    int r;

    if (options_parse(argc, argv, &t->options, &why, &word) < 0)
        return tender_fail(EXIT_OWN_ERROR, word, why, 0);
    if ((r = tender_descriptors(t)) || (r = tender_map(t)))
        return r;
    return start(t, argc);
}

/* From start.S: argc, argv, NULL, the environment, NULL, the auxiliary vector. */
_Noreturn void tender_start(uint64_t *words);
void tender_start(uint64_t *words)
{
    const int argc = (int)words[0];
    char **argv = (char **)(words + 1);
    struct tender t = {.image_fd = -1, .envp = argv + argc + 1};
    char **end = t.envp;

    while (*end)
        end++;
    t.vector = (const uint64_t *)(end + 1);
    for (int status = run(&t, argc, argv);;)
        host(exit_group, status);
}
