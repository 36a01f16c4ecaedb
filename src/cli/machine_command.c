/* SPDX-License-Identifier: Apache-2.0 */
/* See machine.h: the command line of libexec/moat-vmm, word by word, and what of the host is shown to it under names of
 * its own. Looks at the host's files; changes the policy alone. */
#include "boundary/container/container.h"
#include "boundary/microvm/words.h"
#include "cli/engine_command.h"
#include "cli/machine.h"
#include "cli/packed_root.h"
#include "cli/run_options_internal.h"
#include "cli/vm_medium.h"
#include "guest/init/run.h"
#include "image/users.h"
#include "policy/list.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_USUAL ((int64_t)512 << 20)
#define MEMORY_ROOM  ((int64_t)96 << 20) /* of the limit, for moat-vmm's own: decoded code, rings */
/* Of a run of an image: its console is not shown, its devices are few, it ends when it panics, and it does not try its
 * ciphers before it begins, which is half of a start on our own processor. */
#define APPEND_IMAGE "console=ttyS0 quiet 8250.nr_uarts=2 cryptomgr.notests rdinit=" RUN_INIT " reboot=a panic=-1"
#define APPEND_USUAL "console=ttyS0 reboot=a panic=-1"

static struct machine_options *own(const struct run_options *o)
{
    return o->own[KIND_MACHINE];
}

int machine_show(struct policy_build *b, const char *host, const char *inside, bool read_only, const char *said,
                 struct err *err)
{
    const char *path = *host == '/' ? host : arena_printf(b->p->arena, "%s/%s", b->cwd[1] ? b->cwd : "", host);
    struct stat st;

    if (!path)
        return policy_no_memory(err);
    if (stat(path, &st) < 0)
        return err_sys(err, -errno, "%s %s", said, host);
    if (S_ISBLK(st.st_mode)) /* nothing that is mounted into a sandbox can be opened as a device */
        return err_set(err, -EINVAL, "%s %s: a machine takes no block device yet: copy it to a file", said, host);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "%s %s: it is no file", said, host);
    if (!read_only && access(path, R_OK | W_OK) < 0 && access(path, R_OK) == 0)
        return err_set(err, -EACCES, "%s %s: it cannot be written: %s,ro", said, host, host);
    if (access(path, R_OK) < 0)
        return err_sys(err, -errno, "%s %s", said, host);
    b->n_earlier_paths = b->p->n_paths;
    b->n_earlier_mounts = b->p->n_mounts;
    int r = flag_add_bind(b, path, inside, read_only, NULL, err);
    if (r == 0)
        flag_rules_finish(b);
    return r;
}

/* The memory limit is the guest's memory; the sandbox's is what moat-vmm needs more. */
int machine_put_memory(struct run_options *run, int64_t least, struct err *err)
{
    struct policy *p = &run->policy;
    struct opt_i64 *limit = &p->resources.memory.limit;
    const bool given = policy_flag_given(&run->build, FLAG_MEMORY);
    int64_t guest = !given ? MEMORY_USUAL : limit->set ? limit->v : -1;

    if (guest < 0)
        return err_set(err, -EINVAL, "--memory -1: a machine's memory has a size: 512m is the usual one");
    if (guest < least)
        return err_set(err, -EINVAL, "--memory: %" PRId64 " bytes are too few for %s: %" PRId64 "m is the least", guest,
                       least < MACHINE_MEMORY_LEAST ? "a PC" : "a kernel", least >> 20);
    guest &= ~(int64_t)4095;
    *limit = (struct opt_i64){true, guest + MEMORY_ROOM};
    if (!policy_flag_given(&run->build, FLAG_MEMORY_SWAP))
        p->resources.memory.swap = *limit;
    return engine_put(p, "--memory", arena_printf(p->arena, "%" PRId64, guest), err);
}

static int put_disk(struct run_options *run, const char *text, const char *inside, struct err *err)
{
    struct policy *p = &run->policy;
    bool read_only;
    const char *file = vm_medium_name(p->arena, text, &read_only);

    if (!file || !inside)
        return policy_no_memory(err);
    const int r = machine_show(&run->build, file, inside, read_only, "--disk", err);
    return r < 0 ? r : engine_put(p, "--disk", read_only ? arena_printf(p->arena, "%s,ro", inside) : inside, err);
}

static int put_disks(struct run_options *run, struct err *err)
{
    const struct machine_options *o = own(run);
    int r = 0;

    for (uint32_t i = 0; i < o->disks.n && r == 0; i++)
        r = put_disk(run, o->disks.v[i], arena_printf(run->policy.arena, "/disk%u", i), err);
    return r;
}

