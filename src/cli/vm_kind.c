/* SPDX-License-Identifier: Apache-2.0 */
/* See vm_kind.h: which options a PC has, what it boots, and its part of moat-vmm's command line. Looks at the host's
 * files; changes the policy alone. */
#include "boundary/microvm/words.h"
#include "cli/compare.h"
#include "cli/engine_command.h"
#include "cli/engine_walls.h"
#include "cli/kinds.h"
#include "cli/run_options_internal.h"
#include "cli/vm_medium.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_LEAST     ((int64_t)4 << 20)
#define FIRMWARE         "/usr/share/seabios/bios-256k.bin"
#define DISPLAY_FIRMWARE "/usr/share/seabios/vgabios-isavga.bin"
#define NONE             "none"
#define BOOT_MOST        3
#define TO_BOOT                                                                                                        \
    "what is to run is missing: moat run -b vm with --floppy FILE, --cdrom FILE or --hda FILE, which its firmware "    \
    "boots; "                                                                                                          \
    "or IMAGE [COMMAND...], or --kernel FILE [--initrd FILE]"

static struct vm_options *own(const struct run_options *o)
{
    return o->own[KIND_VM];
}

static struct machine_options *machine(const struct run_options *o)
{
    return o->own[KIND_MACHINE];
}

/* It begins at its firmware, and is not entered at a kernel. */
static bool has_firmware(const struct run_options *o)
{
    return !machine(o)->image && !machine(o)->kernel && !machine(o)->restore;
}

static bool has_medium(const struct vm_options *o)
{
    return o->n_floppies || o->cdrom || o->hda || o->firmware;
}

/* ---- the command line ------------------------------------------------------------------------------------------- */

static int take_floppy(struct vm_options *o, const char *value, struct err *err)
{
    if (o->n_floppies == VM_FLOPPIES)
        return err_set(err, -EINVAL, "--floppy %s: a PC has two drives, A: and B:", value);
    o->floppies[o->n_floppies++] = value;
    return 0;
}

static int take_boot(struct vm_options *o, const char *value, struct err *err)
{
    const size_t n = strlen(value);

    o->boot = value;
    if (n < 1 || n > BOOT_MOST || strspn(value, "acd") != n)
        return err_set(err, -EINVAL, "--boot %s: up to three of a (floppy), c (disk) and d (CD-ROM), as dc", value);
    return 0;
}

static int take_option(struct arena *a, void *options, int id, const char *value, struct err *err)
{
    struct vm_options *o = options;
    const char **const texts[] = {[VM_CDROM] = &o->cdrom,
                                  [VM_HDA] = &o->hda,
                                  [VM_DISPLAY] = &o->display,
                                  [VM_FIRMWARE] = &o->firmware,
                                  [VM_DISPLAY_FIRMWARE] = &o->display_firmware};

    (void)a;
    o->given = true;
    if (id == VM_FLOPPY)
        return take_floppy(o, value, err);
    if (id == VM_BOOT)
        return take_boot(o, value, err);
    *texts[id] = value;
    if (id == VM_DISPLAY && strcmp(value, "terminal") && strcmp(value, NONE))
        return err_set(err, -EINVAL, "--display %s: terminal or none (moat vm text and moat vm screenshot show it too)",
                       value);
    return 0;
}

static int take_operands(struct run_options *run, int argc, char **argv, bool lenient, struct err *err)
{
    if (argc < 1)
        return lenient || has_medium(own(run)) || !has_firmware(run) ? 0 : err_set(err, -EINVAL, TO_BOOT);
    machine(run)->image = argv[0];
    return 1;
}

/* ---- what it cannot have ---------------------------------------------------------------------------------------- */

static int check_layers(const struct collect *c, struct err *err)
{
    const struct policy *p = c->out->build.p;
    const struct machine_options *m = machine(c->out);

    if (policy_flag_given(&c->out->build, FLAG_CPUS) && p->resources.cpu.quota.set && p->resources.cpu.period.set &&
        p->resources.cpu.quota.v > (int64_t)p->resources.cpu.period.v)
        return err_set(err, -EINVAL, "%s: a PC has one processor so far: 1, or a part of it",
                       kind_said_by(c, FLAG_CPUS, "limits.cpus"));
    if (m->machine)
        return err_set(err, -EINVAL, "--machine %s: -b vm is a PC: leave it out, or take -b microvm", m->machine);
    return machine_check(c, true, err);
}

