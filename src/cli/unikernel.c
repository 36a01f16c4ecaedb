/* SPDX-License-Identifier: Apache-2.0 */
/* See unikernel.h: what a policy of a unikernel begins with, and what it cannot have. Looks at the host; changes
 * nothing. Of the image the first bytes are read. */
#include "cli/unikernel.h"
#include "boundary/unikernel/words.h"
#include "cli/compare.h"
#include "cli/engine_command.h"
#include "cli/engine_walls.h"
#include "cli/packed_root.h"
#include "cli/run_options_internal.h"
#include "linux/fs/imgfs_format.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a memory limit, for the tender and the kernel inside. */
static const struct engine_room room = {(int64_t)2 << 20, (int64_t)4 << 20, "the program: 4m"};

static struct unikernel_options *own(const struct run_options *o)
{
    return o->own[KIND_UNIKERNEL];
}

bool unikernel_is_image(const char *file)
{
    char begins[sizeof(IMAGE_MAGIC) - 1];
    struct stat st;

    _cleanup_fd_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           pread(fd, begins, sizeof begins, 0) == sizeof begins && !memcmp(begins, IMAGE_MAGIC, sizeof begins);
}

/* ---- the command line ------------------------------------------------------------------------------------------- */

static int take_option(struct arena *a, void *options, int id, const char *value, struct err *err)
{
    (void)a;
    (void)err;
    if (id == UNIKERNEL_TRACE)
        ((struct unikernel_options *)options)->trace = !strcmp(value, "true");
    return 0;
}

static int recognise(const char *operand, struct err *err)
{
    (void)err;
    return unikernel_is_image(operand);
}

static int take_operand(struct run_options *run, int argc, char **argv, bool lenient, struct err *err)
{
    return engine_operand(argc, argv, lenient, "-b unikernel [OPTIONS] FILE [ARG...]", &own(run)->image, err);
}

/* ---- the policy ------------------------------------------------------------------------------------------------- */

static int apply_defaults(struct run_options *run, struct err *err)
{
    return engine_walls(&run->policy, SPT_PROGRAM, err);
}

#define NO_HOST_FILES                                                                                                  \
    "a unikernel sees the files of its image and no others yet: moat pack --add puts them there, -b container and -b " \
    "broker show those of the host"
#define NO_NETWORK "a unikernel has its own loopback and no other network yet: -b container has the host's"
#define NO_BROKER  "no call of a unikernel's reaches the host, so there is none to answer: leave it out"
#define INSIDE_ALL "inside, program and kernel are one domain: what a program may do there protects nothing outside"

/* Items that have no meaning for a unikernel or cannot be had yet: their members in a policy file, and why. */
static const struct engine_refusal refused[] = {
    {FLAG_DEFAULTS, "defaults", "a unikernel is shown nothing of the host: leave it out"},
    {FLAG_VOLUME, "volumes", NO_HOST_FILES},
    {FLAG_MOUNT, "mounts", NO_HOST_FILES},
    {FLAG_RO, "ro", NO_HOST_FILES},
    {FLAG_RW, "rw", NO_HOST_FILES},
    {FLAG_DIR, "dirs", NO_HOST_FILES},
    {FLAG_ALLOW, "allow", NO_HOST_FILES},
    {FLAG_SYMLINK, "links", NO_HOST_FILES},
    {FLAG_DENY, "deny", "a unikernel sees no path of the host that could be denied: leave it out"},
    {FLAG_TMPFS, "tmpfs", "what a unikernel writes is in memory as it is: leave it out"},
    {FLAG_BROKER, "broker", NO_BROKER},
    {FLAG_DENY_LOG, "denyLog", NO_BROKER},
    {FLAG_ALLOW_NET, "allowNet", NO_NETWORK},
    {FLAG_NETWORK, "network", NO_NETWORK},
    {FLAG_GROUP_ADD, "groups", "a unikernel's program has one group: leave it out"},
    {FLAG_DOMAINNAME, "domainname", "a unikernel's kernel has no domain name: leave it out"},
    {FLAG_TTY, "terminal", "a unikernel has no terminal yet, but standard streams: leave it out"},
    {FLAG_SECURITY_OPT, "security", "no call of a unikernel's program reaches the host's kernel: leave it out"},
    {FLAG_IOCTLS, "ioctls", "no ioctl of a unikernel's program reaches the host's kernel: leave it out"},
    {FLAG_INIT, "init", "a unikernel's processes are its own kernel's: pack an init as the program"},
    {FLAG_CAP_ADD, "capabilities.add", INSIDE_ALL},
    {FLAG_CAP_DROP, "capabilities.drop", INSIDE_ALL},
    {FLAG_DEVICE, "devices", "a unikernel has no device of the host: -b container has"},
    {FLAG_SHM_SIZE, "shmSize", "its shared memory is part of its memory: --memory"},
    {FLAG_SYSCTL, "sysctl", "a unikernel's kernel has no settings yet"},
};

