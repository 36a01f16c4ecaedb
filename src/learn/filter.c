/* SPDX-License-Identifier: Apache-2.0 */
/* See filter.h. Pure: a program is made, the caller installs it. */
#include "learn/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#else
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

static const struct {
    const char *name;
    int only;
} shown[] = {
#define NOTIFY_CALL(name, group, service, dir, path, dir2, path2, flags, only) {#name, only},
#include "confine/notify_calls.h"
};

static const char *const unseen[] = {"io_uring_enter", "io_uring_register", "io_uring_setup"};

static void add(struct seccomp_rule *rule, char **names, const char *name, uint32_t action)
{
    names[0] = (char *)(uintptr_t)name;
    *rule = (struct seccomp_rule){.names = {names, 1}, .action = action};
}

/* Behind a look at the architecture: the compiler's own would kill what is foreign. */
static int let_foreign_through(struct arena *a, struct bpf_program *p)
{
    const struct sock_filter first[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_filter *all = arena_array(a, ARRAY_LEN(first) + p->n, sizeof *all);

    if (!all)
        return -ENOMEM;
    memcpy(all, first, sizeof first);
    memcpy(all + ARRAY_LEN(first), p->insns, p->n * sizeof *all);
    *p = (struct bpf_program){all, p->n + (uint32_t)ARRAY_LEN(first)};
    return 0;
}

int learn_filter(struct arena *a, struct bpf_program *out, struct err *err)
{
    const uint32_t most = ARRAY_LEN(shown) + ARRAY_LEN(unseen);
    struct seccomp_rule *rules = arena_array(a, most, sizeof *rules);
    struct seccomp_arg *args = arena_array(a, most, sizeof *args);
    char **names = arena_array(a, 2 * (size_t)most, sizeof *names); /* each followed by a NULL */
    struct seccomp_policy p = {.set = true, .default_action = SECCOMP_RET_ALLOW, .rules = rules};

    if (!rules || !args || !names)
        return err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < ARRAY_LEN(shown); i++, p.n_rules++) {
        struct seccomp_rule *rule = &rules[p.n_rules];
        add(rule, &names[2 * (size_t)p.n_rules], shown[i].name, SECCOMP_RET_USER_NOTIF);
        /* What goes to a name server need have no address of its own. */
        if (shown[i].only < 0 || !strcmp(shown[i].name, "sendto"))
            continue;
        args[i] = (struct seccomp_arg){(uint32_t)shown[i].only, SECCOMP_OP_NE, 0, 0};
        rule->args = &args[i];
        rule->n_args = 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(unseen); i++, p.n_rules++)
        add(&rules[p.n_rules], &names[2 * (size_t)p.n_rules], unseen[i], SECCOMP_RET_ERRNO | ENOSYS);
    int r = seccomp_compile(a, &p, out, err);
    return r < 0 ? r : let_foreign_through(a, out) < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}
