/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the sealed memfd of moat-enter with its record (guest/enter.h), and reads back what it reports. */
#include "base/record.h"
#include "boundary/container/container.h"
#include "confine/paths.h"
#include "confine/seccomp.h"
#include "guest/enter.h"
#include "host/sys.h"
#include "policy/names.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/memfd.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

extern const char enter_blob[], enter_blob_end[]; /* enter_blob.S */

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif

static uint32_t put_strings(struct record_builder *b, const struct strv *v)
{
    uint32_t offsets[1024];

    if (v->n >= ARRAY_LEN(offsets)) {
        b->failed = true;
        return 0;
    }
    for (uint32_t i = 0; i < v->n; i++)
        offsets[i] = record_put_string(b, v->v[i]);
    offsets[v->n] = 0;
    return record_put(b, offsets, (v->n + 1) * sizeof offsets[0]);
}

static void put_hooks(struct record_builder *b, struct enter_record *rec, const struct hooks *hooks)
{
    struct enter_hook list[64];

    if (hooks->n > ARRAY_LEN(list)) {
        b->failed = true;
        return;
    }
    for (uint32_t i = 0; i < hooks->n; i++) {
        const struct hook *h = &hooks->v[i];
        struct strv bare = {(char *[]){(char *)(uintptr_t)h->path, NULL}, 1};
        list[i] = (struct enter_hook){
            .path = record_put_string(b, h->path),
            .argv = put_strings(b, h->argv.n ? &h->argv : &bare),
            .env = put_strings(b, &h->env),
            .timeout_s = h->timeout.set ? (int32_t)(h->timeout.v > 86400 ? 86400 : h->timeout.v) : 0,
        };
    }
    rec->hooks = record_put(b, list, hooks->n * sizeof list[0]);
    rec->n_hooks = hooks->n;
}

static void put_identity(struct record_builder *b, struct enter_record *rec, const struct process *pr)
{
    struct enter_rlimit limits[32];

    rec->uid = pr->user.uid;
    rec->gid = pr->user.gid;
    rec->groups = record_put(b, pr->user.groups, pr->user.n_groups * sizeof pr->user.groups[0]);
    rec->n_groups = pr->user.n_groups;
    if (pr->user.umask.set) {
        rec->flags |= ENTER_UMASK;
        rec->umask = (uint32_t)pr->user.umask.v;
    }
    if (pr->caps.set) {
        rec->flags |= ENTER_SET_CAPS;
        rec->caps[ENTER_CAP_BOUNDING] = pr->caps.bounding;
        rec->caps[ENTER_CAP_EFFECTIVE] = pr->caps.effective;
        rec->caps[ENTER_CAP_INHERITABLE] = pr->caps.inheritable;
        rec->caps[ENTER_CAP_PERMITTED] = pr->caps.permitted;
        rec->caps[ENTER_CAP_AMBIENT] = pr->caps.ambient;
    } else {
        rec->flags |= ENTER_SET_CAPS; /* a process without `capabilities` has none */
    }
    for (uint32_t i = 0; i < pr->n_rlimits && i < ARRAY_LEN(limits); i++)
        limits[i] =
            (struct enter_rlimit){(uint32_t)pr->rlimits[i].resource, 0, pr->rlimits[i].soft, pr->rlimits[i].hard};
    rec->n_rlimits = pr->n_rlimits < ARRAY_LEN(limits) ? pr->n_rlimits : ARRAY_LEN(limits);
    rec->rlimits = record_put(b, limits, rec->n_rlimits * sizeof limits[0]);
    rec->cwd = record_put_string(b, pr->cwd ? pr->cwd : "/");
}