/* What a policy says of any workload, and a unikernel has already. */
#define ANYWAY                                                                                                         \
    (UINT64_C(1) << FLAG_INIT | UINT64_C(1) << FLAG_CAP_DROP | UINT64_C(1) << FLAG_SECURITY_OPT |                      \
     UINT64_C(1) << FLAG_IOCTLS)

/* Limits of one resource are the kernel's inside, but for descriptors, of which the tender's process has as many: else
 * they would be the tender's. */
static int move_limits(struct policy *p, struct unikernel_options *o, struct err *err)
{
    struct process *pr = &p->process;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < pr->n_rlimits; i++) {
        const struct rlimit_rule *l = &pr->rlimits[i];
        if (l->resource == RLIMIT_NOFILE || l->resource == RLIMIT_CORE) {
            pr->rlimits[kept++] = *l;
            continue;
        }
        int r = engine_take_limit(p->arena, l, &o->limits, err);
        if (r < 0)
            return r;
    }
    pr->n_rlimits = kept;
    return 0;
}

static int check_layers(const struct collect *c, struct err *err)
{
    struct policy *p = c->out->build.p;
    int r = engine_refuse(c, refused, ARRAY_LEN(refused), ANYWAY, err);

    if (r < 0)
        return r;
    engine_layers(p);
    return move_limits(p, own(c->out), err);
}

/* ---- moat-spt's command line ------------------------------------------------------------------------------------ */

/* Its name on the host, which moat opens at each start: the image is handed over, and not shown. */
static int find_image(struct policy_build *b, const char *image, const char **host, struct err *err)
{
    struct arena *a = b->p->arena;
    const char *path = *image == '/' ? image : arena_printf(a, "%s/%s", b->cwd[1] ? b->cwd : "", image);
    struct stat st;

    if (!path)
        return policy_no_memory(err);
    if (stat(path, &st) < 0)
        return err_set(err, -ENOENT, "exec: \"%s\": no such file or directory", image);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EACCES, "exec: \"%s\": it is no file", image);
    if (access(path, R_OK) < 0)
        return err_set(err, -EACCES, "exec: \"%s\": permission denied", image);
    if (!unikernel_is_image(path))
        return err_set(err, -EACCES, "exec: \"%s\": it is no image of a unikernel: moat pack makes one of a program",
                       image);
    *host = path;
    return 0;
}

static int put_start(const struct run_options *run, struct err *err)
{
    const struct policy_build *b = &run->build;
    struct policy *p = b->p;
    int r = engine_put_start(p, err);

    if (r == 0 && own(run)->program)
        r = engine_put(p, "--program", own(run)->program, err);
    else if (r == 0 && policy_flag_given(b, FLAG_ENTRYPOINT) && b->entrypoint.n)
        r = engine_put(p, "--program", b->entrypoint.v[0], err);
    if (r == 0 && policy_flag_given(b, FLAG_READ_ONLY))
        r = engine_put(p, NULL, "--read-only", err);
    return r == 0 && own(run)->trace ? engine_put(p, NULL, "--trace", err) : r;
}

/* The user by the root's own names; outside he is that number in the sandbox's user namespace. */
static int take_user(struct run_options *run, const struct packed_root *root, struct err *err)
{
    struct policy_build *b = &run->build;
    struct user_rule user = {0};
    _cleanup_fd_ int fd = packed_root_user(run, root, &user, err);
    int r = fd < 0 ? fd : 0;

    if (r < 0)
        return r;
    b->user = arena_printf(b->p->arena, "%u:%u", user.uid, user.gid);
    return b->user ? 0 : policy_no_memory(err);
}

static const struct packing packing = {.kind = CLASS_CACHE_UNIKERNEL,
                                       .packer = "moat-pack",
                                       .verb = "pack-root",
                                       .beside = "moat-kernel.elf",
                                       .begins = IMAGE_MAGIC,
                                       .n_begins = sizeof(IMAGE_MAGIC) - 1};

