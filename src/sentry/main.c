/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-sentry (README.md): options, the image, the first stub, the kernel. All that is opened, mapped or started is so
 * before the image's first byte is looked at.
 */
#include "sentry/control.h"
#include "sentry/files.h"
#include "sentry/options.h"
#include "sentry/sentry.h"
#include "sentry/start.h"
#include "sentry/walls.h"

#include "spt/image.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#define ARENA      (1024ul << 20) /* address space of the kernel's heap, of which what is used counts */
#define HEAP_LEAST (8ul << 20)
#define HEAP_SHARE                                                                                                     \
    4 /* of the programs' memory: programs that fill pipes, sockets, tables get an error, not the host's killer */
#define FSGSBASE (1ul << 1) /* of AT_HWCAP2: asm/hwcap2.h */

static struct {
    struct options options;
    struct image_parts parts;
    struct platform platform;
    struct linux_config config;
} sentry;

bool sentry_traps;

void apart_fatal(const char *format, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    fprintf(stderr, "moat-sentry: %s: %s\n", sentry.options.image ? sentry.options.image : "start", line);
    host_tasks_end_all();
    _exit(EXIT_OWN_ERROR);
}

/* ---- what is to run ---- */

static void options_take(int argc, char **argv)
{
    const char *why, *word;
    if (options_parse(argc, argv, &sentry.options, &why, &word) < 0)
        apart_fatal("%s %s", word, why);
    sentry_traps = sentry.options.trap;
}

/* A directory of the host is the root: there is no image, whatever its name. */
static bool root_is_host(void)
{
    for (uint32_t i = 0; i < sentry.options.n_mounts; i++)
        if (sentry.options.mounts[i].kind == LINUX_MOUNT_HOST && !strcmp(sentry.options.mounts[i].place, "/"))
            return true;
    return false;
}

/* By its name, or moat has opened it. Without one stubs have the objects' file in its place. */
static int image_open(struct control_given *given, int objects)
{
    const char *why = NULL;
    int r = control_prepare(given, &why);
    if (r < 0)
        apart_fatal("%s: %s", why, strerror(-r));
    if (root_is_host())
        return objects;
    if (given->image >= 0)
        return given->image;
    int fd = open(sentry.options.image, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        apart_fatal("%s", strerror(errno));
    return fd;
}

static void config_take(void)
{
    const struct options *o = &sentry.options;
    struct linux_config *c = &sentry.config;
    apart_config(o, &sentry.parts, c);
    apart_heap(c, c->memory_limit / HEAP_SHARE < HEAP_LEAST ? HEAP_LEAST
                  : c->memory_limit / HEAP_SHARE < ARENA    ? c->memory_limit / HEAP_SHARE & ~(PAGE_SIZE - 1)
                                                            : ARENA);
    c->mounts = o->mounts, c->n_mounts = o->n_mounts;
}

/* Standard input is a terminal of the host's; what it does with bytes is done by the kernel's own. */
static void terminal_take(void)
{
    struct linux_config *c = &sentry.config;
    struct termios modes;
    struct winsize window;
    if (!sentry.options.terminal)
        return;
    if (tcgetattr(0, &modes))
        apart_fatal("--terminal: standard input: %s", strerror(errno));
    cfmakeraw(&modes);
    (void)tcsetattr(0, TCSANOW, &modes);
    c->terminal = true;
    if (!ioctl(0, TIOCGWINSZ, &window))
        c->rows = window.ws_row, c->columns = window.ws_col;
}

static void platform_take(void)
{
    sentry.platform = (struct platform){.name = "sentry",
                                        .host = sentry_hostops,
                                        .aspace = sentry_aspace,
                                        .memobj = apart_memobj,
                                        .task = sentry_task,
                                        .streams = &control_streams,
                                        .vcpus = 1,
                                        .elsewhere = true,
                                        .hwcap = getauxval(AT_HWCAP),
                                        .xstate_size = state_size,
                                        .xstate_mask = state_mask};
}

/* Open files of the host are descriptors here. */
static void files_take(int gofer)
{
    struct rlimit files;
    if (gofer < 0)
        return;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGXFSZ, SIG_IGN);
    sentry.platform.files = files_begin(gofer, objects_host);
}

static void host_check(void)
{
    if (!(getauxval(AT_HWCAP2) & FSGSBASE))
        apart_fatal("this processor or kernel has no FSGSBASE, which stubs need (Linux 5.9)");
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
}

/* The first stub, and so each of them, is what the host ends first when memory is short, and never this process. */
static void first_stub_make(int objects, int image, int memory, int oom)
{
    static const char most[] = "1000";
    char own[16];
    ssize_t n = oom < 0 ? -1 : pread(oom, own, sizeof(own), 0);
    if (n > 0 && pwrite(oom, most, sizeof(most) - 1, 0) < 0)
        n = -1;
    zygote_make(objects, image, memory, !root_is_host() && !(sentry.parts.boot.flags & IMAGE_FILES));
    if (n > 0 && pwrite(oom, own, (size_t)n, 0) < 0)
        apart_fatal("oom_score_adj: %s", strerror(errno));
    if (oom >= 0)
        close(oom);
}

/* A command line is everybody's to read (proc(5)), and what is in a program's environment is not. The program has it.
 */
static void environment_forget(void)
{
    const char *e;
    for (int at = 0; (e = options_env(&sentry.options, &at));) {
        char *value = strchr((char *)(uintptr_t)e, '=');
        if (value)
            memset(value + 1, '*', strlen(value + 1));
    }
}

int main(int argc, char **argv)
{
    char why[256] = "";
    options_take(argc, argv);
    host_check();
    struct control_given given;
    int objects = objects_file(), image = image_open(&given, objects), memory = stub_memory_file();
    signals_init();
    stub_memory_init();
    if (!root_is_host())
        apart_image(image, &sentry.parts, &sentry.config);
    first_stub_make(objects, image, memory, given.oom);
    objects_map();
    config_take();
    terminal_take();
    platform_take();
    const int gofer = given.gofer >= 0 ? given.gofer : sentry.options.gofer;
    files_take(gofer);
    signals_begin();
    walls_raise(&(struct walls_world){.of = {notify_fd(), objects, memory, gofer},
                                      .asks = getenv("MOAT_HANDED_FD"),
                                      .files = gofer >= 0,
                                      .terminal = sentry.options.terminal});
    int r = linux_boot(&sentry.platform, &sentry.config, why, sizeof(why));
    if (r < 0) {
        fprintf(stderr, "moat-sentry: %s: %s\n", sentry.options.image, why[0] ? why : "the kernel cannot start");
        sentry_hostops.exit(apart_exit_of(r), 0);
    }
    environment_forget();
    linux_run(0);
}