int machine_put_initrd(struct run_options *run, const char *host, unsigned n, struct err *err)
{
    struct policy *p = &run->policy;
    const char *inside = arena_printf(p->arena, "/initrd%u", n);
    int r = inside ? machine_show(&run->build, host, inside, true, "--initrd", err) : policy_no_memory(err);

    return r == 0 ? engine_put(p, "--initrd", inside, err) : r;
}

/* /dev/kvm is opened by the boundary and handed over. */
int machine_put_accel(struct run_options *run, struct err *err)
{
    struct policy *p = &run->policy;
    const char *accel = own(run)->accel ? own(run)->accel : "auto";
    const bool there = access("/dev/kvm", R_OK | W_OK) == 0;

    if (!strcmp(accel, "kvm") && !there)
        return err_sys(err, -errno, "--accel kvm: /dev/kvm (--accel soft needs no KVM)");
    return engine_put(p, "--accel", there ? accel : "soft", err);
}

int machine_put_kernel(struct run_options *run, const char *kernel, struct err *err)
{
    const struct machine_options *o = own(run);
    struct policy *p = &run->policy;
    const char *usual = o->machine && !strcmp(o->machine, "kut") ? "" : o->image ? APPEND_IMAGE : APPEND_USUAL;
    int r = engine_put(p, NULL, VMM_PROGRAM, err);

    if (r < 0 || (r = machine_put_memory(run, MACHINE_MEMORY_LEAST, err)) < 0 ||
        (r = machine_put_accel(run, err)) < 0 ||
        (r = machine_show(&run->build, kernel, "/kernel", true, "--kernel", err)) < 0 ||
        (r = engine_put(p, "--kernel", "/kernel", err)) < 0)
        return r;
    const char *append = o->append && *usual ? arena_printf(p->arena, "%s %s", usual, o->append)
                         : o->append         ? o->append
                                             : usual;
    if (*append || !append)
        r = engine_put(p, "--append", append, err);
    if (r == 0)
        r = run->kind == &vm_kind ? vm_put_devices(run, err) : engine_put_given(p, "--machine", o->machine, err);
    if (r == 0)
        r = engine_put_given(p, "--cpu", o->cpu, err);
    if (r == 0)
        r = engine_put_given(p, "--tap", run->build.tap, err);
    if (r == 0 && o->debug)
        r = engine_put(p, NULL, "--debug", err);
    return r == 0 ? put_disks(run, err) : r;
}

/* ---- an image's program ------------------------------------------------------------------------------------------ */

static int put_run(struct policy *p, enum run_letter letter, const char *text, struct err *err)
{
    return engine_put(p, "--run", arena_printf(p->arena, "%c%s", (char)letter, text), err);
}

static int put_user(struct run_options *run, const struct packed_root *root, struct err *err)
{
    struct policy *p = &run->policy;
    struct user_rule user = {0};
    _cleanup_fd_ int fd = packed_root_user(run, root, &user, err);
    int r = fd < 0 ? fd : 0;

    if (r == 0)
        r = put_run(p, RUN_USER, arena_printf(p->arena, "%u:%u", user.uid, user.gid), err);
    if (r == 0)
        r = users_add_groups(p->arena, fd, &run->build.groups, &user, err);
    for (uint32_t i = 0; i < user.n_groups && r == 0; i++)
        r = put_run(p, RUN_GROUP, arena_printf(p->arena, "%u", user.groups[i]), err);
    if (r == 0 && !policy_env_get(&p->process.env, "HOME")) {
        char home[512];
        home_find(fd, user.uid, home, sizeof home);
        r = put_run(p, RUN_ENVIRONMENT, home, err);
    }
    run->build.user = NULL; /* outside, moat-vmm is the sandbox's root */
    run->build.groups = (struct strv){0};
    return r;
}

int machine_put_program(struct run_options *run, const struct packed_root *root, const char *hostname,
                        const struct strv *words, const struct strv *modules, struct err *err)
{
    struct policy *p = &run->policy;
    int r = 0;

    for (uint32_t i = 0; i < modules->n && r == 0; i++)
        r = put_run(p, RUN_MODULE, modules->v[i], err);
    for (uint32_t i = 0; i < p->process.env.n && r == 0; i++)
        r = put_run(p, RUN_ENVIRONMENT, p->process.env.v[i], err);
    if (r == 0)
        r = put_run(p, RUN_DIRECTORY_OF, p->process.cwd, err);
    if (r == 0 && hostname)
        r = put_run(p, RUN_HOSTNAME, hostname, err);
    if (r == 0 && policy_flag_given(&run->build, FLAG_READ_ONLY))
        r = put_run(p, RUN_READ_ONLY, "", err);
    if (r == 0)
        r = put_user(run, root, err);
    for (uint32_t i = 0; i < words->n && r == 0; i++)
        r = engine_put(p, i ? NULL : "--program", words->v[i], err);
    return r;
}
