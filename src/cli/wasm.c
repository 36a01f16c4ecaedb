/* SPDX-License-Identifier: Apache-2.0 */
/* See wasm.h: its options, and what a policy of a module begins with. Looks at the host; changes nothing. No module is
 * opened but for its first bytes. */
#include "cli/wasm.h"
#include "boundary/wasm/words.h"
#include "cli/engine_walls.h"
#include "cli/run_options_internal.h"
#include "cli/when.h"
#include "policy/defaults.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* 2000-01-01T00:00:00Z: what `--clock fixed` says alone. */
#define FIXED_TIME "946684800000000000"

/* ---- the command line ------------------------------------------------------------------------------------------- */

static int read_clock(struct arena *a, struct wasm_options *o, const char *value, struct err *err)
{
    int64_t ns;

    if (!strcmp(value, "real")) {
        o->clock = "";
        return 0;
    }
    if (!strcmp(value, "fixed")) {
        o->clock = FIXED_TIME;
        return 0;
    }
    if (strncmp(value, "fixed=", 6) != 0)
        return err_set(err, -EINVAL, "--clock %s: real (the default), fixed, or fixed=TIME", value);
    int r = when_parse("clock", value + 6, 0, &ns, err);
    if (r < 0)
        return r;
    if (ns < 0)
        return err_set(err, -EINVAL, "--clock %s: before 1970", value);
    o->clock = arena_printf(a, "%" PRId64, ns);
    return o->clock ? 0 : policy_no_memory(err);
}

static int check_number(const char *option, const char *value, struct err *err)
{
    char *end;

    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    bool fuel = !strcmp(option, "fuel");
    if (strspn(value, "0123456789") != strlen(value) || end == value || errno || (fuel && n > INT64_MAX))
        return err_set(err, -EINVAL, "--%s %s: a whole number%s is expected", option, value,
                       fuel ? " of instructions" : "");
    return 0;
}

/* "8080", "8080:80", "127.0.0.1:8080:80", "[::1]:8080"; what stands behind the host's port means nothing to a module,
 * which gets the socket itself. */
static int add_listener(struct arena *a, struct wasm_options *o, const char *value, struct err *err)
{
    const char *port = value, *rest, *bracket = *value == '[' ? strchr(value, ']') : NULL;
    size_t address = 0;
    char *end;

    if (bracket && bracket[1] == ':')
        address = (size_t)(bracket + 1 - value);
    else if (strcspn(value, ".") < strcspn(value, ":"))
        address = strcspn(value, ":");
    port = value + address + (address ? 1 : 0);
    long n = strtol(port, &end, 10);
    rest = *end == ':' ? end + 1 + strspn(end + 1, "0123456789") : end;
    if (end == port || *port < '0' || *port > '9' || n < 1 || n > 65535 || (*rest && strcmp(rest, "/tcp") != 0))
        return err_set(err, -EINVAL,
                       "--publish %s: [ADDRESS:]PORT[:PORT][/tcp] is expected, as 8080 or 127.0.0.1:8080:80", value);
    const char *text =
        address ? arena_printf(a, "%.*s:%ld", (int)address, value, n) : arena_printf(a, "0.0.0.0:%ld", n);
    return text && policy_strv_push(a, &o->listen, text) == 0 ? 0 : policy_no_memory(err);
}

static int take_option(struct arena *a, void *own, int id, const char *value, struct err *err)
{
    struct wasm_options *o = own;

    if (id == WASM_PUBLISH)
        return add_listener(a, o, value, err);
    o->given = true;
    switch (id) {
    case WASM_INVOKE:
        o->invoke = value;
        return *value ? 0 : err_set(err, -EINVAL, "--invoke: the name is empty");
    case WASM_FUEL:
        o->fuel = value;
        return check_number("fuel", value, err);
    case WASM_SEED:
        o->seed = value;
        return check_number("seed", value, err);
    case WASM_CLOCK:
        return read_clock(a, o, value, err);
    default:
        o->engine = value;
        return !strcmp(value, "baseline") || !strcmp(value, "interpreter")
                   ? 0
                   : err_set(err, -EINVAL, "--engine %s: baseline (the default) or interpreter", value);
    }
}