/* What says something of a program, where the guest says that itself. */
static int refuse_programs(const struct run_options *run, struct err *err)
{
    static const enum policy_flag flags[] = {FLAG_ENV,       FLAG_ENV_FILE, FLAG_WORKDIR,   FLAG_USER,
                                             FLAG_GROUP_ADD, FLAG_HOSTNAME, FLAG_ENTRYPOINT};

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (policy_flag_given(&run->build, flags[i]))
            return err_set(err, -EINVAL, "--%s: what a PC boots says that itself: leave it out",
                           policy_flag_name(flags[i]));
    return 0;
}

static int refuse_with_firmware(const struct run_options *run, struct err *err)
{
    const struct machine_options *m = machine(run);

    if (m->disks.n)
        return err_set(err, -EINVAL, "--disk %s: a PC's disks are --hda, --cdrom and --floppy", m->disks.v[0]);
    if (run->build.tap)
        return err_set(err, -EINVAL,
                       "--network tap=%s: a PC that boots from its disks has no network card yet: "
                       "-b vm IMAGE and -b microvm have one",
                       run->build.tap);
    if (m->initrds.n || m->append)
        return err_set(err, -EINVAL, "--%s: it goes with --kernel FILE", m->append ? "append" : "initrd");
    return refuse_programs(run, err);
}

static int refuse_without_firmware(const struct run_options *run, struct err *err)
{
    const struct vm_options *o = own(run);

    if (o->firmware || o->display_firmware || o->boot)
        return err_set(err, -EINVAL,
                       "--%s: a machine that is entered at a kernel has no firmware: leave one of them out",
                       o->boot       ? "boot"
                       : o->firmware ? "firmware"
                                     : "display-firmware");
    if (o->display && strcmp(o->display, NONE))
        return err_set(err, -EINVAL, "--display %s: without firmware nobody sets the display up: leave it out",
                       o->display);
    if (policy_flag_given(&run->build, FLAG_TTY) && run->policy.process.terminal)
        return err_set(
            err, -EINVAL,
            "-t: a program behind -b vm has standard streams and no terminal yet: leave it out (of a PC that "
            "boots from its disks, -t shows the display)");
    return 0;
}

/* ---- its part of moat-vmm's command line --------------------------------------------------------------------------
 */

/* A file under a name of its own inside, once it is one that the drive takes. */
static int put_medium(struct run_options *run, const char *option, const char *text, const char *inside,
                      enum vm_medium kind, struct err *err)
{
    struct policy *p = &run->policy;
    bool read_only = false;
    const char *file = kind == VM_MEDIUM_CDROM ? text : vm_medium_name(p->arena, text, &read_only);

    read_only |= kind == VM_MEDIUM_CDROM;
    if (!file)
        return policy_no_memory(err);
    int r = machine_show(&run->build, file, inside, read_only, option, err);
    _cleanup_fd_ int fd = r < 0 ? -1 : open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (r < 0 || (fd >= 0 && (r = vm_medium_check(fd, kind, read_only, option, file, err)) < 0))
        return r;
    return engine_put(p, option,
                      read_only && kind != VM_MEDIUM_CDROM ? arena_printf(p->arena, "%s,ro", inside) : inside, err);
}

/* The machine would take the first for another machine's. */
static int refuse_twice(const char *option, const char *text, const char *earlier, struct arena *a, struct err *err)
{
    bool read_only, earlier_read_only;
    const char *file = vm_medium_name(a, text, &read_only), *other = vm_medium_name(a, earlier, &earlier_read_only);
    struct stat st, had;

    if (!file || !other)
        return policy_no_memory(err);
    if ((read_only && earlier_read_only) || stat(file, &st) < 0 || stat(other, &had) < 0 || st.st_dev != had.st_dev ||
        st.st_ino != had.st_ino)
        return 0;
    return err_set(err, -EINVAL, "%s %s: it is in another drive already: two may have one only if both say ,ro", option,
                   file);
}

