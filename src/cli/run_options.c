/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `run` and `explain`: one table for parsing, help and refusals. Policy items go on to
 * src/policy/flags.c by the id of their row; the rest is kept here. Docker's options which this build lacks are rows
 * too, so that each is refused by name with what to use instead. Trust: the command line is the user's; a policy file
 * and a seccomp profile may be others'.
 */
#include "base/io.h"
#include "base/json.h"
#include "cli/kinds.h"
#include "cli/policy_load.h"
#include "cli/run_options_internal.h"
#include "host/cgroup.h"
#include "host/subid.h"
#include "policy/defaults.h"
#include "policy/list.h"
#include "policy/names.h"
#include "policy/seccomp_profile.h"
#include "sandbox/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SECCOMP_FILE_MAX (4u << 20)

/* Options of the command itself; the policy's are 0 .. POLICY_FLAGS - 1, those of a kind of workload KIND_OPTION(). */
enum {
    OPTION_RM = POLICY_FLAGS,
    OPTION_NAME,
    OPTION_INTERACTIVE,
    OPTION_ROOTFS,
    OPTION_BUNDLE,
    OPTION_POLICY,
    OPTION_PROFILE,
    OPTION_BOUNDARY,
    OPTION_TYPE,
    OPTION_BEST_EFFORT,
    OPTION_STRICT,
    OPTION_JSON,
    OPTION_SURFACE,
    OPTION_DETACH,
    OPTION_DETACH_KEYS,
    OPTION_RESTART,
    OPTION_STOP_TIMEOUT,
    OPTION_LOG_DRIVER,
    OPTION_LOG_OPT,
    OPTION_PULL,
    OPTION_PLATFORM,
    OPTION_QUIET,
    OPTION_CIDFILE,
    OPTION_SIG_PROXY,
    OPTION_REFUSED
};

#define NO_HEALTH  "health checks are not in this build: let the workload end when it is ill, with --restart on-failure"
#define NO_NETWORK "comes with moat's own networks, which are not in this build: --network none or host"
#define NO_SHARE   "sharing a namespace with the host or another sandbox is not in this build: each sandbox has its own"
#define NO_BLKIO   "limits of block devices are not in this build's flags: a bundle's linux.resources.blockIO has them"
#define NO_VOLUMES "named volumes are not in this build: -v HOST:GUEST"

