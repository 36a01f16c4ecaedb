/* SPDX-License-Identifier: Apache-2.0 */
/* See machine.h: what a policy of a machine begins with, what it cannot have, and moat-vmm's command line. Looks at the
 * host; what it makes is kept in the cache of whoever runs it. */
#include "cli/machine.h"
#include "boundary/container/container.h"
#include "boundary/microvm/words.h"
#include "cli/compare.h"
#include "cli/engine_command.h"
#include "cli/engine_walls.h"
#include "cli/packed_root.h"
#include "cli/run_options_internal.h"
#include "cli/snapshot.h"
#include "cli/vm_medium.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_KERNEL "kernel" /* the name of one that was not named */

static struct machine_options *own(const struct run_options *o)
{
    return o->own[KIND_MACHINE];
}

/* ---- the command line ------------------------------------------------------------------------------------------- */

static int one_of(const char *option, const char *value, const char *const *words, struct err *err)
{
    for (size_t i = 0; words[i]; i++)
        if (!strcmp(value, words[i]))
            return 0;
    return err_set(err, -EINVAL, "--%s %s: %s, %s%s%s", option, value, words[0], words[1], words[2] ? " or " : "",
                   words[2] ? words[2] : "");
}

static int take_option(struct arena *a, void *options, int id, const char *value, struct err *err)
{
    static const char *const accels[] = {"auto", "kvm", "soft", NULL}, *const machines[] = {"micro", "kut", NULL};
    struct machine_options *o = options;

    o->given = true;
    switch (id) {
    case MACHINE_KERNEL:
        o->kernel = value;
        return 0;
    case MACHINE_APPEND:
        o->append = value;
        return 0;
    case MACHINE_CPU:
        o->cpu = value;
        return 0;
    case MACHINE_ACCEL:
        o->accel = value;
        return one_of("accel", value, accels, err);
    case MACHINE_MACHINE:
        o->machine = value;
        return one_of("machine", value, machines, err);
    case MACHINE_RESTORE:
        o->restore = value;
        return 0;
    case MACHINE_INITRD:
        return policy_strv_push(a, &o->initrds, value) < 0 ? policy_no_memory(err) : 0;
    case MACHINE_DISK:
        return policy_strv_push(a, &o->disks, value) < 0 ? policy_no_memory(err) : 0;
    default:
        o->debug = !strcmp(value, "true");
        return 0;
    }
}

/* None at all: the initramfs says what runs. */
static int take_operands(struct run_options *run, int argc, char **argv, bool lenient, struct err *err)
{
    if (argc < 1)
        return lenient || own(run)->kernel || own(run)->restore
                   ? 0
                   : err_set(err, -EINVAL,
                             "what is to run is missing: moat run -b microvm [OPTIONS] IMAGE [COMMAND...], "
                             "or --kernel FILE [--initrd FILE]");
    own(run)->image = argv[0];
    return 1;
}

/* ---- the policy ------------------------------------------------------------------------------------------------- */

int machine_defaults(struct run_options *run, struct err *err)
{
    return engine_walls(&run->policy, VMM_PROGRAM, err);
}

#define NO_HOST_FILES                                                                                                  \
    "a machine sees the files of its image and of its disks (--disk FILE; of a PC --hda, --floppy); -b container "     \
    "shows the host's"
#define NO_NETWORK "a machine has a network of its own: --network tap=NAME attaches it to an interface of this host"
#define NO_BROKER  "no call of a machine's program reaches the host, so there is none to answer: leave it out"
#define INSIDE     "inside, that is the guest's own kernel's: it protects nothing outside"

