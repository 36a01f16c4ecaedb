/* SPDX-License-Identifier: Apache-2.0 */
/* The `process` object of an OCI document (config.md, "Process"). Pure. */
#include "policy/names.h"
#include "policy/oci.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <string.h>

/* The numbers of sched(7) and sched_setattr(2), written out: glibc, musl and the kernel's header overlap here. */
const struct oci_word oci_sched_policies[] = {
    {"SCHED_OTHER", 0}, {"SCHED_FIFO", 1}, {"SCHED_RR", 2},
    {"SCHED_BATCH", 3}, {"SCHED_IDLE", 5}, {"SCHED_DEADLINE", 6},
};
const size_t oci_n_sched_policies = ARRAY_LEN(oci_sched_policies);

const struct oci_word oci_sched_flags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", 0x01},  {"SCHED_FLAG_RECLAIM", 0x02},     {"SCHED_FLAG_DL_OVERRUN", 0x04},
    {"SCHED_FLAG_KEEP_POLICY", 0x08},    {"SCHED_FLAG_KEEP_PARAMS", 0x10}, {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
};
const size_t oci_n_sched_flags = ARRAY_LEN(oci_sched_flags);

const struct oci_word oci_ioprio_classes[] = {
    {"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
    {"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
    {"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
};
const size_t oci_n_ioprio_classes = ARRAY_LEN(oci_ioprio_classes);

static int read_console(struct oci_reader *r, const struct json *o, struct process *p)
{
    const struct json *size;
    uint32_t rows = 0, cols = 0;
    int code = oci_child(r, o, "consoleSize", JSON_OBJECT, &size);

    if (code < 0 || !size)
        return code;
    oci_enter(r, "consoleSize");
    if ((code = oci_u32(r, size, "height", OCI_REQUIRED, UINT16_MAX, &rows)) < 0 ||
        (code = oci_u32(r, size, "width", OCI_REQUIRED, UINT16_MAX, &cols)) < 0)
        return code;
    oci_leave(r);
    p->rows = (uint16_t)rows;
    p->cols = (uint16_t)cols;
    return 0;
}

static int read_groups(struct oci_reader *r, const struct json *o, struct user_rule *u)
{
    const struct json *list;
    int code = oci_child(r, o, "additionalGids", JSON_ARRAY, &list);

    if (code < 0 || !list)
        return code;
    u->groups = arena_array(r->a, list->count, sizeof *u->groups);
    if (!u->groups)
        return oci_no_memory(r);
    uint32_t i = 0;
    for (const struct json *m = list->child; m; m = m->next, i++) {
        if (m->type != JSON_INT && m->type != JSON_UINT)
            return oci_fail_item(r, "additionalGids", i, "expected an integer, found %s", json_type_name(m->type));
        if (m->type == JSON_UINT || m->integer < 0 || m->integer > OCI_ID_MAX)
            return oci_fail_item(r, "additionalGids", i, "a group id is between 0 and %u", OCI_ID_MAX);
        u->groups[i] = (uint32_t)m->integer;
    }
    u->n_groups = i;
    return 0;
}

static int read_user(struct oci_reader *r, const struct json *o, struct user_rule *u)
{
    const struct json *user;
    const char *username = NULL;
    int code = oci_child(r, o, "user", JSON_OBJECT, &user);

    if (code < 0 || !user)
        return code;
    oci_enter(r, "user");
    if ((code = oci_u32(r, user, "uid", 0, OCI_ID_MAX, &u->uid)) < 0 ||
        (code = oci_u32(r, user, "gid", 0, OCI_ID_MAX, &u->gid)) < 0 ||
        (code = oci_u64(r, user, "umask", 0, 0777, &u->umask)) < 0 || (code = read_groups(r, user, u)) < 0 ||
        (code = oci_string(r, user, "username", OCI_EMPTY_IS_NONE, &username)) < 0)
        return code;
    if (username)
        return oci_fail(r, "username", "is for windows; give uid and gid");
    oci_leave(r);
    return 0;
}

static int read_cap_set(struct oci_reader *r, const struct json *o, const char *name, uint64_t *out)
{
    const struct json *list;
    uint64_t bits = 0;
    int code = oci_child(r, o, name, JSON_ARRAY, &list);

    if (code < 0)
        return code;
    if (!list) {
        *out = 0;
        return 0;
    }
    uint32_t i = 0;
    for (const struct json *m = list->child; m; m = m->next, i++) {
        if (m->type != JSON_STRING)
            return oci_fail_item(r, name, i, "expected a string, found %s", json_type_name(m->type));
        int cap = strncmp(m->string.s, "CAP_", 4) == 0 ? cap_from_name(m->string.s) : -1;
        if (cap < 0)
            return oci_fail_item(r, name, i, "unknown capability \"%.128s\"", m->string.s);
        bits |= 1ull << cap;
    }
    *out = bits;
    return 0;
}

static int read_capabilities(struct oci_reader *r, const struct json *o, struct cap_sets *c)
{
    const struct json *sets;
    int code = oci_child(r, o, "capabilities", JSON_OBJECT, &sets);

    if (code < 0 || !sets)
        return code;
    oci_enter(r, "capabilities");
    c->set = true;
    if ((code = read_cap_set(r, sets, "bounding", &c->bounding)) < 0 ||
        (code = read_cap_set(r, sets, "effective", &c->effective)) < 0 ||
        (code = read_cap_set(r, sets, "inheritable", &c->inheritable)) < 0 ||
        (code = read_cap_set(r, sets, "permitted", &c->permitted)) < 0 ||
        (code = read_cap_set(r, sets, "ambient", &c->ambient)) < 0)
        return code;
    oci_leave(r);
    return 0;
}

static int read_rlimit(struct oci_reader *r, const struct json *o, uint32_t *seen, struct rlimit_rule *l)
{
    const char *type = NULL;
    struct opt_u64 soft, hard;
    int code;

    if ((code = oci_string(r, o, "type", OCI_REQUIRED, &type)) < 0 ||
        (code = oci_u64(r, o, "soft", OCI_REQUIRED, UINT64_MAX, &soft)) < 0 ||
        (code = oci_u64(r, o, "hard", OCI_REQUIRED, UINT64_MAX, &hard)) < 0)
        return code;
    l->resource = strncmp(type, "RLIMIT_", 7) == 0 ? rlimit_from_name(type) : -1;
    if (l->resource < 0)
        return oci_fail(r, "type", "unknown resource limit \"%.128s\"", type);
    if (*seen & 1u << l->resource)
        return oci_fail(r, "type", "%s is given twice; keep one", type);
    if (soft.v > hard.v)
        return oci_fail(r, "soft", "%llu is above hard, %llu", (unsigned long long)soft.v, (unsigned long long)hard.v);
    *seen |= 1u << l->resource;
    l->soft = soft.v;
    l->hard = hard.v;
    return 0;
}

static int read_rlimits(struct oci_reader *r, const struct json *o, struct process *p)
{
    const struct json *list;
    struct rlimit_rule *v;
    uint32_t seen = 0, i = 0;
    int code = oci_list(r, o, "rlimits", sizeof *v, &list, &v);

    if (code < 0 || !list)
        return code;
    oci_enter(r, "rlimits");
    for (const struct json *m = list->child; m; m = m->next, i++) {
        oci_enter_item(r, i);
        if ((code = read_rlimit(r, m, &seen, &v[i])) < 0)
            return code;
        oci_leave(r);
    }
    oci_leave(r);
    p->rlimits = v;
    p->n_rlimits = i;
    return 0;
}

static int read_scheduler(struct oci_reader *r, const struct json *o, struct sched_rule *out)
{
    const struct json *sched;
    uint64_t policy = 0, flags = 0;
    struct opt_i64 nice = {0}, priority = {0};
    struct opt_u64 runtime = {0}, deadline = {0}, period = {0};
    int code = oci_child(r, o, "scheduler", JSON_OBJECT, &sched);

    if (code < 0 || !sched)
        return code;
    oci_enter(r, "scheduler");
    const char *name = NULL;
    if ((code = oci_string(r, sched, "policy", OCI_REQUIRED, &name)) < 0)
        return code;
    if (strcmp(name, "SCHED_ISO") == 0)
        return oci_fail(r, "policy", "SCHED_ISO is reserved and in no kernel; use another policy");
    if ((code = oci_word(r, sched, "policy", OCI_REQUIRED, oci_sched_policies, oci_n_sched_policies, &policy)) < 0 ||
        (code = oci_i64(r, sched, "nice", 0, -20, 19, &nice)) < 0 ||
        (code = oci_i64(r, sched, "priority", 0, 0, 99, &priority)) < 0 ||
        (code = oci_word_flags(r, sched, "flags", oci_sched_flags, oci_n_sched_flags, &flags)) < 0 ||
        (code = oci_u64(r, sched, "runtime", 0, INT64_MAX, &runtime)) < 0 ||
        (code = oci_u64(r, sched, "deadline", 0, INT64_MAX, &deadline)) < 0 ||
        (code = oci_u64(r, sched, "period", 0, INT64_MAX, &period)) < 0)
        return code;
    oci_leave(r);
    *out = (struct sched_rule){
        .set = true,
        .policy = (uint32_t)policy,
        .nice = (int32_t)nice.v,
        .priority = (uint32_t)priority.v,
        .flags = flags,
        .runtime = runtime.v,
        .deadline = deadline.v,
        .period = period.v,
    };
    return 0;
}

static int read_io_priority(struct oci_reader *r, const struct json *o, struct opt_u64 *out)
{
    const struct json *io;
    uint64_t class = 0;
    struct opt_u64 level = {0};
    int code = oci_child(r, o, "ioPriority", JSON_OBJECT, &io);

    if (code < 0 || !io)
        return code;
    oci_enter(r, "ioPriority");
    if ((code = oci_word(r, io, "class", OCI_REQUIRED, oci_ioprio_classes, oci_n_ioprio_classes, &class)) < 0 ||
        (code = oci_u64(r, io, "priority", 0, 7, &level)) < 0)
        return code;
    oci_leave(r);
    *out = (struct opt_u64){.set = true, .v = class << IOPRIO_CLASS_SHIFT | level.v};
    return 0;
}

static int read_cpu_list(struct oci_reader *r, const struct json *o, const char *name, const char **out)
{
    const char *s = NULL;
    int code = oci_string(r, o, name, OCI_EMPTY_IS_NONE, &s);

    if (code < 0 || !s)
        return code;
    if (s[strspn(s, "0123456789, -")])
        return oci_fail(r, name, "\"%.128s\" is no list of CPUs such as 0-3,7", s);
    *out = s;
    return 0;
}

static int read_affinity(struct oci_reader *r, const struct json *o, struct process *p)
{
    const struct json *cpus;
    int code = oci_child(r, o, "execCPUAffinity", JSON_OBJECT, &cpus);

    if (code < 0 || !cpus)
        return code;
    oci_enter(r, "execCPUAffinity");
    if ((code = read_cpu_list(r, cpus, "initial", &p->cpu_affinity_initial)) < 0 ||
        (code = read_cpu_list(r, cpus, "final", &p->cpu_affinity_final)) < 0)
        return code;
    oci_leave(r);
    return 0;
}

static int read_command(struct oci_reader *r, const struct json *o, struct process *p)
{
    const char *line = NULL;
    int code;

    if ((code = oci_string(r, o, "commandLine", OCI_EMPTY_IS_NONE, &line)) < 0)
        return code;
    if (line)
        return oci_fail(r, "commandLine", "is for windows; give args");
    if ((code = oci_string(r, o, "cwd", OCI_ABSOLUTE | (p->cwd ? 0 : OCI_REQUIRED), &p->cwd)) < 0 ||
        (code = oci_strings(r, o, "args", 0, &p->argv)) < 0 || (code = oci_strings(r, o, "env", 0, &p->env)) < 0)
        return code;
    if (p->argv.n == 0)
        return oci_fail(r, "args", "needs at least one entry, the program");
    if (!p->argv.v[0][0])
        return oci_fail_item(r, "args", 0, "must not be empty: it is the program");
    return 0;
}

int oci_read_process(struct oci_reader *r, const struct json *o, struct process *p)
{
    int code;

    if ((code = oci_bool(r, o, "terminal", &p->terminal)) < 0 || (code = read_console(r, o, p)) < 0 ||
        (code = read_command(r, o, p)) < 0 || (code = read_user(r, o, &p->user)) < 0 ||
        (code = read_capabilities(r, o, &p->caps)) < 0 || (code = read_rlimits(r, o, p)) < 0 ||
        (code = oci_bool(r, o, "noNewPrivileges", &p->no_new_privs)) < 0 ||
        (code = oci_i64(r, o, "oomScoreAdj", 0, -1000, 1000, &p->oom_score_adj)) < 0 ||
        (code = oci_string(r, o, "apparmorProfile", OCI_EMPTY_IS_NONE, &p->apparmor_profile)) < 0 ||
        (code = oci_string(r, o, "selinuxLabel", OCI_EMPTY_IS_NONE, &p->selinux_label)) < 0 ||
        (code = read_scheduler(r, o, &p->sched)) < 0 || (code = read_io_priority(r, o, &p->ioprio)) < 0 ||
        (code = read_affinity(r, o, p)) < 0)
        return code;
    if (!p->terminal)
        p->rows = p->cols = 0; /* the specification: ignored without a terminal */
    return 0;
}