/* Docker's options that this build refuses: id, name, letter, argument (NULL: a flag), why and what instead. */
#define REFUSED_OPTIONS(X)                                                                                             \
    X(HEALTH_CMD, "health-cmd", 0, "CMD", NO_HEALTH)                                                                   \
    X(NO_HEALTHCHECK, "no-healthcheck", 0, NULL, NO_HEALTH)                                                            \
    X(PUBLISH_ALL, "publish-all", 'P', NULL, NO_NETWORK)                                                               \
    X(EXPOSE, "expose", 0, "PORT", NO_NETWORK)                                                                         \
    X(LINK, "link", 0, "NAME", NO_NETWORK)                                                                             \
    X(IP, "ip", 0, "ADDRESS", NO_NETWORK)                                                                              \
    X(IP6, "ip6", 0, "ADDRESS", NO_NETWORK)                                                                            \
    X(MAC_ADDRESS, "mac-address", 0, "ADDRESS", NO_NETWORK)                                                            \
    X(NETWORK_ALIAS, "network-alias", 0, "NAME", NO_NETWORK)                                                           \
    X(DNS, "dns", 0, "ADDRESS", NO_NETWORK)                                                                            \
    X(DNS_SEARCH, "dns-search", 0, "NAME", NO_NETWORK)                                                                 \
    X(DNS_OPTION, "dns-option", 0, "OPTION", NO_NETWORK)                                                               \
    X(ADD_HOST, "add-host", 0, "HOST:IP", "bind a hosts file of your own: -v ./hosts:/etc/hosts:ro")                   \
    X(PRIVILEGED, "privileged", 0, NULL,                                                                               \
      "it would take every wall down at once: give what is needed by --cap-add NAME, --device /dev/NAME, "             \
      "--security-opt seccomp=unconfined, --security-opt systempaths=unconfined, --userns host")                       \
    X(PID, "pid", 0, "MODE", NO_SHARE)                                                                                 \
    X(IPC, "ipc", 0, "MODE", NO_SHARE)                                                                                 \
    X(UTS, "uts", 0, "MODE", NO_SHARE)                                                                                 \
    X(CGROUPNS, "cgroupns", 0, "MODE", NO_SHARE)                                                                       \
    X(CGROUP_PARENT, "cgroup-parent", 0, "PATH", "moat chooses the cgroup: a bundle's linux.cgroupsPath names one")    \
    X(VOLUMES_FROM, "volumes-from", 0, "NAME", NO_VOLUMES)                                                             \
    X(VOLUME_DRIVER, "volume-driver", 0, "NAME", NO_VOLUMES)                                                           \
    X(GPUS, "gpus", 0, "WHICH", "graphics processors are given by their nodes: --device /dev/dri/renderD128")          \
    X(RUNTIME, "runtime", 0, "NAME", "moat is the runtime: -b BOUNDARY chooses how the workload is confined")          \
    X(ISOLATION, "isolation", 0, "NAME", "-b BOUNDARY chooses how the workload is confined")                           \
    X(ATTACH, "attach", 'a', "STREAM", "all streams are attached: redirect those you do not want")                     \
    X(LABEL_FILE, "label-file", 0, "FILE", "write each as --annotation KEY=VALUE, or in a policy file's annotations")  \
    X(STORAGE_OPT, "storage-opt", 0, "KEY=VALUE",                                                                      \
      "the writable layer has no size limit in this build: --read-only --tmpfs /tmp")                                  \
    X(KERNEL_MEMORY, "kernel-memory", 0, "BYTES", "kernels no longer have it: --memory counts kernel memory too")      \
    X(OOM_KILL_DISABLE, "oom-kill-disable", 0, NULL, "a sandbox out of memory would hang: --memory with more bytes")   \
    X(BLKIO_WEIGHT, "blkio-weight", 0, "N", NO_BLKIO)                                                                  \
    X(DEVICE_READ_BPS, "device-read-bps", 0, "DEVICE:RATE", NO_BLKIO)                                                  \
    X(DEVICE_WRITE_BPS, "device-write-bps", 0, "DEVICE:RATE", NO_BLKIO)                                                \
    X(DEVICE_READ_IOPS, "device-read-iops", 0, "DEVICE:RATE", NO_BLKIO)                                                \
    X(DEVICE_WRITE_IOPS, "device-write-iops", 0, "DEVICE:RATE", NO_BLKIO)

enum {
#define X(id, name, letter, argument, words) REFUSED_##id,
    REFUSED_OPTIONS(X)
#undef X
        N_REFUSED
};

_Static_assert((int)OPTION_REFUSED + (int)N_REFUSED < KIND_OPTION(0, 0), "ids of options meet");

static const char *const refused_words[] = {
#define X(id, name, letter, argument, words) words,
    REFUSED_OPTIONS(X)
#undef X
};