static const struct engine_refusal refused[] = {
    {FLAG_VOLUME, "volumes", NO_HOST_FILES},
    {FLAG_MOUNT, "mounts", NO_HOST_FILES},
    {FLAG_RO, "ro", NO_HOST_FILES},
    {FLAG_RW, "rw", NO_HOST_FILES},
    {FLAG_DIR, "dirs", NO_HOST_FILES},
    {FLAG_ALLOW, "allow", NO_HOST_FILES},
    {FLAG_SYMLINK, "links", NO_HOST_FILES},
    {FLAG_DEFAULTS, "defaults", "a machine has no directory of the host: leave it out"},
    {FLAG_DENY, "deny", "a machine sees no path of the host that could be denied: leave it out"},
    {FLAG_TMPFS, "tmpfs", "what a machine's program writes is in memory as it is: leave it out"},
    {FLAG_BROKER, "broker", NO_BROKER},
    {FLAG_DENY_LOG, "denyLog", NO_BROKER},
    {FLAG_ALLOW_NET, "allowNet", NO_NETWORK},
    {FLAG_NETWORK, "network", NO_NETWORK},
    {FLAG_DOMAINNAME, "domainname", "the guest's init sets no domain name yet: leave it out"},
    {FLAG_SECURITY_OPT, "security", INSIDE},
    {FLAG_IOCTLS, "ioctls", INSIDE},
    {FLAG_INIT, "init", "the guest has an init of its own: leave it out"},
    {FLAG_CAP_ADD, "capabilities.add", INSIDE},
    {FLAG_CAP_DROP, "capabilities.drop", INSIDE},
    {FLAG_DEVICE, "devices",
     "a machine has devices of its own: its disks, --network tap=NAME; -b container has the host's"},
    {FLAG_SHM_SIZE, "shmSize", "its shared memory is part of its memory: --memory"},
    {FLAG_SYSCTL, "sysctl", "the guest's kernel has settings of its own: --append, or the program sets them"},
    {FLAG_PIDS_LIMIT, "limits.pids", "the guest's kernel counts its processes itself: its memory bounds them"},
    {FLAG_ULIMIT, "ulimits", "the guest's init sets no limits of one resource yet: ulimit(1) does inside"},
};

#define FLAG(f) (UINT64_C(1) << (f))
#define ANYWAY                                                                                                         \
    (FLAG(FLAG_INIT) | FLAG(FLAG_CAP_DROP) | FLAG(FLAG_SECURITY_OPT) | FLAG(FLAG_IOCTLS) | FLAG(FLAG_PIDS_LIMIT) |     \
     FLAG(FLAG_ULIMIT))

static const struct engine_refusal no_terminal[] = {
    {FLAG_TTY, "terminal", "a machine's program has standard streams and no terminal yet: leave it out"},
};

int machine_check(const struct collect *c, bool terminal, struct err *err)
{
    struct policy *p = c->out->build.p;
    int r = terminal ? 0 : engine_refuse(c, no_terminal, ARRAY_LEN(no_terminal), 0, err);

    if (r == 0)
        r = engine_refuse(c, refused, ARRAY_LEN(refused), ANYWAY, err);
    if (r == 0) {
        engine_layers(p);
        p->resources.pids.set = false; /* of moat-vmm's two processes; the guest's tasks are its kernel's */
    }
    return r;
}

static int check_layers(const struct collect *c, struct err *err)
{
    return machine_check(c, false, err);
}

/* ---- what it boots --------------------------------------------------------------------------------------------- */

static const struct packing packing = {
    .kind = CLASS_CACHE_MACHINE, .packer = "moat-bootfile", .verb = "initrd", .begins = "070701", .n_begins = 6};

/* What it boots from: the root, packed, and over it our init with the modules. */
static int find_image(struct run_options *run, const struct finding *f, const struct packed_root *root, struct err *err)
{
    struct policy *p = &run->policy;
    const char *kernel, *beside, *archive, *init;
    struct strv words = {0}, modules = {0};
    int r = packed_root_config(run, root, own(run)->image, &words, err);

    p->process.argv = (struct strv){0};
    if (r < 0 || (r = machine_kernel(p->arena, own(run)->kernel, &kernel, &beside, err)) < 0 ||
        (r = packed_root_pack(p->arena, &packing, root, &archive, err)) < 0 ||
        (r = machine_init_archive(p->arena, beside, &init, &modules, err)) < 0 ||
        (r = machine_put_kernel(run, kernel, err)) < 0 || (r = machine_put_initrd(run, archive, 0, err)) < 0 ||
        (r = machine_put_initrd(run, init, 1, err)) < 0)
        return r;
    return machine_put_program(run, root, p->hostname ? p->hostname : f->sandbox, &words, &modules, err);
}