/* Of a root: its packed image, and what runs in it. */
static int find_root(struct run_options *run, const struct packed_root *root, bool pack, const char **host,
                     struct strv *words, struct err *err)
{
    struct policy *p = &run->policy;
    const char *program;
    int r = packed_root_config(run, root, own(run)->image, words, err);

    if (r < 0 || (r = take_user(run, root, err)) < 0 ||
        (r = packed_root_program(p->arena, root, words->v[0], policy_env_get(&p->process.env, "PATH"), p->process.cwd,
                                 &program, err)) < 0)
        return r;
    own(run)->program = program;
    return pack ? packed_root_pack(p->arena, &packing, root, host, err) : 0;
}

/* A file is an image, or nothing; another word means a directory or an image of the store. */
static int find_host(struct run_options *run, bool pack, const char **host, struct strv *words, struct err *err)
{
    const char *word = own(run)->image;
    struct packed_root root;
    struct stat st;

    if (stat(word, &st) == 0 && S_ISREG(st.st_mode))
        return find_image(&run->build, word, host, err);
    int r = packed_root_find(run->policy.arena, word, &root, err);
    if (r == -ENOENT)
        return err_set(err, r, "exec: \"%s\": there is no file, no directory and no image of that name", word);
    if (r == 0)
        r = find_root(run, &root, pack, host, words, err);
    packed_root_close(&root);
    return r;
}

static int find(struct run_options *run, const struct finding *f, struct err *err)
{
    struct policy *p = &run->policy;
    const char *host = NULL;
    struct strv words = {0};
    int r = own(run)->image ? find_host(run, f->purpose != FIND_TO_EXPLAIN, &host, &words, err) : 0;

    p->process.argv = (struct strv){0};
    if (r < 0 || (r = engine_put(p, NULL, SPT_PROGRAM, err)) < 0 ||
        (r = engine_put_limits(p, &room, &own(run)->limits, err)) < 0 || (r = put_start(run, err)) < 0 || !host ||
        (r = engine_put(p, "--image", host, err)) < 0)
        return r;
    p->resources.pids.set = false; /* of the kernel's tasks inside; the tender makes no process */
    for (uint32_t i = 1; i < words.n && r == 0; i++)
        r = engine_put(p, NULL, words.v[i], err);
    for (int i = 0; !words.n && i < run->n_command && r == 0; i++)
        r = engine_put(p, NULL, run->command[i], err);
    return r;
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

static bool is_given(const void *options)
{
    return ((const struct unikernel_options *)options)->trace;
}

static int refuse(const void *options, struct err *err)
{
    return is_given(options)
               ? err_set(err, -EINVAL, "--trace shows the system calls of a unikernel: -b unikernel has it")
               : 0;
}

static const char *name_of(const struct run_options *run)
{
    return own(run)->image;
}

static int command_of(struct arena *a, const struct strv *argv, struct strv *out)
{
    const uint32_t from = unikernel_program_words(argv);

    (void)a;
    *out = (struct strv){argv->v + from, argv->n - from};
    return 0;
}

static const struct compare_row compared = {.boundary = "unikernel", .work_dir = "/tmp", .image = true, .packed = true};

static const char *memory_note(struct arena *a, const struct strv *argv)
{
    return engine_memory_note(a, "its program keeps", unikernel_word_value(argv, "--memory"));
}

const struct workload_kind unikernel_kind = {
    .types = {"unikernel"},
    .boundary = "unikernel",
    .words = "a unikernel's image",
    .of_host = true,
    .no_programs = "-b unikernel runs images that moat pack has made",
    .packs = true,
    .compare = &compared,
    .no_filter = "the filter of a unikernel is raised by moat-spt inside (src/spt), and there is none around its start",
    .keeps = "packed roots",
    .own_size = sizeof(struct unikernel_options),
    .option = take_option,
    .is_given = is_given,
    .refuse = refuse,
    .recognise = recognise,
    .operands = take_operand,
    .defaults = apply_defaults,
    .check = check_layers,
    .find = find,
    .name = name_of,
    .no_terminal = true, /* its kernel has a terminal's calls only for its own */
    .command = command_of,
    .memory_note = memory_note,
    .fixed_tasks = "a unikernel's kernel counts its own tasks, up to what it was made with: make the sandbox anew",
};