static int check_twice(const struct vm_options *o, struct arena *a, struct err *err)
{
    const char *const first = o->n_floppies ? o->floppies[0] : NONE;
    int r = 0;

    for (uint32_t i = 0; i < o->n_floppies && r == 0; i++) {
        if (i && strcmp(first, NONE) && strcmp(o->floppies[i], NONE))
            r = refuse_twice("--floppy", o->floppies[i], first, a, err);
        if (r == 0 && o->hda && strcmp(o->floppies[i], NONE))
            r = refuse_twice("--hda", o->hda, o->floppies[i], a, err);
    }
    return r;
}

int vm_put_devices(struct run_options *run, struct err *err)
{
    struct policy *p = &run->policy;
    const struct vm_options *o = own(run);
    int r = check_twice(o, p->arena, err);

    if (r == 0)
        r = engine_put(p, "--machine", "pc", err);
    for (uint32_t i = 0; i < o->n_floppies && r == 0; i++)
        r = strcmp(o->floppies[i], NONE)
                ? put_medium(run, "--floppy", o->floppies[i], i ? "/floppy1" : "/floppy0", VM_MEDIUM_FLOPPY, err)
                : engine_put(p, "--floppy", NONE, err);
    if (r == 0 && o->cdrom)
        r = put_medium(run, "--cdrom", o->cdrom, "/cdrom0", VM_MEDIUM_CDROM, err);
    if (r == 0 && o->hda)
        r = put_medium(run, "--hda", o->hda, "/hda", VM_MEDIUM_DISK, err);
    return r;
}

static int put_firmware(struct run_options *run, struct err *err)
{
    struct policy *p = &run->policy;
    const struct vm_options *o = own(run);
    const char *display = o->display_firmware ? o->display_firmware : DISPLAY_FIRMWARE;
    int r;

    if (!o->firmware && access(FIRMWARE, R_OK) < 0)
        return err_set(err, -ENOENT,
                       "a PC needs firmware, and there is no " FIRMWARE ": apt install seabios, or --firmware FILE");
    if ((r = machine_show(&run->build, o->firmware ? o->firmware : FIRMWARE, "/firmware", true, "--firmware", err)) <
            0 ||
        (r = engine_put(p, "--firmware", "/firmware", err)) < 0)
        return r;
    if (!strcmp(display, NONE) || (!o->display_firmware && access(display, R_OK) < 0))
        return 0; /* an own firmware may do without */
    r = machine_show(&run->build, display, "/vgabios", true, "--display-firmware", err);
    return r < 0 ? r : engine_put(p, "--display-firmware", "/vgabios", err);
}

/* What was put in first: that is why it was. */
static const char *boot_order(const struct vm_options *o, struct arena *a)
{
    const bool floppy = o->n_floppies && (strcmp(o->floppies[0], NONE) || o->n_floppies > 1);

    if (o->boot)
        return o->boot;
    return arena_printf(a, "%s%s%s%s%s", floppy ? "a" : "", o->hda ? "c" : "", o->cdrom ? "d" : "", floppy ? "" : "a",
                        o->cdrom ? "" : "d");
}

/* The display in a terminal, or the first serial port: what standard input and output are. */
static int put_console(struct run_options *run, struct err *err)
{
    struct policy *p = &run->policy;
    const char *display = own(run)->display;
    const bool typed = policy_flag_given(&run->build, FLAG_TTY) && p->process.terminal;

    if (display && !strcmp(display, NONE) && typed)
        return err_set(err, -EINVAL, "--display none: -t is for the display: leave one of them out");
    if (display && !strcmp(display, NONE))
        p->process.terminal = false;
    const bool drawn = p->process.terminal || display;
    int r = engine_put(p, "--console", drawn && !(display && !strcmp(display, NONE)) ? "display" : "serial", err);
    return r == 0 && p->process.terminal ? engine_terminal(p, err) : r;
}

static int find_firmware(struct run_options *run, struct err *err)
{
    struct policy *p = &run->policy;
    const struct machine_options *m = machine(run);
    int r = refuse_with_firmware(run, err);

    p->process.argv = (struct strv){0};
    if (r < 0 || (r = engine_put(p, NULL, VMM_PROGRAM, err)) < 0 ||
        (r = machine_put_memory(run, MEMORY_LEAST, err)) < 0 || (r = machine_put_accel(run, err)) < 0 ||
        (r = put_firmware(run, err)) < 0 || (r = vm_put_devices(run, err)) < 0 ||
        (r = engine_put(p, "--boot", boot_order(own(run), p->arena), err)) < 0 || (r = put_console(run, err)) < 0)
        return r;
    r = engine_put_given(p, "--cpu", m->cpu, err);
    return r == 0 && m->debug ? engine_put(p, NULL, "--debug", err) : r;
}