static int put_filter(struct record_builder *b, struct enter_record *rec, struct instance *inst,
                      const struct enter_request *rq, struct err *err)
{
    struct seccomp_policy rules;
    struct bpf_program prog = {0};
    int r = seccomp_policy_rules(inst->arena, rq->policy, rq->process->caps.bounding, inst->notify, &rules, err);

    if (r < 0 || !rules.set)
        return r;
    if ((r = seccomp_compile(inst->arena, &rules, &prog, err)) < 0)
        return r;
    rec->bpf = record_put(b, prog.insns, prog.n * sizeof prog.insns[0]);
    rec->n_bpf = prog.n;
    rec->seccomp_flags = rules.flags;
    rec->flags |= ENTER_SECCOMP | (rq->policy->seccomp.moat_default ? ENTER_ONE_FILTER : 0);
    if (rq->listener_fd >= 0)
        rec->seccomp_flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    if (rq->lifeline_fd >= 0) /* ours: once it is being answered, a signal does not make a call happen twice */
        rec->seccomp_flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    return 0;
}

/* Landlock's rules: what the path rules grant, and what is the sandbox's own. Rules that are not there are left out. */
static void put_paths(struct record_builder *b, struct enter_record *rec, const struct policy *p)
{
    static const struct {
        const char *path;
        uint32_t access;
    } own[] = {{"/proc", PATH_READ | PATH_WRITE}, {"/dev", PATH_READ | PATH_WRITE}};
    if (!p->private_root || !p->landlock)
        return;
    uint32_t n = 0, most = p->n_paths + p->n_mounts + p->n_made + (uint32_t)ARRAY_LEN(own) + 1;
    struct enter_path *list = arena_array(p->arena, most, sizeof *list);
    if (!list) {
        b->failed = true;
        return;
    }
    /* Its own names can be listed. A right at the root would reach all below, so only where all may be read anyway. */
    bool all_read = true;
    for (uint32_t i = 0; i < p->n_paths; i++) {
        all_read &= p->paths[i].verdict != PATH_ALLOW || p->paths[i].access & PATH_READ;
        if (p->paths[i].verdict != PATH_ALLOW)
            continue;
        uint64_t rights = paths_landlock(p->paths[i].access, true);
        /* At each open the kernel asks for these too, up to the root if need be. On a read-only mount without devices
         * they give nothing, and the search ends here. */
        if (!(p->paths[i].access & (PATH_WRITE | PATH_CREATE)))
            rights |= paths_landlock(PATH_WRITE, true) & ~(uint64_t)LANDLOCK_ACCESS_FS_WRITE_FILE;
        list[n++] = (struct enter_path){record_put_string(b, p->paths[i].guest), 0, rights};
    }
    if (all_read)
        list[n++] = (struct enter_path){record_put_string(b, "/"), 0, LANDLOCK_ACCESS_FS_READ_DIR};
    for (uint32_t i = 0; i < p->n_made; i++)
        if (p->made[i].content)
            list[n++] = (struct enter_path){record_put_string(b, p->made[i].path), 1, paths_landlock(PATH_READ, false)};
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        list[n++] = (struct enter_path){record_put_string(b, own[i].path), 0, paths_landlock(own[i].access, true)};
    for (uint32_t i = 0; i < p->n_mounts; i++) {
        const struct mount_rule *m = &p->mounts[i];
        if (m->bind || !m->type || strcmp(m->type, "tmpfs") != 0 || !strcmp(m->destination, "/dev"))
            continue;
        uint32_t access = PATH_ALL & ~(m->attr_set & MOUNT_ATTR_NOEXEC ? PATH_EXECUTE : 0);
        list[n++] = (struct enter_path){record_put_string(b, m->destination), 0, paths_landlock(access, true)};
    }
    rec->paths = record_put(b, list, n * sizeof *list);
    rec->n_paths = n;
}

static void copy_fds(int32_t *to, size_t n, const int *from)
{
    size_t i = 0;

    for (; from && i < n - 1 && from[i] >= 0; i++)
        to[i] = from[i];
    for (; i < n; i++)
        to[i] = -1;
}

