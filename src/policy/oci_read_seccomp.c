/* SPDX-License-Identifier: Apache-2.0 */
/* `linux.seccomp` (config-linux.md, "Seccomp"). Pure. System-call names are not judged here: the compiler knows them.
 */
#include "policy/names.h"
#include "policy/oci.h"

#include <errno.h>
#include <linux/seccomp.h>

#define KERNEL_MAX_ERRNO 4095 /* what the kernel cuts SECCOMP_RET_ERRNO to */

/* The action and its errno: `errno_name` only goes with ERRNO and TRACE, and is EPERM where it is not given. */
static int read_action(struct oci_reader *r, const struct json *o, const char *name, const char *errno_name,
                       uint32_t *out)
{
    const char *s = NULL;
    struct opt_u64 data = {0};
    uint32_t action;
    int code;

    if ((code = oci_string(r, o, name, OCI_REQUIRED, &s)) < 0 ||
        (code = oci_u64(r, o, errno_name, 0, UINT16_MAX, &data)) < 0)
        return code;
    if (!seccomp_action_from_name(s, &action))
        return oci_fail(r, name, "unknown action \"%.64s\"", s);
    if (action == SECCOMP_RET_ERRNO || action == SECCOMP_RET_TRACE) {
        if (action == SECCOMP_RET_ERRNO && data.v > KERNEL_MAX_ERRNO)
            return oci_fail(r, errno_name, "%llu is beyond the last errno, %d", (unsigned long long)data.v,
                            KERNEL_MAX_ERRNO);
        action |= data.set ? (uint32_t)data.v : EPERM;
    } else if (data.set) {
        return oci_fail(r, errno_name, "%s takes no errno; only SCMP_ACT_ERRNO and SCMP_ACT_TRACE do", s);
    }
    *out = action;
    return 0;
}

static int read_arg(struct oci_reader *r, const struct json *o, struct seccomp_arg *arg)
{
    const char *op = NULL;
    struct opt_u64 value = {0}, value_two = {0};
    int code, n;

    if ((code = oci_u32(r, o, "index", OCI_REQUIRED, 5, &arg->index)) < 0 ||
        (code = oci_u64(r, o, "value", OCI_REQUIRED, UINT64_MAX, &value)) < 0 ||
        (code = oci_u64(r, o, "valueTwo", 0, UINT64_MAX, &value_two)) < 0 ||
        (code = oci_string(r, o, "op", OCI_REQUIRED, &op)) < 0)
        return code;
    if (!seccomp_op_from_name(op, &n))
        return oci_fail(r, "op", "unknown operator \"%.64s\"", op);
    arg->op = (enum seccomp_op)n;
    arg->value = value.v;
    arg->value_two = value_two.v;
    return 0;
}

static int read_rule(struct oci_reader *r, const struct json *o, struct seccomp_rule *rule)
{
    const struct json *list;
    struct seccomp_arg *v;
    uint32_t i = 0;
    int code;

    if ((code = oci_strings(r, o, "names", OCI_NONEMPTY, &rule->names)) < 0)
        return code;
    if (rule->names.n == 0)
        return oci_fail(r, "names", "needs at least one system call");
    if ((code = read_action(r, o, "action", "errnoRet", &rule->action)) < 0 ||
        (code = oci_list(r, o, "args", sizeof *v, &list, &v)) < 0)
        return code;
    if (!list)
        return 0;
    oci_enter(r, "args");
    for (const struct json *m = list->child; m; m = m->next, i++) {
        oci_enter_item(r, i);
        if ((code = read_arg(r, m, &v[i])) < 0)
            return code;
        oci_leave(r);
    }
    oci_leave(r);
    rule->args = v;
    rule->n_args = i;
    return 0;
}

static int read_rules(struct oci_reader *r, const struct json *o, struct seccomp_policy *s)
{
    const struct json *list;
    struct seccomp_rule *v;
    uint32_t i = 0;
    int code = oci_list(r, o, "syscalls", sizeof *v, &list, &v);

    if (code < 0 || !list)
        return code;
    oci_enter(r, "syscalls");
    for (const struct json *m = list->child; m; m = m->next, i++) {
        oci_enter_item(r, i);
        if ((code = read_rule(r, m, &v[i])) < 0)
            return code;
        oci_leave(r);
    }
    oci_leave(r);
    s->rules = v;
    s->n_rules = i;
    return 0;
}

static int read_arches(struct oci_reader *r, const struct json *o, struct seccomp_policy *s)
{
    struct strv v = {0};
    int code = oci_strings(r, o, "architectures", 0, &v);

    if (code < 0 || v.n == 0)
        return code;
    s->arches = arena_array(r->a, v.n, sizeof *s->arches);
    if (!s->arches)
        return oci_no_memory(r);
    for (uint32_t i = 0; i < v.n; i++) {
        if (!seccomp_arch_from_name(v.v[i], &s->arches[i]))
            return oci_fail_item(r, "architectures", i, "unknown architecture \"%.64s\"", v.v[i]);
    }
    s->n_arches = v.n;
    return 0;
}

static int read_flags(struct oci_reader *r, const struct json *o, struct seccomp_policy *s)
{
    struct strv v = {0};
    int code = oci_strings(r, o, "flags", 0, &v);

    if (code < 0)
        return code;
    for (uint32_t i = 0; i < v.n; i++) {
        uint32_t flag;
        if (!seccomp_flag_from_name(v.v[i], &flag))
            return oci_fail_item(r, "flags", i, "unknown flag \"%.64s\"", v.v[i]);
        s->flags |= flag;
    }
    return 0;
}

int oci_read_seccomp(struct oci_reader *r, const struct json *o, struct seccomp_policy *out)
{
    const struct json *sec;
    struct seccomp_policy s = {.set = true};
    int code = oci_child(r, o, "seccomp", JSON_OBJECT, &sec);

    if (code < 0 || !sec)
        return code;
    oci_enter(r, "seccomp");
    if ((code = read_action(r, sec, "defaultAction", "defaultErrnoRet", &s.default_action)) < 0 ||
        (code = read_arches(r, sec, &s)) < 0 || (code = read_flags(r, sec, &s)) < 0 ||
        (code = read_rules(r, sec, &s)) < 0 ||
        (code = oci_string(r, sec, "listenerPath", OCI_EMPTY_IS_NONE | OCI_ABSOLUTE, &s.listener_path)) < 0 ||
        (code = oci_string(r, sec, "listenerMetadata", OCI_EMPTY_IS_NONE, &s.listener_metadata)) < 0)
        return code;
    if (s.listener_metadata && !s.listener_path)
        return oci_fail(r, "listenerMetadata", "needs listenerPath");
    oci_leave(r);
    *out = s;
    return 0;
}
