/* SPDX-License-Identifier: Apache-2.0 */
/* moat-oci: global options, the table of commands, and where errors go. */
#include "cli/oci.h"

#include "base/json.h"
#include "cli/commands.h"
#include "policy/flags.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ARENA_SIZE (256u << 20) /* address space; a config.json of 16 MiB fits with its tree */

static struct oci *current; /* for the warnings of the sandbox layer */

static const struct option_row global_rows[] = {
    {"root", 0, "DIR", "where the state of containers is kept (default /run/moat)", OPT_ROOT},
    {"log", 0, "FILE", "append errors to this file as well", OPT_LOG},
    {"log-format", 0, "text|json", "form of the lines in --log", OPT_LOG_FORMAT},
    {"log-level", 0, "LEVEL", NULL, OPT_IGNORED},
    {"debug", 0, NULL, "say more", OPT_DEBUG},
    {"systemd-cgroup", 0, NULL, "cgroupsPath is SLICE:PREFIX:NAME; it is used as a path of cgroupfs",
     OPT_SYSTEMD_CGROUP},
    {"cgroup-manager", 0, "NAME", "cgroupfs or systemd, as --systemd-cgroup", OPT_CGROUP_MANAGER},
    {"rootless", 0, "BOOL", NULL, OPT_ROOTLESS},
    {"criu", 0, "FILE", NULL, OPT_IGNORED},
    {"version", 'v', NULL, "print the version", OPT_VERSION},
    {"help", 'h', NULL, "this page", OPT_HELP},
};

#define ROW_BUNDLE                                                                                                     \
    {                                                                                                                  \
        "bundle", 'b', "DIR", "directory with config.json (default: here)", OPT_BUNDLE                                 \
    }
#define ROW_CONSOLE                                                                                                    \
    {                                                                                                                  \
        "console-socket", 0, "PATH", "socket that takes the terminal's master", OPT_CONSOLE_SOCKET                     \
    }
#define ROW_PID_FILE                                                                                                   \
    {                                                                                                                  \
        "pid-file", 0, "FILE", "write the pid of the first process here", OPT_PID_FILE                                 \
    }
#define ROW_FDS                                                                                                        \
    {                                                                                                                  \
        "preserve-fds", 0, "N", "hand over descriptors 3 to 3+N-1", OPT_PRESERVE_FDS                                   \
    }

static const struct option_row create_rows[] = {
    ROW_BUNDLE,
    ROW_CONSOLE,
    ROW_PID_FILE,
    ROW_FDS,
    {"no-pivot", 0, NULL, "chroot instead of pivot_root (a root on initramfs)", OPT_NO_PIVOT},
    {"no-new-keyring", 0, NULL, "keep the caller's session keyring", OPT_NO_NEW_KEYRING},
    {"detach", 'd', NULL, "run: do not wait for the end", OPT_DETACH},
    {"keep", 0, NULL, "run: keep the state after the end", OPT_KEEP},
    {"no-subreaper", 0, NULL, NULL, OPT_NO_SUBREAPER},
    {"config", 'f', "FILE", NULL, OPT_IGNORED},
};
static const struct option_row delete_rows[] = {
    {"force", 'f', NULL, "end it first when it runs; no error when it is not there", OPT_FORCE}};
static const struct option_row kill_rows[] = {{"all", 'a', NULL, "signal every process inside", OPT_ALL}};
static const struct option_row list_rows[] = {{"format", 'f', "table|json", "form", OPT_FORMAT},
                                              {"quiet", 'q', NULL, "ids alone", OPT_QUIET}};
