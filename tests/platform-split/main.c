/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The split platform (README.md): options, the image, the threads. The first thread is the tracer; the kernel is booted
 * on the first virtual CPU, and the others come when it stands.
 */
#include "split.h"

#include "guest/unikernel/layout.h"
#include "spt/image.h"
#include "spt/options.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA          (256ul << 20)
#define TEXT_HIGH      0x70000000ull /* below what layout.h has there */
#define MEMORY         (1ul << 30)   /* of guests, when nobody says otherwise: as the tender's */
#define EXIT_INVOKE    126
#define EXIT_NOT_FOUND 127

static struct {
    struct options options;
    struct image_parts parts;
    uint32_t vcpus;
    struct platform platform;
    struct linux_config config;
} split = {.vcpus = 2};

const char *split_name = "split";

static __attribute__((format(printf, 1, 0))) void say(const char *format, va_list ap)
{
    char line[512];
    vsnprintf(line, sizeof(line), format, ap);
    fprintf(stderr, "platform-split: %s: %s\n", split_name, line);
}

void apart_fatal(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    say(format, ap);
    va_end(ap);
    _exit(EXIT_OWN_ERROR);
}

/* ---- what is to run ---- */

/* --vcpus N, --tty, --volume ..., --root DIR, in this order, are this platform's own; all else is the tender's
 * (src/spt/options.def). */
static void options_take(int argc, char **argv)
{
    const char *why, *word;
    if (argc > 2 && !strcmp(argv[1], "--vcpus")) {
        split.vcpus = (uint32_t)strtoul(argv[2], NULL, 10);
        if (!split.vcpus || split.vcpus > VCPUS_MOST)
            apart_fatal("--vcpus takes a number from 1 to %d", VCPUS_MOST);
        argv[2] = argv[0];
        argv += 2, argc -= 2;
    }
    if (argc > 1 && !strcmp(argv[1], "--tty")) {
        split.config.terminal = terminal_take(&split.config.rows, &split.config.columns);
        argv[1] = argv[0];
        argv++, argc--;
    }
    while (volumes_take(&argc, &argv, &split.config))
        continue;
    if (options_parse(argc, argv, &split.options, &why, &word) < 0)
        apart_fatal("%s %s", word, why);
    split_name = split.options.image;
}

static size_t key_length(const char *entry)
{
    return (size_t)(strchrnul(entry, '=') - entry);
}

/* Whether a later --env has the same key. */
static bool is_replaced(const char *entry, int at)
{
    for (const char *e; (e = options_env(&split.options, &at));)
        if (key_length(e) == key_length(entry) && !memcmp(e, entry, key_length(entry)))
            return true;
    return false;
}

/* The image's words, but those that the command line replaces. */
static void words_take(int argc)
{
    const struct options *o = &split.options;
    const struct image_parts *p = &split.parts;
    size_t room = (size_t)argc + p->boot.n_args + p->boot.n_env + 2, n = 0, m = 0;
    const char **argv = calloc(room, sizeof(*argv)), **envp = calloc(room, sizeof(*envp)), *s = p->args, *e;
    if (!argv || !envp)
        apart_fatal("out of memory");
    for (uint32_t i = 0; i < p->boot.n_args; i++, s += strlen(s) + 1)
        if (!i || !o->n_args)
            argv[n++] = s;
    if (o->program || !n)
        argv[0] = o->program ? o->program : p->program, n = n ? n : 1;
    for (int i = 0; i < o->n_args; i++)
        argv[n++] = o->args[i];
    for (uint32_t i = 0; i < p->boot.n_env; i++, s += strlen(s) + 1)
        if (!is_replaced(s, 0))
            envp[m++] = s;
    for (int at = 0; (e = options_env(o, &at));)
        if (!is_replaced(e, at))
            envp[m++] = e;
    split.config.argv = argv, split.config.envp = envp;
}

static int image_take(void)
{
    int fd = open(split.options.image, O_RDONLY | O_CLOEXEC);
    struct stat st;
    const char *why;
    if (fd < 0 || fstat(fd, &st))
        apart_fatal("%s", strerror(errno));
    size_t size = (size_t)st.st_size;
    const void *image = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (image == MAP_FAILED)
        apart_fatal("cannot be mapped");
    if (image_check(image, size, &split.parts, &why) < 0)
        apart_fatal("%s", why);
    split.config.image = image, split.config.image_size = size;
    split.config.image_object = objects_image(image, size);
    return fd;
}

static void config_take(int argc)
{
    const struct options *o = &split.options;
    struct linux_config *c = &split.config;
    words_take(argc);
    c->arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (c->arena == MAP_FAILED)
        apart_fatal("the kernel's heap: %s", strerror(errno));
    c->arena_size = c->arena_ready = ARENA;
    c->program = o->program ? o->program : split.parts.program;
    c->cwd = o->cwd ? o->cwd : split.parts.cwd;
    c->hostname = "moat";
    c->memory_limit = o->memory ? o->memory : split.parts.boot.memory ? split.parts.boot.memory : MEMORY;
    c->max_tasks = o->tasks;
    c->trace = o->trace, c->read_only = o->read_only;
    c->umask = 022;
    split_jit = split.parts.boot.flags & IMAGE_JIT;
    split_text = TEXT_HIGH - TEXT_LOW;
}

/* ---- threads ---- */

static pthread_t other[VCPUS_MOST];

static void *vcpu_run(void *of)
{
    uint32_t id = (uint32_t)(uintptr_t)of;
    host_is_vcpu(id);
    linux_run(id);
}

static int exit_of(int error)
{
    switch (-error) {
    case ENOENT:
    case ENOTDIR:
        return EXIT_NOT_FOUND;
    case EACCES:
    case ENOEXEC:
    case EISDIR:
        return EXIT_INVOKE;
    default:
        return EXIT_OWN_ERROR;
    }
}

static void *boot_run(void *of)
{
    char why[256] = "";
    int r = linux_boot(&split.platform, &split.config, why, sizeof(why));
    if (r < 0) {
        fprintf(stderr, "platform-split: %s: %s\n", split_name, why[0] ? why : "the kernel cannot start");
        split.platform.host.exit(exit_of(r), 0);
    }
    for (uint32_t i = 1; i < split.vcpus; i++)
        if (pthread_create(&other[i], NULL, vcpu_run, (void *)(uintptr_t)i))
            apart_fatal("no thread for a virtual CPU");
    return vcpu_run(NULL);
}

static void platform_take(void)
{
    split.platform = (struct platform){.name = "split",
                                       .host = split_hostops,
                                       .aspace = split_aspace,
                                       .memobj = apart_memobj,
                                       .task = split_task,
                                       .files = volumes_files(),
                                       .vcpus = split.vcpus,
                                       .elsewhere = true,
                                       .hwcap = getauxval(AT_HWCAP),
                                       .xstate_size = state_size,
                                       .xstate_mask = state_mask};
}

int main(int argc, char **argv)
{
    sigset_t all;
    options_take(argc, argv);
    int objects = objects_init(), image = image_take();
    config_take(argc);
    tracer_init(objects, image);
    inbox_init();
    platform_take();
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    if (pthread_create(&other[0], NULL, boot_run, NULL))
        apart_fatal("no thread for a virtual CPU");
    tracer_run();
}