static int find_kernel(struct run_options *run, struct err *err)
{
    struct policy *p = &run->policy;
    const char *kernel, *beside;
    int r = machine_kernel(p->arena, own(run)->kernel, &kernel, &beside, err);

    p->process.argv = (struct strv){0};
    if (r == 0)
        r = machine_put_kernel(run, kernel, err);
    for (uint32_t i = 0; i < own(run)->initrds.n && r == 0; i++)
        r = machine_put_initrd(run, own(run)->initrds.v[i], i, err);
    return r;
}

/* A file that it had, shown again, where it can be that now. */
static int put_snapshot_file(struct run_options *run, const struct snapshot_disk *d, struct err *err)
{
    const size_t n = strcspn(d->word, ",");
    const char *inside = arena_strndup(run->policy.arena, d->word, n);
    const bool read_only = d->word[n] || d->only_read;
    const enum vm_medium kind = strcmp(d->option, "--floppy") ? VM_MEDIUM_CDROM : VM_MEDIUM_FLOPPY;
    int r = inside ? machine_show(&run->build, d->host, inside, read_only, d->option, err) : policy_no_memory(err);

    _cleanup_fd_ int fd = r < 0 ? -1 : open(d->host, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? r : vm_medium_check(fd, kind, read_only, d->option, d->host, err);
}

/* What is attached to it is its files again, by the names that it knows; of a drive that was empty the word. */
static int put_snapshot_files(struct run_options *run, const struct snapshot *s, struct err *err)
{
    struct policy *p = &run->policy;
    int r = machine_show(&run->build, s->state, "/snapshot", true, "--restore", err);

    if (r == 0)
        r = engine_put(p, "--restore", "/snapshot", err);
    for (uint32_t i = 0; i < s->n_disks && r == 0; i++) {
        if (*s->disks[i].host)
            r = put_snapshot_file(run, &s->disks[i], err);
        if (r == 0)
            r = engine_put(p, s->disks[i].option, s->disks[i].word, err);
    }
    return r;
}

/* Who computes and what it is attached to may be chosen anew. */
static bool is_chosen_anew(const char *word)
{
    return !strcmp(word, "--accel") || !strcmp(word, "--tap") || !strcmp(word, "--console");
}

int machine_find_snapshot(struct run_options *run, struct err *err)
{
    struct machine_options *o = own(run);
    struct policy *p = &run->policy;
    struct snapshot s;
    int r = snapshot_read(p->arena, o->restore, &s, err);

    if (r < 0)
        return r;
    if (strcmp(s.boundary, run->boundary))
        return err_set(err, -EINVAL, "--restore %s: it is a snapshot of -b %s: moat restore %s", o->restore, s.boundary,
                       o->restore);
    if (o->image || o->kernel || o->initrds.n || o->append || o->machine || o->cpu || o->disks.n ||
        policy_flag_given(&run->build, FLAG_MEMORY))
        return err_set(
            err, -EINVAL,
            "--restore %s: program, kernel, memory, processor and disks are those of the snapshot: leave them out",
            o->restore);
    p->process.argv = (struct strv){0};
    p->resources.memory.limit = (struct opt_i64){true, s.memory};
    run->build.given |= UINT64_C(1) << FLAG_MEMORY;
    o->kernel = s.image;
    if ((r = engine_put(p, NULL, VMM_PROGRAM, err)) < 0 || (r = machine_put_memory(run, 0, err)) < 0 ||
        (r = machine_put_accel(run, err)) < 0 || (r = put_snapshot_files(run, &s, err)) < 0 ||
        (r = engine_put_given(p, "--tap", run->build.tap, err)) < 0)
        return r;
    for (uint32_t i = 0; i < s.words.n && r == 0; i++) {
        if (is_chosen_anew(s.words.v[i]))
            i++;
        else
            r = engine_put(p, NULL, s.words.v[i], err);
    }
    return r;
}

/* A floppy's or a disk's file in the place of an image, and what would boot it. */
static int explain_file(const struct run_options *run, int r, struct err *err)
{
    const char *image = own(run)->image;
    struct stat st;

    if (r != -ENOENT || run->kind != &vm_kind || stat(image, &st) < 0 || !S_ISREG(st.st_mode))
        return r;
    return err_set(err, r, "%s: it is no image, but a file: --floppy, --cdrom or --hda %s boots from it", image, image);
}

int machine_find_booted(struct run_options *run, const struct finding *f, struct err *err)
{
    struct packed_root root;
    int r;

    if (own(run)->image && own(run)->initrds.n)
        return err_set(err, -EINVAL, "--initrd: an image is its own first root: leave one of them out");
    if (!own(run)->image)
        return find_kernel(run, err);
    if ((r = packed_root_find(run->policy.arena, own(run)->image, &root, err)) < 0)
        return explain_file(run, r, err);
    r = find_image(run, f, &root, err);
    packed_root_close(&root);
    return r;
}

void machine_found(struct run_options *run)
{
    engine_no_variables(&run->policy);
    run->policy.process.cwd = "/";
}

static int find(struct run_options *run, const struct finding *f, struct err *err)
{
    const int r = own(run)->restore ? machine_find_snapshot(run, err) : machine_find_booted(run, f, err);

    machine_found(run);
    return r;
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

static bool is_given(const void *options)
{
    return ((const struct machine_options *)options)->given;
}

static int refuse(const void *options, struct err *err)
{
    return is_given(options) ? err_set(err, -EINVAL,
                                       "--kernel, --initrd, --append, --accel, --machine, --cpu, --disk and --debug "
                                       "are about machines: -b microvm and -b vm have them")
                             : 0;
}

static const char *name_of(const struct run_options *run)
{
    const struct machine_options *o = own(run);

    return o->image ? o->image : o->kernel ? o->kernel : BOOT_KERNEL;
}

int machine_words(struct arena *a, const struct strv *argv, struct strv *out)
{
    const uint32_t from = microvm_program_words(argv);

    (void)a;
    *out = from < argv->n ? (struct strv){argv->v + from, argv->n - from} : *argv;
    return 0;
}

const char *machine_memory_note(struct arena *a, const struct strv *argv)
{
    return engine_memory_note(a, "its guest keeps", microvm_word_value(argv, "--memory"));
}

static const struct compare_row compared = {.boundary = "microvm",
                                            .root = "{work}/root",
                                            .program_dir = "",
                                            .work_dir = "/",
                                            .rooted = true,
                                            .image = true,
                                            .slow = true};

const struct workload_kind machine_kind = {
    .types = {"machine"},
    .boundary = "microvm",
    .words = "a Linux of its own",
    .of_host = true,
    .taps = true,
    .no_programs = "-b microvm runs images and kernels",
    .roots = true,
    .no_filter =
        "the filters of a machine are raised by moat-vmm inside (src/machine), and there is none around its start",
    .keeps = "boot files",
    .compare = &compared,
    .own_size = sizeof(struct machine_options),
    .option = take_option,
    .is_given = is_given,
    .refuse = refuse,
    .operands = take_operands,
    .defaults = machine_defaults,
    .check = check_layers,
    .find = find,
    .name = name_of,
    .no_terminal = true,
    .command = machine_words,
    .memory_note = machine_memory_note,
    .fixed_tasks = "the guest's kernel counts its own tasks: its memory bounds them",
};