static const struct option_row ps_rows[] = {{"format", 'f', "table|json", "form", OPT_FORMAT}};
static const struct option_row exec_rows[] = {
    ROW_CONSOLE,
    ROW_PID_FILE,
    ROW_FDS,
    {"process", 'p', "FILE", "process.json", OPT_PROCESS},
    {"tty", 't', NULL, "a terminal of its own", OPT_TTY},
    {"detach", 'd', NULL, "do not wait for the end", OPT_DETACH},
    {"cwd", 0, "DIR", "working directory inside", OPT_CWD},
    {"env", 'e', "NAME=VALUE", "environment", OPT_ENV},
    {"user", 'u', "UID[:GID]", "user inside", OPT_USER},
    {"additional-gids", 'g', "GID[,GID]", "further groups", OPT_ADDITIONAL_GIDS},
    {"cap", 'c', "CAP", "add a capability", OPT_CAP},
    {"no-new-privs", 0, NULL, "no gain of privileges by exec", OPT_NO_NEW_PRIVS},
    {"ignore-paused", 0, NULL, "also when the container is paused", OPT_IGNORE_PAUSED},
    {"cgroup", 0, "PATH", "an existing group below the container's", OPT_CGROUP},
    {"process-label", 0, "LABEL", NULL, OPT_PROCESS_LABEL},
    {"apparmor", 0, "PROFILE", NULL, OPT_APPARMOR},
    {"no-subreaper", 0, NULL, NULL, OPT_NO_SUBREAPER},
};
static const struct option_row update_rows[] = {
    {"resources", 'r', "FILE", "a resources object; - is stdin", OPT_RESOURCES},
    {"memory", 0, "BYTES", "memory limit", OPT_MEMORY},
    {"memory-reservation", 0, "BYTES", "soft memory limit", OPT_MEMORY_RESERVATION},
    {"memory-swap", 0, "BYTES", "memory and swap", OPT_MEMORY_SWAP},
    {"pids-limit", 0, "N", "processes", OPT_PIDS_LIMIT},
    {"cpu-share", 0, "N", "relative weight", OPT_CPU_SHARE},
    {"cpu-shares", 0, "N", NULL, OPT_CPU_SHARE},
    {"cpu-quota", 0, "US", "processor time in a period", OPT_CPU_QUOTA},
    {"cpu-period", 0, "US", "the period", OPT_CPU_PERIOD},
    {"cpu-rt-period", 0, "US", "real-time period", OPT_CPU_RT_PERIOD},
    {"cpu-rt-runtime", 0, "US", "real-time budget", OPT_CPU_RT_RUNTIME},
    {"cpuset-cpus", 0, "LIST", "processors", OPT_CPUSET_CPUS},
    {"cpuset-mems", 0, "LIST", "memory nodes", OPT_CPUSET_MEMS},
    {"blkio-weight", 0, "N", "block I/O weight", OPT_BLKIO_WEIGHT},
    {"kernel-memory", 0, "BYTES", NULL, OPT_IGNORED},
    {"kernel-memory-tcp", 0, "BYTES", NULL, OPT_IGNORED},
    {"l3-cache-schema", 0, "TEXT", NULL, OPT_IGNORED},
    {"mem-bw-schema", 0, "TEXT", NULL, OPT_IGNORED},
};
static const struct option_row events_rows[] = {{"stats", 0, NULL, "one record, then end", OPT_STATS},
                                                {"interval", 0, "TIME", "between records (default 5s)", OPT_INTERVAL}};
static const struct option_row spec_rows[] = {ROW_BUNDLE,
                                              {"rootless", 0, NULL, "for a user without privilege", OPT_ROOTLESS_SPEC}};

struct oci_command {
    const char *name, *operands, *summary;
    int min, max; /* operands; max -1: any */
    const struct option_row *rows;
    size_t n_rows;
    int (*run)(struct oci *, struct err *);
};

#define ROWS(r) r, ARRAY_LEN(r)