const struct option_row run_options_rows[] = {
    OPTION_HEADING("What to run"),
    {"rootfs", 0, "DIR", "Use a directory as the root; all operands are the command", OPTION_ROOTFS},
    {"bundle", 0, "DIR", "Run an OCI bundle; its config.json is the policy", OPTION_BUNDLE},
    {"type", 0, "TYPE", "What it is, where looking at the operand does not tell: " KIND_TYPES, OPTION_TYPE},
    {"boundary", 'b', "NAME", "How it is confined (moat boundaries lists them)", OPTION_BOUNDARY},
    {"policy", 0, "FILE", "Read a policy file (JSON or YAML); flags go over it", OPTION_POLICY},
    {"profile", 0, "NAME", "Begin with a shipped policy (moat policy profiles)", OPTION_PROFILE},
    {"name", 0, "NAME", "Name of the sandbox", OPTION_NAME},
    {"detach", 'd', NULL, "Run it in the background and print its name", OPTION_DETACH},
    {"rm", 0, NULL, "Remove the sandbox when it has ended", OPTION_RM},
    {"pull", 0, "WHEN", "Fetch the image: missing (the default), always or never", OPTION_PULL},
    {"platform", 0, "OS/ARCH", "Of an image that is fetched", OPTION_PLATFORM},
    {"quiet", 'q', NULL, "Do not show how an image is fetched", OPTION_QUIET},
    {"cidfile", 0, "FILE", "Write the sandbox's name to a file", OPTION_CIDFILE},

#define X(id, name, types, rows) rows
    WORKLOAD_KINDS(X)
#undef X

        OPTION_HEADING("While it runs"),
    {"restart", 0, "POLICY", "no (the default), on-failure, on-failure:N, always or unless-stopped", OPTION_RESTART},
    {"stop-timeout", 0, "SECONDS", "From the stop signal to SIGKILL (10)", OPTION_STOP_TIMEOUT},
    {"log-driver", 0, "NAME", "local (the default) or none", OPTION_LOG_DRIVER},
    {"log-opt", 0, "KEY=VALUE", "max-size=SIZE of a file (16m), max-file=N files (2); what is older is dropped",
     OPTION_LOG_OPT},
    {"detach-keys", 0, "KEYS", "Keys that leave a terminal (ctrl-p,ctrl-q)", OPTION_DETACH_KEYS},
    {"sig-proxy", 0, NULL, "Pass signals on (true)", OPTION_SIG_PROXY},

    OPTION_HEADING("Process"),
    {"interactive", 'i', NULL, "Connect the standard input", OPTION_INTERACTIVE},
    {"tty", 't', NULL, "Give it a terminal", FLAG_TTY},
    {"env", 'e', "NAME[=VALUE]", "Set a variable; NAME alone takes moat's own value", FLAG_ENV},
    {"env-file", 0, "FILE", "Set the variables of a file, one a line", FLAG_ENV_FILE},
    {"workdir", 'w', "PATH", "Working directory inside", FLAG_WORKDIR},
    {"user", 'u', "USER[:GROUP]", "Names or numbers", FLAG_USER},
    {"group-add", 0, "GROUP", "One more group", FLAG_GROUP_ADD},
    {"entrypoint", 0, "COMMAND", "Instead of the image's; \"\" is none", FLAG_ENTRYPOINT},
    {"init", 0, NULL, "Run a small init as process 1, which reaps and forwards signals", FLAG_INIT},
    {"stop-signal", 0, "SIGNAL", "Signal that asks it to end (SIGTERM)", FLAG_STOP_SIGNAL},
    {"timeout", 0, "TIME",
     "Ask it to end after 90 (seconds), 1m30s, 2h, and kill it after --stop-timeout; the exit status is 124",
     FLAG_TIMEOUT},
    {"hostname", 'h', "NAME", "Host name inside", FLAG_HOSTNAME},
    {"domainname", 0, "NAME", "Domain name inside", FLAG_DOMAINNAME},
    {"annotation", 0, "KEY=VALUE", "Note kept with the sandbox", FLAG_ANNOTATION},
    {"label", 'l', "KEY=VALUE", "The same, in docker's word", FLAG_ANNOTATION},

    OPTION_HEADING("Files (none of the host's, unless granted)"),
    {"ro", 0, "PATH", "Show a host path under the same name, read-only", FLAG_RO},
    {"rw", 0, "PATH", "The same, writable", FLAG_RW},
    {"dir", 0, "HOST::GUEST[:ro]", "Show a host path under another name", FLAG_DIR},
    {"defaults", 0, "WHICH", "host (programs and libraries of the host are shown: -b broker) or none", FLAG_DEFAULTS},
    {"symlink", 0, "PATH=TARGET", "Make a symbolic link inside (-b broker)", FLAG_SYMLINK},
    {"allow", 0, "PATH[:ACCESS]", "Show a host path with just this access: r, w, x, c (create), s (only see); rx",
     FLAG_ALLOW},
    {"deny", 0, "PATH", "Take a path out of what is shown above it, as ./.git", FLAG_DENY},
    {"broker", 0, "PATH[:ACCESS]", "Have each call on a path answered by the broker (-b broker); r", FLAG_BROKER},
    {"volume", 'v', "HOST:GUEST[:OPTS]", "Docker's way to write that; options ro, noexec, rslave ...", FLAG_VOLUME},
    {"mount", 0, "type=...",
     "type=bind,source=HOST,target=GUEST[,readonly] or type=tmpfs,target=GUEST[,tmpfs-size=64m]", FLAG_MOUNT},
    {"tmpfs", 0, "GUEST[:OPTS]", "Fresh memory file system; options size=64m, mode=1777, exec", FLAG_TMPFS},
    {"read-only", 0, NULL, "Make the root read-only", FLAG_READ_ONLY},
    {"shm-size", 0, "BYTES", "Size of /dev/shm (64m)", FLAG_SHM_SIZE},

    OPTION_HEADING("Limits (sizes: bytes, or with k, m, g, t)"),
    {"memory", 'm', "BYTES", "Memory (1g); -1 is no limit", FLAG_MEMORY},
    {"memory-swap", 0, "BYTES", "Memory and swap together (no swap); -1 is no limit", FLAG_MEMORY_SWAP},
    {"memory-reservation", 0, "BYTES", "What is left to it when memory is short", FLAG_MEMORY_RESERVATION},
    {"memory-swappiness", 0, "N", "0 to 100", FLAG_MEMORY_SWAPPINESS},
    {"cpus", 0, "N", "Processors, as 1.5", FLAG_CPUS},
    {"cpu-shares", 'c', "N", "Weight against others (1024)", FLAG_CPU_SHARES},
    {"cpu-period", 0, "USEC", "Period of the quota", FLAG_CPU_PERIOD},
    {"cpu-quota", 0, "USEC", "Processor time in a period", FLAG_CPU_QUOTA},
    {"cpuset-cpus", 0, "LIST", "Only these processors, as 0-3,7", FLAG_CPUSET_CPUS},
    {"cpuset-mems", 0, "LIST", "Only these memory nodes", FLAG_CPUSET_MEMS},
    {"pids-limit", 0, "N", "Processes and threads (512); -1 is no limit", FLAG_PIDS_LIMIT},
    {"ulimit", 0, "NAME=SOFT[:HARD]", "Limit of setrlimit(2), as nofile=4096 (nofile=1024, core=0)", FLAG_ULIMIT},
    {"oom-score-adj", 0, "N", "-1000 to 1000: who is ended first when memory is short", FLAG_OOM_SCORE_ADJ},

    OPTION_HEADING("Rights"),
    {"network", 0, "MODE", "none (the default), host, or tap=NAME: an interface of this host (-b microvm)",
     FLAG_NETWORK},
    {"net", 0, "MODE", NULL, FLAG_NETWORK},
    {"allow-net", 0, "HOST:PORT",
     "Let this destination be reached although the network is none (-b broker): a name, *.NAME, * (any name), an "
     "address or ADDRESS/LENGTH; PORT is N, N-N or *",
     FLAG_ALLOW_NET},
    {"deny-log", 0, NULL, "Say on standard error which files and connections are denied (-b broker, -b wasm)",
     FLAG_DENY_LOG},
    {"userns", 0, "MODE", "moat (ids of its own, the default), single (root inside is you), host (none)", FLAG_USERNS},
    {"cap-add", 0, "CAP", "Keep one more capability, or ALL", FLAG_CAP_ADD},
    {"cap-drop", 0, "CAP", "Keep one less, or none with ALL", FLAG_CAP_DROP},
    {"security-opt", 0, "OPTION",
     "seccomp=default|unconfined|FILE, no-new-privileges[=false], apparmor=PROFILE, systempaths=unconfined",
     FLAG_SECURITY_OPT},
    {"ioctls", 0, "LIST", "Only these commands of ioctl(2), as tty,file,TIOCGWINSZ,0x5413; none; all", FLAG_IOCTLS},
    {"device", 0, "HOST[:GUEST][:rwm]", "Give it a device of the host", FLAG_DEVICE},
    {"device-cgroup-rule", 0, "RULE", "Allow devices by number, as 'c 10:200 rwm'", FLAG_DEVICE_CGROUP_RULE},
    {"sysctl", 0, "KEY=VALUE", "Set a kernel setting of its namespaces", FLAG_SYSCTL},
    {"best-effort", 0, NULL, "Warn about items that cannot be enforced instead of refusing", OPTION_BEST_EFFORT},
    {"strict", 0, NULL, "Refuse defaults that fall to a weaker mechanism, too", OPTION_STRICT},

#define X(id, name, letter, argument, words) {name, letter, argument, NULL, OPTION_REFUSED + REFUSED_##id},
    REFUSED_OPTIONS(X)
#undef X

    /* explain only, so last */
    OPTION_HEADING("Output"),
    {"json", 0, NULL, "Print an object for programs", OPTION_JSON},
    {"surface", 0, "NAME", "Of a running sandbox: the host's calls that its filters leave, read back from the kernel",
     OPTION_SURFACE},
};
const size_t n_explain_options_rows = ARRAY_LEN(run_options_rows);
const size_t n_run_options_rows = ARRAY_LEN(run_options_rows) - 3;

