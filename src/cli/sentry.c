/* SPDX-License-Identifier: Apache-2.0 */
/* See sentry.h: what a policy of a sentry begins with, what it cannot have, and moat-sentry's command line. Looks at
 * the host; what it packs is kept in the cache of whoever runs it. */
#include "cli/sentry.h"
#include "boundary/container/container.h"
#include "boundary/sentry/words.h"
#include "cli/compare.h"
#include "cli/engine_command.h"
#include "cli/engine_walls.h"
#include "cli/packed_root.h"
#include "cli/run_options_internal.h"
#include "image/users.h"
#include "linux/fs/imgfs_format.h"
#include "policy/defaults.h"
#include "policy/list.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_LEAST 1024
/* A task inside is a task of the host, and so is each address space; the sentry has some. */
#define TASKS_MORE  16
#define TASKS_TIMES 2
#define SHM_OPTIONS "nosuid,noexec,nodev,mode=1777,size=65536k" /* docker's */

/* Of a memory limit, for the sentry itself and the host's part of each task. */
static const struct engine_room room = {(int64_t)8 << 20, (int64_t)16 << 20, "the programs: 16m"};

static struct sentry_options *own(const struct run_options *o)
{
    return o->own[KIND_SENTRY];
}

/* ---- the command line ------------------------------------------------------------------------------------------- */

static int take_option(struct arena *a, void *options, int id, const char *value, struct err *err)
{
    (void)a;
    (void)err;
    if (id == SENTRY_STRACE)
        ((struct sentry_options *)options)->strace = !strcmp(value, "true");
    return 0;
}

/* -b sentry=FORM */
static int take_form(void *options, const char *form, struct err *err)
{
    if (strcmp(form, "notify") && strcmp(form, "trap"))
        return err_set(err, -EINVAL, "-b sentry=%s: notify or trap", form);
    ((struct sentry_options *)options)->platform = form;
    return 0;
}

static int take_operand(struct run_options *run, int argc, char **argv, bool lenient, struct err *err)
{
    return engine_operand(argc, argv, lenient, "-b sentry [OPTIONS] IMAGE|DIR [COMMAND...]", &own(run)->image, err);
}

/* ---- the policy ------------------------------------------------------------------------------------------------- */

/* Capabilities begin as a container's and are the programs' inside; the sentry itself has none. */
static int apply_defaults(struct run_options *run, struct err *err)
{
    const struct cap_sets caps = run->policy.process.caps;
    int r = engine_walls(&run->policy, SENTRY_PROGRAM, err);

    run->policy.process.caps = caps;
    return r < 0 ? r : policy_mount_add(&run->policy, "/dev/shm", "tmpfs", "tmpfs", SHM_OPTIONS, err);
}

#define PARTLY                                                                                                         \
    "a sentry shows a path of the host as a whole, read-only or not: -v, --ro, --rw; -b broker has rules in it"
#define NO_BROKER  "no call of a sentry's program reaches the host, so there is none to answer: leave it out"
#define NO_NETWORK "a sentry has its own loopback and no other network yet: -b container has the host's"

static const struct engine_refusal refused[] = {
    {FLAG_DEFAULTS, "defaults", "a sentry is shown nothing of the host: leave it out"},
    {FLAG_ALLOW, "allow", PARTLY},
    {FLAG_DENY, "deny", PARTLY},
    {FLAG_SYMLINK, "links", "the root of a sentry is an image's, which has its own links: leave it out"},
    {FLAG_BROKER, "broker", NO_BROKER},
    {FLAG_DENY_LOG, "denyLog", NO_BROKER},
    {FLAG_ALLOW_NET, "allowNet", NO_NETWORK},
    {FLAG_NETWORK, "network", NO_NETWORK},
    {FLAG_DOMAINNAME, "domainname", "a sentry's kernel has no domain name: leave it out"},
    {FLAG_SECURITY_OPT, "security", "no call of a sentry's program reaches the host's kernel: leave it out"},
    {FLAG_IOCTLS, "ioctls", "no ioctl of a sentry's program reaches the host's kernel: leave it out"},
    {FLAG_INIT, "init", "a sentry's processes are its own kernel's: name an init of the image as the command"},
    {FLAG_DEVICE, "devices", "a sentry has no device of the host: -b container has"},
    {FLAG_SYSCTL, "sysctl", "a sentry's kernel has no settings yet"},
};

/* What a policy says of any workload, and a sentry has already. */
#define ANYWAY (UINT64_C(1) << FLAG_INIT | UINT64_C(1) << FLAG_SECURITY_OPT | UINT64_C(1) << FLAG_IOCTLS)

/* Limits of one resource are the kernel's inside: else they would be the sentry's. It opens nothing itself, so there it
 * needs no more descriptors than a few. */
