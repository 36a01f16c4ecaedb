/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The split platform (README.md): options, the image, the threads. The first thread is the tracer; the kernel is booted
 * on the first virtual CPU, and the others come when it stands.
 */
#include "split.h"

#include "guest/unikernel/layout.h"
#include "sentry/options.h"
#include "sentry/start.h"
#include "spt/image.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define ARENA     (256ul << 20)
#define TEXT_HIGH 0x70000000ull /* below what layout.h has there */

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

/* --vcpus N, --tty, --volume ..., --root DIR, in this order, are this platform's own; all else is the sentry's
 * (src/sentry/options.def), of which what has no meaning here is not looked at. */
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

static int image_take(void)
{
    int fd = open(split.options.image, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        apart_fatal("%s", strerror(errno));
    apart_image(fd, &split.parts, &split.config);
    return fd;
}

static void config_take(void)
{
    apart_config(&split.options, &split.parts, &split.config);
    apart_heap(&split.config, ARENA);
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

static void *boot_run(void *of)
{
    char why[256] = "";
    int r = linux_boot(&split.platform, &split.config, why, sizeof(why));
    if (r < 0) {
        fprintf(stderr, "platform-split: %s: %s\n", split_name, why[0] ? why : "the kernel cannot start");
        split.platform.host.exit(apart_exit_of(r), 0);
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
    config_take();
    tracer_init(objects, image);
    inbox_init();
    platform_take();
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    if (pthread_create(&other[0], NULL, boot_run, NULL))
        apart_fatal("no thread for a virtual CPU");
    tracer_run();
}