/* ---- collecting ----------------------------------------------------------------------------------------------- */

static bool is_sandbox_name(const char *name)
{
    size_t len = strlen(name);

    return len >= 1 && len <= 128 && name[0] != '.' && name[0] != '-' && name[0] != '_' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == len;
}

static int check_type(const char *type, struct err *err)
{
    for (size_t i = 0; i < KINDS; i++)
        for (const char *const *t = workload_kinds[i]->types; *t; t++)
            if (!strcmp(type, *t))
                return 0;
    return err_set(err, -EINVAL, "--type %s: the type is one of " KIND_TYPES, type);
}

static int seconds_option(const char *name, const char *value, int64_t *ms, struct err *err)
{
    char *end;
    long n = strtol(value, &end, 10);

    if (end == value || *end || n < -1 || n > 1000000000)
        return err_set(err, -EINVAL, "--%s %s: whole seconds; -1 waits without end", name, value);
    *ms = n < 0 ? INT32_MAX : (int64_t)n * 1000 > INT32_MAX ? INT32_MAX : n * 1000;
    return 0;
}

static int log_option(struct run_options *o, const char *value, struct err *err)
{
    int64_t n;

    if (!strncmp(value, "max-size=", 9)) {
        if (flag_parse_size(value + 9, &n) < 0 || n < LOG_SIZE_MIN)
            return err_set(err, -EINVAL, "--log-opt %s: a size of 4096 bytes or more, as 16m", value);
        o->log_size = (uint64_t)n;
        return 0;
    }
    if (!strncmp(value, "max-file=", 9)) {
        if (flag_parse_i64(value + 9, 1, LOG_FILES_MAX, &n) < 0)
            return err_set(err, -EINVAL, "--log-opt %s: a number from 1 to %d", value, LOG_FILES_MAX);
        o->log_files = (uint32_t)n;
        return 0;
    }
    return err_set(err, -EINVAL, "--log-opt %s: this build has max-size=SIZE and max-file=N", value);
}