static bool is_module(const char *word)
{
    struct stat st;
    char begins[4];

    _cleanup_fd_ int fd = open(word, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && pread(fd, begins, 4, 0) == 4 &&
           !memcmp(begins, "\0asm", 4);
}

/* A file that begins as a module; one that has a module's name alone is refused. */
static int recognise(const char *word, struct err *err)
{
    static const char ending[] = ".wasm";
    const size_t n = strlen(word), least = sizeof ending - 1;
    struct stat st;

    if (is_module(word))
        return 1;
    if (n <= least || strcmp(word + n - least, ending) || stat(word, &st) < 0 || !S_ISREG(st.st_mode) ||
        access(word, R_OK) < 0)
        return 0;
    return err_set(err, -EINVAL, "%s is %s, and so no WebAssembly module; for an image of that name: -b container",
                   word, st.st_size ? "a file that begins otherwise than a module" : "an empty file");
}

static struct wasm_options *own(const struct run_options *o)
{
    return o->own[KIND_WASM];
}

static int take_operand(struct run_options *run, int argc, char **argv, bool lenient, struct err *err)
{
    return engine_operand(argc, argv, lenient, "-b wasm [OPTIONS] FILE.wasm [ARG...]", &own(run)->module, err);
}

/* ---- what is there ---------------------------------------------------------------------------------------------- */

static int apply_defaults(struct run_options *run, struct err *err)
{
    int r = engine_walls(&run->policy, WASM_PROGRAM, err);

    run->policy.resources.pids.set = false; /* the engine may make no process */
    return r;
}

/* ---- behind the layers ------------------------------------------------------------------------------------------ */

#define NO_NETWORK  "WASI preview 1 makes no connections: -b broker runs the same program built for this host"
#define NO_PROGRAMS "a module starts no programs and makes no processes"
#define NO_RIGHTS   "a module has no call that needs one"

/* Items that have no meaning for a module: their members in a policy file, and why. */
static const struct engine_refusal refused[] = {
    {FLAG_DEFAULTS, "defaults", "a module is shown nothing of the host by default: leave it out"},
    {FLAG_ENTRYPOINT, "entrypoint", "a module's start is its own: --invoke NAME calls another of its functions"},
    {FLAG_BROKER, "broker",
     "a module's files are beneath the directories that it is given, which no broker need answer for: --ro, "
     "--rw, --allow"},
    {FLAG_ALLOW_NET, "allowNet", NO_NETWORK},
    {FLAG_NETWORK, "network", NO_NETWORK},
    {FLAG_PIDS_LIMIT, "limits.pids", NO_PROGRAMS},
    {FLAG_INIT, "init", NO_PROGRAMS},
    {FLAG_CAP_ADD, "capabilities.add", NO_RIGHTS},
    {FLAG_DEVICE, "devices", "a module opens no devices"},
    {FLAG_SHM_SIZE, "shmSize", "a module has no shared memory"},
    {FLAG_SYSCTL, "sysctl", "a module sees none"},
    {FLAG_SYMLINK, "links",
     "a module's paths follow no link that leads out of a directory: --dir HOST::GUEST gives another name"},
};

/* What a policy says of any workload, and a module has already. */
#define ANYWAY (UINT64_C(1) << FLAG_PIDS_LIMIT | UINT64_C(1) << FLAG_INIT)

/* The limit would hold for the room that the engine needs for code, too: it sets it for itself, once it has that. */
static void take_file_size(struct policy *p, struct wasm_options *o)
{
    struct process *pr = &p->process;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < pr->n_rlimits; i++) {
        if (pr->rlimits[i].resource != RLIMIT_FSIZE)
            pr->rlimits[kept++] = pr->rlimits[i];
        else if (pr->rlimits[i].soft <= INT64_MAX)
            o->file_size = arena_printf(p->arena, "%" PRIu64, pr->rlimits[i].soft);
    }
    pr->n_rlimits = kept;
}