static int make_memfd(const struct record_builder *b, uint32_t keep, int *out, struct err *err)
{
    size_t elf = (size_t)(enter_blob_end - enter_blob);

    if (elf > ENTER_RECORD_OFFSET)
        return err_set(err, -E2BIG, "moat-enter is larger than its slot: this build is broken");
    long fd = sys(SYS_memfd_create, "moat-enter", MFD_ALLOW_SEALING | MFD_EXEC);
    if (fd == -EINVAL) /* before Linux 6.3 */
        fd = sys(SYS_memfd_create, "moat-enter", MFD_ALLOW_SEALING);
    if (fd >= 0 && fd < (long)(3 + keep)) { /* the workload's own descriptors come first */
        long up = sys(SYS_fcntl, fd, F_DUPFD, 3 + keep);
        sys(SYS_close, fd);
        fd = up;
    }
    if (fd < 0)
        return err_sys(err, (int)fd, "memfd for the last stage%s",
                       fd == -EACCES ? " (sysctl vm.memfd_noexec is 2; it must be 0 or 1)" : "");
    long r = sys(SYS_pwrite64, fd, enter_blob, elf, 0);
    if (r == (long)elf)
        r = sys(SYS_pwrite64, fd, b->base, b->used, ENTER_RECORD_OFFSET);
    if (r == (long)b->used)
        r = sys(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    if (r != 0) {
        sys(SYS_close, fd);
        return err_sys(err, r < 0 ? (int)r : -EIO, "memfd for the last stage");
    }
    *out = (int)fd;
    return 0;
}

static void request_flags(struct enter_record *rec, const struct enter_request *rq)
{
    rec->flags |=
        rq->flags | (rq->process->no_new_privs ? ENTER_NO_NEW_PRIVS : 0) | (rq->set_groups ? ENTER_SET_GROUPS : 0);
    if (rq->policy->landlock)
        rec->flags |= ENTER_LANDLOCK;
    if (rq->policy->personality.set) {
        rec->flags |= ENTER_PERSONALITY;
        rec->personality = rq->policy->personality.domain;
    }
    rec->rows = rq->process->rows;
    rec->cols = rq->process->cols;
}

int record_make(struct instance *inst, const struct enter_request *rq, int *memfd, char ***argv, struct err *err)
{
    const struct process *pr = rq->process;
    struct record_builder b = {.cap = ENTER_RECORD_MAX, .used = sizeof(struct enter_record)};
    b.base = arena_alloc(inst->arena, ENTER_RECORD_MAX); /* untouched pages cost nothing */
    if (!b.base)
        return err_set(err, -ENOMEM, "no memory for the last stage's record");
    struct enter_record *rec = (struct enter_record *)b.base;
    *rec = (struct enter_record){.magic = ENTER_MAGIC,
                                 .version = ENTER_VERSION,
                                 .report_fd = rq->report_fd,
                                 .start_fd = rq->start_fd,
                                 .listener_fd = rq->listener_fd,
                                 .console_fd = rq->console_fd,
                                 .lifeline_fd = rq->lifeline_fd,
                                 .handed_fd = rq->handed_fd,
                                 .program_fd = rq->program_fd,
                                 .keep_fds = rq->keep_fds};
    copy_fds(rec->ns_fds, ARRAY_LEN(rec->ns_fds), rq->ns_fds);
    copy_fds(rec->cgroup_fds, ARRAY_LEN(rec->cgroup_fds), rq->cgroup_fds);
    request_flags(rec, rq);
    put_identity(&b, rec, pr);
    if (rq->hook_state) {
        put_hooks(&b, rec, &rq->policy->hooks[HOOK_START_CONTAINER]);
        rec->state_len = (uint32_t)strlen(rq->hook_state);
        rec->state = record_put(&b, rq->hook_state, rec->state_len);
    }
    if (rq->seccomp_state) {
        rec->seccomp_state_len = (uint32_t)strlen(rq->seccomp_state);
        rec->seccomp_state = record_put(&b, rq->seccomp_state, rec->seccomp_state_len);
    }
    put_paths(&b, rec, rq->policy);
    int r = put_filter(&b, rec, inst, rq, err);
    if (r < 0)
        return r;
    if (b.failed)
        return err_set(err, -E2BIG,
                       "the process's groups, hooks and filter do not fit the last stage's record (1 MiB)");
    rec->size = b.used;
    r = make_memfd(&b, rq->keep_fds, memfd, err);
    char **v = r < 0 ? NULL : arena_array(inst->arena, pr->argv.n + 2, sizeof *v);
    if (r == 0 && !v)
        return err_set(err, -ENOMEM, "no memory for process.args");
    if (r < 0)
        return r;
    v[0] = arena_printf(inst->arena, "%d", *memfd);
    memcpy(v + 1, pr->argv.v, pr->argv.n * sizeof *v);
    *argv = v;
    return 0;
}

static const char *stage_text(uint32_t stage)
{
    static const struct {
        uint32_t stage;
        const char *text;
    } texts[] = {
        {ENTER_FAILED_CGROUP,
         "cgroup: cannot enter (without root and on cgroup v2 only from the group it was started from)"},
        {ENTER_FAILED_SETNS, "namespace: cannot join"},
        {ENTER_FAILED_FORK, "cannot fork (process.pids limit?)"},
        {ENTER_FAILED_CONSOLE, "terminal: cannot be opened (is a devpts mounted on /dev/pts inside?)"},
        {ENTER_FAILED_IDS,
         "process.user: ids cannot be set (CAP_SETUID and CAP_SETGID; in a user namespace they must be mapped)"},
        {ENTER_FAILED_CAPS, "process.capabilities: cannot be set; the launcher lacks CAP_SETPCAP or one of them"},
        {ENTER_CWD_OUTSIDE, "process.cwd: lies outside the container's root"},
        {ENTER_FAILED_NNP, "process.noNewPrivileges"},
        {ENTER_FAILED_SECCOMP, "linux.seccomp: the kernel refuses the filter"},
        {ENTER_FAILED_LISTENER, "linux.seccomp.listenerPath: the agent does not take the descriptor"},
        {ENTER_FAILED_LANDLOCK, "landlock: the kernel refuses the rules"},
        {ENTER_FAILED_START, "start"},
        {ENTER_FAILED_PERSONALITY, "linux.personality"},
        {ENTER_FAILED_FDS, "cannot mark descriptors close-on-exec (close_range, Linux 5.11)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].stage == stage)
            return texts[i].text;
    return "last stage";
}

int report_to_err(const struct instance *inst, const struct process *pr, const struct enter_report *r, struct err *err)
{
    int code = r->code > 0 && r->code < 4096 ? -r->code : -EIO;
    const char *program = pr && pr->argv.n ? pr->argv.v[0] : "?";

    (void)inst;
    switch (r->stage) {
    case ENTER_FAILED_EXEC:
        if (code == -ENOENT && !strchr(program, '/'))
            return err_set(err, code, "exec: \"%s\": executable file not found in $PATH", program);
        if (code == -ENOENT)
            return err_set(err, code, "exec: \"%s\": no such file or directory (or its interpreter is missing inside)",
                           program);
        if (code == -EACCES)
            return err_set(err, code, "exec: \"%s\": permission denied", program);
        if (code == -ENOEXEC)
            return err_set(err, code,
                           "exec: \"%s\": exec format error; built for another processor, or a script without #!",
                           program);
        return err_sys(err, code, "exec: \"%s\"", program);
    case ENTER_FAILED_RLIMIT:
        if (code == -EPERM)
            return err_set(err, code,
                           "process.rlimits %s: above the hard limit in force, and raising it needs CAP_SYS_RESOURCE, "
                           "which this process lacks; lower the value",
                           rlimit_name((int)r->item) ? rlimit_name((int)r->item) : "?");
        return err_sys(err, code, "process.rlimits %s", rlimit_name((int)r->item) ? rlimit_name((int)r->item) : "?");
    case ENTER_FAILED_CWD:
        return err_sys(err, code, "process.cwd %s", pr && pr->cwd ? pr->cwd : "/");
    case ENTER_FAILED_HOOK:
        if (code == -ECHILD)
            return err_set(err, code, "hooks.startContainer[%u]: failed", r->item);
        return err_sys(err, code, "hooks.startContainer[%u]", r->item);
    default:
        return err_sys(err, code, "%s", stage_text(r->stage));
    }
}