static const struct oci_command commands[] = {
    {"create", "ID", "set a container up, stop before its program", 1, 1, ROWS(create_rows), oci_create},
    {"start", "ID", "let a created container go", 1, 1, NULL, 0, oci_start},
    {"run", "ID", "create, start, wait, delete", 1, 1, ROWS(create_rows), oci_run},
    {"state", "ID", "the state document", 1, 1, NULL, 0, oci_state},
    {"kill", "ID [SIGNAL]", "send a signal (default TERM)", 1, 2, ROWS(kill_rows), oci_kill},
    {"delete", "ID", "remove all of a stopped container", 1, 1, ROWS(delete_rows), oci_delete},
    {"exec", "ID COMMAND [ARG...]", "a further process inside", 1, -1, ROWS(exec_rows), oci_exec},
    {"list", "", "containers of this state directory", 0, 0, ROWS(list_rows), oci_list_all},
    {"ps", "ID", "processes inside", 1, -1, ROWS(ps_rows), oci_ps},
    {"pause", "ID", "freeze", 1, 1, NULL, 0, oci_pause},
    {"resume", "ID", "thaw", 1, 1, NULL, 0, oci_resume},
    {"update", "ID", "change limits of a living container", 1, 1, ROWS(update_rows), oci_update},
    {"events", "ID", "statistics and out-of-memory events", 1, 1, ROWS(events_rows), oci_events},
    {"features", "", "what this runtime can do, as the specification's document", 0, 0, NULL, 0, oci_features},
    {"spec", "", "write a config.json to start from", 0, 0, ROWS(spec_rows), oci_spec},
};

static int apply_number(const char *name, const char *value, int64_t *out, struct err *err)
{
    return flag_parse_size(value, out) < 0 && flag_parse_i64(value, INT64_MIN, INT64_MAX, out) < 0
               ? err_set(err, -EINVAL, "--%s: %s is no number", name, value)
               : 0;
}

static int apply_limit(struct oci *o, int id, const char *value, struct err *err)
{
    struct resources *r = &o->limits;
    int64_t v = 0;

    if (id == OPT_CPUSET_CPUS || id == OPT_CPUSET_MEMS) {
        *(id == OPT_CPUSET_CPUS ? &r->cpu.cpus : &r->cpu.mems) = value;
        return 0;
    }
    int bad = apply_number("memory, --cpu-..., --pids-limit", value, &v, err);
    if (bad < 0)
        return bad;
    struct opt_i64 i = {true, v};
    struct opt_u64 u = {true, (uint64_t)v};
    switch (id) {
    case OPT_MEMORY:
        r->memory.limit = i;
        break;
    case OPT_MEMORY_RESERVATION:
        r->memory.reservation = i;
        break;
    case OPT_MEMORY_SWAP:
        r->memory.swap = i;
        break;
    case OPT_PIDS_LIMIT:
        r->pids = (struct opt_i64){true, v == 0 ? -1 : v};
        break;
    case OPT_CPU_SHARE:
        r->cpu.shares = u;
        break;
    case OPT_CPU_QUOTA:
        r->cpu.quota = i;
        break;
    case OPT_CPU_PERIOD:
        r->cpu.period = u;
        break;
    case OPT_CPU_RT_PERIOD:
        r->cpu.realtime_period = u;
        break;
    case OPT_CPU_RT_RUNTIME:
        r->cpu.realtime_runtime = i;
        break;
    default:
        r->blkio.weight = u;
        break;
    }
    return 0;
}