static int check_layers(const struct collect *c, struct err *err)
{
    const struct policy_build *b = &c->out->build;
    struct wasm_options *o = own(c->out);
    struct policy *p = b->p;
    int r = engine_refuse(c, refused, ARRAY_LEN(refused), ANYWAY, err);

    if (r < 0)
        return r;
    engine_layers(p);
    p->resources.pids.set = false;
    /* moat-wasm says them, from inside the program's own process: no call need be shown to a broker for it. */
    if (policy_flag_given(b, FLAG_DENY_LOG))
        o->tell = p->deny_log ? "all" : "none";
    p->deny_log = false;
    take_file_size(p, o);
    if (!p->process.terminal)
        return 0;
    r = policy_mount_add(p, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=64k", err);
    if (r == 0)
        r = policy_mount_add(p, "/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620",
                             err);
    policy_mounts_sort(p, 0);
    return r;
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

static bool is_given(const void *options)
{
    return ((const struct wasm_options *)options)->given;
}

static int refuse(const void *options, struct err *err)
{
    const struct wasm_options *o = options;

    if (o->listen.n)
        return err_set(
            err, -EINVAL,
            "--publish is refused: it comes with moat's own networks, which are not in this build: --network "
            "none or host (-b wasm has it)");
    return o->given ? err_set(err, -EINVAL,
                              "--invoke, --fuel, --clock, --seed and --engine are about WebAssembly modules: "
                              "-b wasm has them")
                    : 0;
}

static int find(struct run_options *run, const struct finding *f, struct err *err)
{
    struct wasm_options *o = own(run);

    o->runs = f->purpose != FIND_TO_EXPLAIN;
    o->kept = f->purpose == FIND_TO_KEEP;
    return wasm_find(&run->build, o, run->command, run->n_command, err);
}

static const char *name_of(const struct run_options *run)
{
    return own(run)->module;
}

static int command_of(struct arena *a, const struct strv *argv, struct strv *out)
{
    const uint32_t from = wasm_program_words(argv);

    (void)a;
    *out = (struct strv){argv->v + from, argv->n - from};
    return 0;
}

/* A module gets the socket itself, so the port inside is that outside. */
static const char *ports_of(struct arena *a, const struct strv *argv)
{
    char *text = arena_strdup(a, "");
    const char *word, *value;
    uint32_t at = 0;

    while (text && (word = wasm_next_word(argv, &at, &value))) {
        const char *port = !strcmp(word, "--listen") && value ? strrchr(value, ':') : NULL;
        if (port)
            text = arena_printf(a, "%s%s%s->%s/tcp", text, *text ? ", " : "", value, port + 1);
    }
    return text;
}

const struct workload_kind wasm_kind = {
    .types = {"wasm"},
    .boundary = "wasm",
    .words = "a WebAssembly module",
    .of_host = true,
    .no_programs = "-b wasm runs modules",
    .no_filter =
        "the filter of a module is raised by moat-wasm inside (src/wasmrun/fence.c), and there is none around its "
        "start",
    .keeps = "compiled modules",
    .own_size = sizeof(struct wasm_options),
    .option = take_option,
    .is_given = is_given,
    .refuse = refuse,
    .recognise = recognise,
    .operands = take_operand,
    .defaults = apply_defaults,
    .no_execution = true,
    .root_place = WASM_ROOT_PLACE,
    .check = check_layers,
    .find = find,
    .name = name_of,
    .no_terminal = true, /* it has no call that could do to the caller's what one of its own is for */
    .says_timeout = true,
    .command = command_of,
    .ports = ports_of,
};