static int move_limits(struct policy *p, struct sentry_options *o, struct err *err)
{
    struct process *pr = &p->process;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < pr->n_rlimits; i++) {
        struct rlimit_rule l = pr->rlimits[i];
        int r = l.resource != RLIMIT_CORE ? engine_take_limit(p->arena, &l, &o->limits, err) : 0;
        if (r < 0)
            return r;
        if (l.resource == RLIMIT_NOFILE) {
            l.hard = l.hard > FILES_LEAST ? l.hard : FILES_LEAST;
            l.soft = l.soft > FILES_LEAST ? l.soft : FILES_LEAST;
        }
        if (l.resource == RLIMIT_NOFILE || l.resource == RLIMIT_CORE)
            pr->rlimits[kept++] = l;
    }
    pr->n_rlimits = kept;
    return 0;
}

static int check_layers(const struct collect *c, struct err *err)
{
    struct policy *p = c->out->build.p;
    struct sentry_options *o = own(c->out);
    int r = engine_refuse(c, refused, ARRAY_LEN(refused), ANYWAY, err);

    if (r < 0)
        return r;
    engine_layers(p);
    o->caps = p->process.caps.bounding;
    p->process.caps = (struct cap_sets){.set = true};
    return (r = sentry_take_files(p, o, err)) < 0 ? r : move_limits(p, o, err);
}

/* ---- moat-sentry's command line --------------------------------------------------------------------------------- */

static int put_limits(struct policy *p, const struct sentry_options *o, struct err *err)
{
    struct opt_i64 *tasks = &p->resources.pids;
    int r = engine_put_limits(p, &room, &o->limits, err);

    if (tasks->set && tasks->v > 0)
        tasks->v = TASKS_TIMES * tasks->v + TASKS_MORE;
    return r;
}

/* UID:GID[:GROUP...], and where he lives. Outside, all is the sandbox's root, who is nobody there. */
static int put_user(struct run_options *run, const struct packed_root *root, struct err *err)
{
    struct policy *p = &run->policy;
    const char *ids;
    struct user_rule user = {0};
    char home[512];
    _cleanup_fd_ int fd = packed_root_user(run, root, &user, err);
    int r = fd < 0 ? fd : 0;

    if (r < 0 || (r = users_add_groups(p->arena, fd, &run->build.groups, &user, err)) < 0)
        return r;
    ids = arena_printf(p->arena, "%u:%u", user.uid, user.gid);
    for (uint32_t i = 0; i < user.n_groups && ids; i++)
        ids = arena_printf(p->arena, "%s:%u", ids, user.groups[i]);
    if ((r = engine_put(p, "--user", ids, err)) < 0)
        return r;
    run->build.user = NULL;
    run->build.groups = (struct strv){0};
    if (policy_env_get(&p->process.env, "HOME"))
        return 0;
    home_find(fd, user.uid, home, sizeof home);
    return engine_put(p, "--env", arena_strdup(p->arena, home), err);
}

/* The programs have another, of the kernel inside. */
static int put_terminal(struct policy *p, struct err *err)
{
    int r = engine_terminal(p, err);

    return r < 0 ? r : engine_put(p, NULL, "--terminal", err);
}

static int put_kernel(struct run_options *run, const char *sandbox, struct err *err)
{
    struct policy *p = &run->policy;
    const struct sentry_options *o = own(run);
    const char *name = p->hostname ? p->hostname : sandbox;
    int r = engine_put(p, NULL, SENTRY_PROGRAM, err);

    if (r == 0)
        r = engine_put_given(p, "--platform", o->platform, err);
    if (r == 0)
        r = put_limits(p, o, err);
    if (r == 0)
        r = engine_put_given(p, "--hostname", name, err);
    if (r == 0)
        r = engine_put(p, "--caps", arena_printf(p->arena, "%" PRIx64, o->caps), err);
    if (r == 0)
        r = sentry_put_files(p, o, err);
    if (r == 0 && p->process.terminal)
        r = put_terminal(p, err);
    if (r == 0 && policy_flag_given(&run->build, FLAG_READ_ONLY))
        r = engine_put(p, NULL, "--read-only", err);
    return r == 0 && o->strace ? engine_put(p, NULL, "--trace", err) : r;
}

static const struct packing packing = {.kind = CLASS_CACHE_SENTRY,
                                       .packer = "moat-pack",
                                       .verb = "pack-root",
                                       .option = "--files",
                                       .begins = IMAGE_MAGIC,
                                       .n_begins = sizeof(IMAGE_MAGIC) - 1};

/* A program on a volume is not in the root. */
static bool is_on_volume(const struct sentry_options *o, const char *path)
{
    for (uint32_t i = 0; i < o->volumes.n; i++) {
        const char *place = strchr(strchr(o->volumes.v[i], ':') + 1, ':') + 1;
        const size_t n = strlen(place);
        if (!strncmp(path, place, n) && (!path[n] || path[n] == '/'))
            return true;
    }
    return false;
}

static int find_program(struct run_options *run, const struct packed_root *root, const char *word, const char **out,
                        struct err *err)
{
    struct policy *p = &run->policy;