static int word_option(const char *name, const char *value, const char *const *words, struct err *err)
{
    for (const char *const *w = words; *w; w++)
        if (!strcmp(value, *w))
            return 0;
    return err_set(err, -EINVAL, "--%s %s: %s, %s%s%s", name, value, words[0], words[1], words[2] ? ", " : "",
                   words[2] ? words[2] : "");
}

/* What the sandbox is when nobody waits for it. */
static int collect_kept(struct run_options *o, int id, const char *value, struct err *err)
{
    static const char *const pulls[] = {"missing", "always", "never", NULL}, *const drivers[] = {"local", "none", NULL};
    bool on = !strcmp(value, "true");

    switch (id) {
    case OPTION_DETACH:
        o->detach = on;
        return 0;
    case OPTION_DETACH_KEYS:
        o->detach_keys = value;
        return 0;
    case OPTION_RESTART:
        return restart_rule_parse(value, &o->restart, err);
    case OPTION_STOP_TIMEOUT:
        return seconds_option("stop-timeout", value, &o->stop_timeout_ms, err);
    case OPTION_LOG_DRIVER:
        o->log_none = !strcmp(value, "none");
        /* docker's own name for a log in a file is taken for ours */
        return strcmp(value, "json-file") ? word_option("log-driver", value, drivers, err) : 0;
    case OPTION_LOG_OPT:
        return log_option(o, value, err);
    case OPTION_PULL:
        o->pull = value;
        return word_option("pull", value, pulls, err);
    case OPTION_PLATFORM:
        o->platform = value;
        return 0;
    case OPTION_QUIET:
        o->quiet = on;
        return 0;
    case OPTION_CIDFILE:
        o->cidfile = value;
        return 0;
    case OPTION_SIG_PROXY:
        o->no_sig_proxy = !on;
        return 0;
    default:
        return 1;
    }
}