static int apply_global(struct oci *o, int id, const char *value, struct err *err)
{
    switch (id) {
    case OPT_ROOT:
        o->root = value;
        return 0;
    case OPT_LOG:
        o->log = value;
        return 0;
    case OPT_LOG_FORMAT:
        o->log_format = value;
        return strcmp(value, "json") && strcmp(value, "text")
                   ? err_set(err, -EINVAL, "--log-format %s: json or text", value)
                   : 0;
    case OPT_DEBUG:
        o->debug = !strcmp(value, "true");
        return 0;
    case OPT_SYSTEMD_CGROUP:
        o->systemd_cgroup = !strcmp(value, "true");
        return 0;
    case OPT_CGROUP_MANAGER:
        if (strcmp(value, "cgroupfs") && strcmp(value, "systemd") && strcmp(value, "disabled"))
            return err_set(err, -EINVAL, "--cgroup-manager %s: cgroupfs or systemd", value);
        o->systemd_cgroup = !strcmp(value, "systemd");
        return 0;
    case OPT_VERSION:
        printf("moat-oci version %s\nspec: %s\n", MOAT_VERSION, OCI_VERSION);
        fflush(stdout);
        exit(0);
    case OPT_HELP:
        printf("moat-oci: an OCI runtime\n\nUsage: moat-oci [OPTIONS] COMMAND [OPTIONS] [ID]\n\nCommands\n");
        for (size_t i = 0; i < ARRAY_LEN(commands); i++)
            printf("  %-9s %-20s %s\n", commands[i].name, commands[i].operands, commands[i].summary);
        printf("\nOptions\n");
        options_print(global_rows, ARRAY_LEN(global_rows));
        fflush(stdout);
        exit(0);
    default:
        return 0;
    }
}

static int apply_list(const char **list, uint32_t *n, const char *what, const char *value, struct err *err)
{
    if (*n == OCI_LIST_MAX)
        return err_set(err, -E2BIG, "--%s given more than %d times", what, OCI_LIST_MAX);
    list[(*n)++] = value;
    return 0;
}

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct oci *o = ctx;
    bool on = !strcmp(value, "true");
    int64_t v;

    switch (id) {
    case OPT_BUNDLE:
        o->bundle = value;
        return 0;
    case OPT_CONSOLE_SOCKET:
        o->console_socket = value;
        return 0;
    case OPT_PID_FILE:
        o->pid_file = value;
        return 0;
    case OPT_NO_PIVOT:
        o->no_pivot = on;
        return 0;
    case OPT_NO_NEW_KEYRING:
        o->no_new_keyring = on;
        return 0;
    case OPT_PRESERVE_FDS:
        if (flag_parse_i64(value, 0, 1024, &v) < 0)
            return err_set(err, -EINVAL, "--preserve-fds %s: a number from 0 to 1024", value);
        /* One that is not there now would be taken by a file of ours. */
        for (int fd = 3; fd < 3 + (int)v; fd++)
            if (fcntl(fd, F_GETFD) < 0)
                return err_set(err, -EBADF, "--preserve-fds %s: descriptor %d is not open", value, fd);
        o->preserve_fds = (uint32_t)v;
        return 0;
    case OPT_DETACH:
        o->detach = on;
        return 0;
    case OPT_KEEP:
        o->keep = on;
        return 0;
    case OPT_FORCE:
        o->force = on;
        return 0;
    case OPT_ALL:
        o->all = on;
        return 0;
    case OPT_FORMAT:
        o->format = value;
        return 0;
    case OPT_QUIET:
        o->quiet = on;
        return 0;
    case OPT_PROCESS:
        o->process_file = value;
        return 0;
    case OPT_TTY:
        o->tty = on;
        return 0;
    case OPT_CWD:
        o->cwd = value;
        return 0;
    case OPT_ENV:
        return apply_list(o->env, &o->n_env, "env", value, err);
    case OPT_CAP:
        return apply_list(o->caps, &o->n_caps, "cap", value, err);
    case OPT_USER:
        o->user = value;
        return 0;
    case OPT_ADDITIONAL_GIDS:
        o->additional_gids = value;
        return 0;
    case OPT_NO_NEW_PRIVS:
        o->no_new_privs = on;
        return 0;
    case OPT_IGNORE_PAUSED:
        o->ignore_paused = on;
        return 0;
    case OPT_CGROUP:
        o->sub_cgroup = value;
        return 0;
    case OPT_PROCESS_LABEL:
        return *value ? err_set(err, -ENOTSUP, "--process-label: this build applies no SELinux labels") : 0;
    case OPT_APPARMOR:
        return *value ? err_set(err, -ENOTSUP, "--apparmor: this build applies no AppArmor profiles") : 0;
    case OPT_RESOURCES:
        o->resources_file = value;
        return 0;
    case OPT_STATS:
        o->stats = on;
        return 0;
    case OPT_INTERVAL:
        if (flag_parse_duration(value, &v) < 0 || v <= 0)
            return err_set(err, -EINVAL, "--interval %s: a time such as 5s", value);
        o->interval_s = v / 1000;
        return 0;
    case OPT_ROOTLESS_SPEC:
        return err_set(err, -ENOTSUP,
                       "spec --rootless: not in this build; moat run sets unprivileged sandboxes up itself");
    default:
        return id >= OPT_MEMORY && id <= OPT_BLKIO_WEIGHT ? apply_limit(o, id, value, err)
                                                          : apply_global(o, id, value, err);
    }
}