    *out = *word == '/' ? word : arena_printf(p->arena, "%s/%s", p->process.cwd[1] ? p->process.cwd : "", word);
    if (strchr(word, '/') && *out && is_on_volume(own(run), *out))
        return 0;
    return packed_root_program(p->arena, root, word, policy_env_get(&p->process.env, "PATH"), p->process.cwd, out, err);
}

/* An image of the store is packed; a directory is one more root of the gofer's, which is never written to. */
static int put_root(struct policy *p, const struct sentry_options *o, const struct packed_root *root, bool pack,
                    const char **image, struct err *err)
{
    if (root->id)
        return pack ? packed_root_pack(p->arena, &packing, root, image, err) : 0;
    int r = engine_put(p, "--volume", arena_printf(p->arena, "%u:rc:/", o->volumes.n), err);
    return r < 0 ? r : engine_put(p, "--host", root->path, err);
}

/* The rest, from the root: who runs what, and the root itself as a file, whose name is not needed to explain. */
static int put_program(struct run_options *run, const struct packed_root *root, bool pack, struct err *err)
{
    struct policy *p = &run->policy;
    const char *program, *image = root->path;
    struct strv words = {0};
    int r = packed_root_config(run, root, own(run)->image, &words, err);

    if (r == -EINVAL && !pack && !words.n) { /* what would confine it can be said without a command */
        *err = (struct err){0};
        return (r = put_user(run, root, err)) < 0 ? r : engine_put_start(p, err);
    }
    if (r < 0 || (r = find_program(run, root, words.v[0], &program, err)) < 0 ||
        (r = put_root(p, own(run), root, pack, &image, err)) < 0 || (r = put_user(run, root, err)) < 0 ||
        (r = engine_put_start(p, err)) < 0 || (r = engine_put(p, "--program", program, err)) < 0 ||
        (r = engine_put(p, "--argv0", words.v[0], err)) < 0 || (r = engine_put(p, "--image", image, err)) < 0)
        return r;
    for (uint32_t i = 1; i < words.n && r == 0; i++)
        r = engine_put(p, NULL, words.v[i], err);
    return r;
}

static int find_root(struct run_options *run, struct packed_root *root, struct err *err)
{
    int r = packed_root_find(run->policy.arena, own(run)->image, root, err);

    return r == -ENOENT
               ? err_set(err, r,
                         "exec: \"%s\": there is no directory and no image of that name: moat pull and moat import "
                         "bring images in, and a directory has a slash, as ./tree",
                         own(run)->image)
               : r;
}

static int find(struct run_options *run, const struct finding *f, struct err *err)
{
    struct packed_root root;

    run->policy.process.argv = (struct strv){0};
    int r = put_kernel(run, f->sandbox, err);
    if (r < 0 || !own(run)->image)
        return r < 0 ? r : engine_put_start(&run->policy, err);
    if ((r = find_root(run, &root, err)) == 0)
        r = put_program(run, &root, f->purpose != FIND_TO_EXPLAIN, err);
    packed_root_close(&root);
    return r;
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

static bool is_given(const void *options)
{
    return ((const struct sentry_options *)options)->strace;
}

static int refuse(const void *options, struct err *err)
{
    return is_given(options)
               ? err_set(err, -EINVAL, "--strace shows the system calls that a sentry answers: -b sentry has it")
               : 0;
}

static const char *name_of(const struct run_options *run)
{
    return own(run)->image;
}

static int command_of(struct arena *a, const struct strv *argv, struct strv *out)
{
    const char *first = sentry_word_value(argv, "--argv0");
    int r = first ? policy_strv_push(a, out, first) : 0;

    for (uint32_t i = sentry_program_words(argv); i < argv->n && r == 0; i++)
        r = policy_strv_push(a, out, argv->v[i]);
    return r;
}

static const char *memory_note(struct arena *a, const struct strv *argv)
{
    return engine_memory_note(a, "its programs keep", sentry_word_value(argv, "--memory"));
}

static const struct compare_row compared = {
    .boundary = "sentry", .root = "{work}/root", .program_dir = "", .work_dir = "/tmp", .rooted = true, .image = true};

const struct workload_kind sentry_kind = {
    .types = {"sentry"},
    .boundary = "sentry",
    .words = "programs of an image",
    .of_host = true,
    .no_programs = "-b sentry runs images and directories",
    .no_filter = "the filters of a sentry are raised by moat-sentry inside (src/sentry), and there is none around its "
                 "start: moat explain --surface NAME reads them back",
    .roots = true,
    .keeps = "packed roots",
    .compare = &compared,
    .own_size = sizeof(struct sentry_options),
    .option = take_option,
    .form = take_form,
    .is_given = is_given,
    .refuse = refuse,
    .operands = take_operand,
    .defaults = apply_defaults,
    .check = check_layers,
    .find = find,
    .name = name_of,
    .no_terminal = true,
    .command = command_of,
    .memory_note = memory_note,
    .fixed_tasks = "a sentry's kernel counts its own tasks, up to what it was made with: make the sandbox anew",
};