static int collect_option(void *ctx, int id, const char *value, struct err *err)
{
    struct collect *c = ctx;
    struct run_options *o = c->out;
    bool on = !strcmp(value, "true");

    if (id < POLICY_FLAGS) {
        struct waiting *w = policy_list_push(c->arena, &c->waiting, &c->n_waiting, sizeof *w);
        if (!w)
            return err_set(err, -ENOMEM, "the command line is too long");
        *w = (struct waiting){id, value};
        return 0;
    }
    switch (id) {
    case OPTION_RM:
        o->rm = on;
        return 0;
    case OPTION_INTERACTIVE:
        o->interactive = on;
        return 0;
    case OPTION_BEST_EFFORT:
        o->best_effort = on;
        return 0;
    case OPTION_STRICT:
        o->strict = on;
        return 0;
    case OPTION_JSON:
        o->json = on;
        return 0;
    case OPTION_SURFACE:
        o->surface = value;
        return 0;
    case OPTION_NAME:
        o->name = value;
        return is_sandbox_name(value) ? 0
                                      : err_set(err, -EINVAL,
                                                "--name '%s': a name is 1 to 128 letters, digits, '-', '.', '_', "
                                                "and begins with a letter or digit",
                                                value);
    case OPTION_ROOTFS:
        o->rootfs = value;
        return 0;
    case OPTION_BUNDLE:
        o->bundle = value;
        return 0;
    case OPTION_POLICY:
        o->policy_file = value;
        return 0;
    case OPTION_PROFILE:
        o->profile = value;
        return 0;
    case OPTION_BOUNDARY:
        return kind_take_boundary(o, value, err);
    case OPTION_TYPE:
        o->type = value;
        return check_type(value, err);
    default:
        break;
    }
    if (id >= KIND_OPTION(0, 0)) {
        int kind = (id - KIND_OPTION(0, 0)) / KIND_OPTIONS_MOST, option = (id - KIND_OPTION(0, 0)) % KIND_OPTIONS_MOST;
        return workload_kinds[kind]->option(c->arena, o->own[kind], option, value, err);
    }
    int taken = collect_kept(o, id, value, err);
    if (taken <= 0)
        return taken;
    for (size_t i = 0; i < ARRAY_LEN(run_options_rows); i++) {
        if (run_options_rows[i].name && run_options_rows[i].id == id)
            return err_set(err, -EINVAL, "--%s is refused: %s", run_options_rows[i].name,
                           refused_words[id - OPTION_REFUSED]);
    }
    return err_set(err, -EINVAL, "option %d has no meaning", id);
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

/* Each over the one before; flags come last. */
static int read_policies(struct run_options *o, struct err *err)
{
    const char *path;
    int r = o->profile ? policy_profile_find(o->policy.arena, o->profile, "json", &path, err) : 0;

    if (r < 0)
        return err_wrap(err, "--profile %s", o->profile);
    if (o->profile && (r = policy_load(&o->build, "--profile ", path, err)) < 0)
        return r;
    policy_build_next_layer(&o->build);
    if (o->policy_file && (r = policy_load(&o->build, "--policy ", o->policy_file, err)) < 0)
        return r;
    policy_build_next_layer(&o->build);
    return 0;
}

static int read_seccomp(struct run_options *o, struct err *err)
{
    struct arena *a = o->policy.arena;
    uint64_t caps = o->policy.process.caps.bounding;
    const char *file = o->build.seccomp_file;
    struct json *profile;
    char *text;
    size_t len;
    int r;

    if (o->build.seccomp_object) {
        r = seccomp_profile_read(a, o->build.seccomp_object, caps, &o->policy.seccomp, err);
        return r < 0 ? err_wrap(err, "--%s %s: seccomp", o->policy_file ? "policy" : "profile",
                                o->policy_file ? o->policy_file : o->profile)
                     : 0;
    }
    if (!file)
        return 0;
    r = io_read_file(a, AT_FDCWD, file, SECCOMP_FILE_MAX, &text, &len);
    if (r < 0)
        return err_sys(err, r, "--security-opt seccomp=%s: cannot read the profile", file);
    if ((r = json_parse(a, text, len, &profile, err)) < 0 ||
        (r = seccomp_profile_read(a, profile, caps, &o->policy.seccomp, err)) < 0)
        return err_wrap(err, "--security-opt seccomp=%s", file);
    return 0;
}

static int add_device(struct run_options *o, const struct flag_device *d, struct err *err)
{
    struct resources *res = &o->policy.resources;
    struct stat st;

    if (stat(d->source, &st) < 0)
        return err_sys(err, -errno, "--device %s", d->source);
    if (S_ISDIR(st.st_mode))
        return err_set(err, -EINVAL, "--device %s: it is a directory: name each device in it", d->source);
    if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
        return err_set(err, -EINVAL, "--device %s: it is no device: -v %s:%s shows a file", d->source, d->source,
                       d->path);
    struct device_rule *node =
        policy_list_push(o->policy.arena, &o->policy.devices, &o->policy.n_devices, sizeof *node);
    struct device_access *access = policy_list_push(o->policy.arena, &res->devices, &res->n_devices, sizeof *access);
    if (!node || !access)
        return err_set(err, -ENOMEM, "--device %s: out of memory", d->source);
    char type = S_ISCHR(st.st_mode) ? 'c' : 'b';
    *node = (struct device_rule){.path = d->path,
                                 .source = d->source,
                                 .type = type,
                                 .major = major(st.st_rdev),
                                 .minor = minor(st.st_rdev),
                                 .mode = {true, st.st_mode & 0777}};
    *access = (struct device_access){.allow = true,
                                     .type = type,
                                     .major = node->major,
                                     .minor = node->minor,
                                     .read = d->read,
                                     .write = d->write,
                                     .mknod = d->mknod};
    return 0;
}

static int check_apparmor(const struct run_options *o, struct err *err)
{
    char on[8];

    if (!o->policy.process.apparmor_profile)
        return 0;
    ssize_t n = io_read_small(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", on, sizeof on);
    if (n > 0 && on[0] == 'Y')
        return 0;
    return err_set(err, -ENOTSUP,
                   "--security-opt apparmor=%s: this host has no AppArmor: boot with lsm=...,apparmor, or leave "
                   "it out",
                   o->policy.process.apparmor_profile);
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static int apply_layers(struct run_options *o, const struct collect *c, const char *cwd, struct err *err)
{
    int r = policy_build_init(&o->build, &o->policy, cwd, err);

    o->build.no_execution = o->kind->no_execution;
    o->build.root_place = o->kind->root_place;
    if (r < 0 || (r = read_policies(o, err)) < 0)
        return r;
    for (uint32_t i = 0; i < c->n_waiting; i++) {
        r = policy_flag_apply(&o->build, (enum policy_flag)c->waiting[i].id, NULL, c->waiting[i].value, err);
        if (r < 0)
            return r;
    }
    if ((r = policy_build_finish(&o->build, err)) < 0 || (r = read_seccomp(o, err)) < 0 ||
        (r = check_apparmor(o, err)) < 0)
        return r;
    for (uint32_t i = 0; i < o->build.n_devices; i++) {
        if ((r = add_device(o, &o->build.devices[i], err)) < 0)
            return r;
    }
    o->tty = o->policy.process.terminal;
    return 0;
}

/* A bundle brings its policy; what may be said beside it is how to run it. */
static int check_bundle(const struct run_options *o, int operands, struct err *err)
{
    const uint64_t beside = UINT64_C(1) << FLAG_TIMEOUT | UINT64_C(1) << FLAG_STOP_SIGNAL;

    for (int f = 0; f < POLICY_FLAGS; f++) {
        if (o->build.given & ~beside & UINT64_C(1) << f)
            return err_set(err, -EINVAL, "--%s cannot go over a bundle: its config.json is the policy, change it there",
                           policy_flag_name((enum policy_flag)f));
    }
    if (operands)
        return err_set(err, -EINVAL, "a bundle says what to run: change process.args in its config.json");
    return 0;
}

static int make_absolute(struct arena *a, const char *cwd, const char **path, const char *option, struct err *err)
{
    if (!*path || (*path)[0] == '/')
        return 0;
    if (!**path)
        return err_set(err, -EINVAL, "--%s needs a directory", option);
    *path = arena_printf(a, "%s/%s", cwd[1] ? cwd : "", *path);
    return *path ? 0 : err_set(err, -ENOMEM, "--%s: out of memory", option);
}

static int take_operands(struct run_options *o, int argc, char **argv, int first, struct err *err)
{
    bool explain = !strcmp(argv[0], "explain");

    if (o->bundle)
        return check_bundle(o, argc - first, err);
    int n = o->kind->operands(o, argc - first, argv + first, explain, err);
    if (n < 0)
        return n;
    first += n;
    o->command = argv + first;
    o->n_command = argc - first;
    return 0;
}

int run_options_parse(struct arena *a, int argc, char **argv, struct run_options *out, struct err *err)
{
    struct collect c = {.arena = a, .out = out};
    char here[PATH_MAX];
    int first, r;

    memset(out, 0, sizeof *out);
    out->stop_timeout_ms = STOP_SECONDS_DEFAULT * 1000;
    out->log_size = LOG_SIZE_DEFAULT;
    out->log_files = LOG_FILES_DEFAULT;
    out->kind = workload_kinds[0];
    for (size_t i = 0; i < KINDS; i++)
        if (workload_kinds[i]->own_size && !(out->own[i] = arena_alloc(a, workload_kinds[i]->own_size)))
            return err_set(err, -ENOMEM, "out of memory");
    policy_init(&out->policy, a, POLICY_FROM_FLAGS);
    if ((r = policy_default_container(&out->policy, POLICY_DEFAULTS_RUN, err)) < 0)
        return r;
    size_t n = strcmp(argv[0], "explain") ? n_run_options_rows : n_explain_options_rows;
    if ((r = options_parse(run_options_rows, n, argc, argv, true, &first, collect_option, &c, err)) < 0)
        return r;
    if ((r = kind_choose(&c, argc - first, argv + first, err)) < 0)
        return r;
    if (out->bundle && out->rootfs)
        return err_set(err, -EINVAL, "--bundle and --rootfs exclude each other");
    if (out->bundle && (out->policy_file || out->profile))
        return err_set(err, -EINVAL, "--%s cannot go over a bundle: its config.json is the policy",
                       out->profile ? "profile" : "policy");
    if (!getcwd(here, sizeof here))
        return err_sys(err, -errno, "cannot tell the current directory");
    const char *cwd = arena_strdup(a, here);
    if (!cwd)
        return err_set(err, -ENOMEM, "out of memory");
    if ((r = apply_layers(out, &c, cwd, err)) < 0 || (r = make_absolute(a, cwd, &out->rootfs, "rootfs", err)) < 0 ||
        (r = make_absolute(a, cwd, &out->bundle, "bundle", err)) < 0)
        return r;
    if ((r = kind_check(&c, err)) < 0)
        return r;
    if (out->rm && out->restart.policy != RESTART_NO)
        return err_set(err, -EINVAL, "conflicting options: --restart and --rm");
    if (out->strict && out->best_effort)
        return err_set(err, -EINVAL, "--strict and --best-effort exclude each other");
    return take_operands(out, argc, argv, first, err);
}

/* ---- what the host has --------------------------------------------------------------------------------------------
 */

const char *run_options_drop_limits(struct run_options *o, uint32_t controllers)
{
    struct resources *rs = &o->policy.resources;
    const struct policy_build *b = &o->build;
    bool root = geteuid() == 0, memory = controllers >> CG_MEMORY & 1, pids = controllers >> CG_PIDS & 1;
    bool devices = root && controllers >> CG_DEVICES & 1;

    if (!memory && !policy_flag_given(b, FLAG_MEMORY) && !policy_flag_given(b, FLAG_MEMORY_SWAP))
        rs->memory.limit.set = rs->memory.swap.set = false;
    if (!pids && !policy_flag_given(b, FLAG_PIDS_LIMIT))
        rs->pids.set = false;
    /* A user's sandbox has no devices but those that are bound into it, with the rights the user has. */
    if (!devices && !policy_flag_given(b, FLAG_DEVICE_CGROUP_RULE) && (!root || !policy_flag_given(b, FLAG_DEVICE)))
        rs->n_devices = 0;
    if (memory && pids)
        return NULL;
    if (root)
        return "no cgroup hierarchy is mounted: the default limits on memory and processes are not applied";
    return memory ? "not root, and no pids controller is delegated: the default limit on processes is not applied"
           : pids ? "not root, and no memory controller is delegated: the default limit on memory is not applied"
                  : "not root, and no memory and pids controllers are delegated: the default limits on memory and "
                    "processes are not applied (moat boundaries says how to have them)";
}

int run_options_map_user(struct run_options *o, struct err *err)
{
    struct policy *p = &o->policy;
    struct subid *ids = arena_alloc(p->arena, sizeof *ids);
    bool asked = policy_flag_given(&o->build, FLAG_USERNS);

    if (!ids)
        return err_set(err, -ENOMEM, "no memory for id maps");
    if (o->build.userns == USERNS_HOST)
        return err_set(err, -ENOTSUP,
                       "--userns host: without root there are no namespaces but in a user namespace: leave it out");
    if (o->build.userns != USERNS_SINGLE)
        subid_find(ids);
    else
        ids->why_not = "";
    if (ids->why_not && o->build.userns == USERNS_MOAT && asked)
        return err_set(err, -ENOTSUP, "--userns moat: only one id can be mapped: %s", ids->why_not);
    uint32_t n = ids->why_not ? 1 : 2;
    ids->uid[0] = (struct id_map){0, geteuid(), 1};
    ids->gid[0] = (struct id_map){0, getegid(), 1};
    p->ns[NS_USER] = (struct ns_rule){.how = NS_NEW};
    p->uid_maps = (struct id_maps){ids->uid, n};
    p->gid_maps = (struct id_maps){ids->gid, n};
    if (n == 1 && (p->process.user.uid || p->process.user.gid || p->process.user.n_groups))
        return err_set(err, -ENOTSUP, "user %u:%u: only id 0 is mapped without root%s%s", p->process.user.uid,
                       p->process.user.gid, *ids->why_not ? ": " : " and with --userns single", ids->why_not);
    return 0;
}