/* Engines read the last JSON line of --log to tell people what went wrong. */
static void log_line(const struct oci *o, const char *level, const char *text)
{
    struct json_writer w = {0};
    struct timespec ts;
    struct tm tm;
    char when[40];

    int fd = o->log ? open(o->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644) : -1;
    if (fd >= 0 && o->log_format && !strcmp(o->log_format, "json")) {
        clock_gettime(CLOCK_REALTIME, &ts);
        gmtime_r(&ts.tv_sec, &tm);
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
        json_object_begin(&w, NULL);
        json_string(&w, "level", level);
        json_string(&w, "msg", text);
        json_string(&w, "time", when);
        json_object_end(&w);
        if (!w.failed)
            dprintf(fd, "%s\n", w.buf);
        json_writer_free(&w);
    } else if (fd >= 0) {
        dprintf(fd, "time=\"%lld\" level=%s msg=\"%s\"\n", (long long)time(NULL), level, text);
    }
    if (fd >= 0)
        close(fd);
    fprintf(stderr, "moat-oci: %s%s\n", strcmp(level, "error") ? "warning: " : "", text);
}

static void warn(const char *text)
{
    log_line(current, "warning", text);
}

static const struct oci_command *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static int dispatch(struct oci *o, int argc, char **argv, struct err *err)
{
    int at = 1;
    int r = options_parse(global_rows, ARRAY_LEN(global_rows), argc, argv, true, &at, apply, o, err);

    if (r < 0)
        return r;
    if (at >= argc)
        return err_set(err, -EINVAL, "no command given; moat-oci --help lists them");
    const struct oci_command *c = find(argv[at]);
    if (!c)
        return err_set(err, -EINVAL, "unknown command %s; moat-oci --help lists them", argv[at]);
    argc -= at;
    argv += at;
    if (options_ask_help(c->rows, c->n_rows, argc, argv, c->max < 0)) {
        printf("Usage: moat-oci %s [OPTIONS] %s\n\n%s\n\n", c->name, c->operands, c->summary);
        options_print(c->rows, c->n_rows);
        return fflush(stdout) ? -EIO : 0;
    }
    at = 1;
    r = options_parse(c->rows, c->n_rows, argc, argv, c->max < 0, &at, apply, o, err);
    if (r < 0)
        return err_wrap(err, "%s", c->name);
    o->argc = argc - at;
    o->argv = argv + at;
    if (o->argc < c->min || (c->max >= 0 && o->argc > c->max))
        return err_set(err, -EINVAL, "%s: %d operands given; usage: moat-oci %s [OPTIONS] %s", c->name, o->argc,
                       c->name, c->operands);
    return c->run(o, err);
}

int oci_main(int argc, char **argv)
{
    static struct oci o = {.interval_s = 5};
    static struct err err;

    if (arena_init(&o.arena, ARENA_SIZE) < 0)
        return 1;
    current = &o;
    sandbox_warn = warn;
    int r = dispatch(&o, argc, argv, &err);
    if (r < 0) {
        log_line(&o, "error", err.text);
        return 1;
    }
    return r;
}