/* From a snapshot: of a machine with firmware its display may be shown, whatever it was before. */
static int find_snapshot(struct run_options *run, struct err *err)
{
    const struct vm_options *o = own(run);
    int r;

    if (o->n_floppies || o->cdrom || o->hda || o->boot || o->firmware || o->display_firmware)
        return err_set(err, -EINVAL,
                       "--restore %s: disks and firmware are those of the snapshot: leave them out (moat vm insert "
                       "changes a floppy or a CD-ROM)",
                       machine(run)->restore);
    if ((r = machine_find_snapshot(run, err)) < 0)
        return r;
    if (microvm_word_value(&run->policy.process.argv, "--firmware"))
        return put_console(run, err);
    if ((r = refuse_without_firmware(run, err)) == 0)
        run->policy.process.terminal = false;
    return r;
}

static int find_booted(struct run_options *run, const struct finding *f, struct err *err)
{
    int r = refuse_without_firmware(run, err);

    run->policy.process.terminal = false; /* one that moat gave by itself */
    return r < 0 ? r : machine_find_booted(run, f, err);
}

static int find(struct run_options *run, const struct finding *f, struct err *err)
{
    const int r = machine(run)->restore ? find_snapshot(run, err)
                  : has_firmware(run)   ? find_firmware(run, err)
                                        : find_booted(run, f, err);

    machine_found(run);
    return r;
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

static bool is_given(const void *options)
{
    return ((const struct vm_options *)options)->given;
}

static int refuse(const void *options, struct err *err)
{
    return is_given(options) ? err_set(err, -EINVAL,
                                       "--floppy, --cdrom, --hda, --boot, --display and --firmware are about a whole "
                                       "PC: -b vm has them")
                             : 0;
}

static const char *name_of(const struct run_options *run)
{
    const struct machine_options *m = machine(run);
    const struct vm_options *o = own(run);
    const char *floppy = o->n_floppies && strcmp(o->floppies[0], NONE) ? o->floppies[0] : NULL;

    return m->image      ? m->image
           : m->kernel   ? m->kernel
           : floppy      ? floppy
           : o->hda      ? o->hda
           : o->cdrom    ? o->cdrom
           : o->firmware ? o->firmware
                         : "PC";
}

static bool shows(const struct run_options *run)
{
    const char *display = own(run)->display;

    return (has_firmware(run) || machine(run)->restore) && !(display && !strcmp(display, NONE));
}

/* Of one that boots from its disks: "boot floppy0 hda". */
static int command_of(struct arena *a, const struct strv *argv, struct strv *out)
{
    static const char *const drives[] = {"floppy0", "hda", "cdrom0"};
    const char *boot = microvm_word_value(argv, "--boot");
    int r = 0;

    if (!boot)
        return machine_words(a, argv, out);
    *out = (struct strv){0};
    r = policy_strv_push(a, out, "boot");
    for (; *boot && r == 0; boot++)
        r = policy_strv_push(a, out, drives[*boot == 'a' ? 0 : *boot == 'c' ? 1 : 2]);
    return r;
}

static const struct compare_row compared = {.boundary = "vm",
                                            .root = "{work}/root",
                                            .program_dir = "",
                                            .work_dir = "/",
                                            .rooted = true,
                                            .image = true,
                                            .slow = true};

const struct workload_kind vm_kind = {
    .types = {"pc"},
    .boundary = "vm",
    .words = "a whole PC",
    .of_host = true,
    .taps = true,
    .no_programs = "-b vm runs what is on its disks, images and kernels",
    .roots = true,
    .no_filter =
        "the filters of a machine are raised by moat-vmm inside (src/machine), and there is none around its start",
    .compare = &compared,
    .own_size = sizeof(struct vm_options),
    .option = take_option,
    .is_given = is_given,
    .refuse = refuse,
    .beneath = &machine_kind,
    .operands = take_operands,
    .defaults = machine_defaults,
    .check = check_layers,
    .find = find,
    .name = name_of,
    .shows = shows,
    .command = command_of,
    .memory_note = machine_memory_note,
    .fixed_tasks = "the guest's kernel counts its own tasks: its memory bounds them",
};
