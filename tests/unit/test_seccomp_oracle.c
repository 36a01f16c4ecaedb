/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp compiler against libseccomp: the same rules are given to it the way runc gives them, its BPF is exported
 * and both programs run in the interpreter over all numbers and many arguments. Differences that are meant (the heading
 * of confine/seccomp.c lists them) are left out by what the reference says of the call, and counted.
 */
#include "base/json.h"
#include "bpf_interp.h"
#include "confine/narrow.h"
#include "confine/seccomp.h"
#include "confine/syscalls.h"
#include "seccomp_reference.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PROFILE_PATH "/usr/share/containers/seccomp.json"

/* A rule that libseccomp refuses is lost to its own memory accounting. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libseccomp";
}

static struct arena arena;
/* The first two, and the last two, as on a host of either kind. */
static uint32_t arches[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM};

static int setup(void **state)
{
    (void)state;
    return arena_init(&arena, 256u << 20);
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static enum scmp_compare compare_of(enum seccomp_op op)
{
    static const enum scmp_compare of[] = {SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE,       SCMP_CMP_EQ,
                                           SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ};
    return of[op];
}

static int oracle_add(scmp_filter_ctx ctx, const struct seccomp_rule *r, int nr)
{
    struct scmp_arg_cmp cmp[6];
    bool repeated = false;
    int rc = 0;

    for (uint32_t i = 0; i < r->n_args; i++)
        for (uint32_t k = 0; k < i; k++)
            repeated |= r->args[i].index == r->args[k].index;
    for (uint32_t i = 0; i < r->n_args && i < 6; i++) {
        const struct seccomp_arg *a = &r->args[i];
        cmp[i] = (struct scmp_arg_cmp){a->index, compare_of(a->op), a->value, a->value_two};
        if (repeated && !rc)
            rc = seccomp_rule_add_array(ctx, r->action, nr, 1, &cmp[i]);
    }
    return repeated ? rc : seccomp_rule_add_array(ctx, r->action, nr, r->n_args, cmp);
}

/* 0, or what libseccomp says of a rule it does not take. */
static int oracle_compile(const struct seccomp_policy *p, struct bpf_program *out)
{
    scmp_filter_ctx ctx = seccomp_init(p->default_action);
    int rc = 0;

    assert_non_null(ctx);
    assert_int_equal(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), 0);
    for (uint32_t i = 0; i < p->n_arches; i++)
        (void)seccomp_arch_add(ctx, p->arches[i]);
    if (p->arches != arches)
        assert_int_equal(seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE), 0);
    for (uint32_t i = 0; i < p->n_rules && !rc; i++)
        for (uint32_t k = 0; k < p->rules[i].names.n && !rc; k++) {
            int nr = seccomp_syscall_resolve_name(p->rules[i].names.v[k]);
            if (nr != __NR_SCMP_ERROR && p->rules[i].action != p->default_action)
                rc = oracle_add(ctx, &p->rules[i], nr);
        }
    int fd = memfd_create("oracle", MFD_CLOEXEC);
    if (!rc)
        rc = seccomp_export_bpf(ctx, fd);
    if (!rc) {
        off_t size = lseek(fd, 0, SEEK_END);
        out->insns = arena_alloc(&arena, (size_t)size);
        out->n = (uint32_t)((size_t)size / sizeof *out->insns);
        assert_int_equal(pread(fd, out->insns, (size_t)size, 0), size);
    }
    close(fd);
    seccomp_release(ctx);
    return rc;
}

/* libseccomp 2.5.4, off x86-64, sometimes compares system-call numbers with the architecture, which is still loaded. */
static bool oracle_loads_number(const struct bpf_program *prog, uint32_t n_arches)
{
    uint32_t loads = 0;

    for (uint32_t i = 0; i < prog->n; i++)
        loads += prog->insns[i].code == (BPF_LD | BPF_W | BPF_ABS) && prog->insns[i].k == 0;
    return loads >= n_arches;
}

static struct {
    unsigned long equal, tangled, order, beyond, unknown, multiplexed, narrow, narrow_differs;
} count;

static bool known_to_oracle(uint32_t arch, int nr)
{
    char *name = seccomp_syscall_resolve_num_arch(arch, nr);
    bool known = name != NULL || !syscall_name(arch, nr);

    free(name);
    return known;
}

static void print_rules(const struct seccomp_policy *p, const struct seccomp_data *d)
{
    print_message("# default %x\n", p->default_action);
    for (uint32_t i = 0; i < p->n_rules; i++)
        for (uint32_t k = 0; k < p->rules[i].names.n; k++) {
            const struct seccomp_rule *r = &p->rules[i];
            if (syscall_number(d->arch, r->names.v[k]) != d->nr)
                continue;
            print_message("# rule %u: action %x", i, r->action);
            for (uint32_t j = 0; j < r->n_args; j++)
                print_message(" [arg %u op %d %llx %llx]", r->args[j].index, (int)r->args[j].op,
                              (unsigned long long)r->args[j].value, (unsigned long long)r->args[j].value_two);
            print_message("\n");
        }
}

static void check_call(const struct seccomp_policy *p, const struct bpf_program *ours, const struct bpf_program *theirs,
                       const struct seccomp_data *d, const char *label)
{
    struct reference ref = seccomp_reference(p, d);
    struct bpf_run a, b;

    assert_int_equal(bpf_interp(ours->insns, ours->n, d, &a), 0);
    assert_int_equal(bpf_interp(theirs->insns, theirs->n, d, &b), 0);
    if (ref.beyond)
        count.beyond++;
    else if (ref.multiplexed)
        count.multiplexed++;
    else if (ref.narrow) { /* it compares 64 bits where the kernel reads 32 */
        count.narrow++;
        count.narrow_differs += a.verdict != b.verdict;
    } else if (ref.conflict)
        count.order += a.verdict != b.verdict;
    else if (a.verdict == b.verdict)
        count.equal++;
    else if (ref.tangled)
        count.tangled++;
    else {
        print_rules(p, d);
        fail_msg("%s: arch %x nr %d (%s) args %llx %llx %llx %llx %llx %llx: libseccomp %x, here %x", label, d->arch,
                 d->nr, syscall_name(d->arch, d->nr), (unsigned long long)d->args[0], (unsigned long long)d->args[1],
                 (unsigned long long)d->args[2], (unsigned long long)d->args[3], (unsigned long long)d->args[4],
                 (unsigned long long)d->args[5], b.verdict, a.verdict);
    }
}

static const uint64_t values[] = {0,  1,           2,          8,          9,           16,
                                  40, 0x20008,     0x7e020000, 0x10000000, ~0ull,       0xffffffff,
                                  17, 0x100000000, 0x10000001, 1ull << 63, 0x100000009, 0x20000};

static uint64_t random_state;
static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % n);
}

static void check_all(const struct seccomp_policy *p, const struct bpf_program *theirs, int rounds, const char *label)
{
    struct bpf_program ours;
    struct err err;

    if (seccomp_compile(&arena, p, &ours, &err) < 0)
        fail_msg("%s: %s", label, err.text);
    for (uint32_t i = 0; i < p->n_arches; i++) {
        /* A 32-bit call has no upper halves. */
        uint64_t mask = p->arches[i] & __AUDIT_ARCH_64BIT ? ~0ull : 0xffffffff;
        for (int nr = 0; nr <= 600; nr++) {
            if (!known_to_oracle(p->arches[i], nr)) {
                count.unknown++;
                continue;
            }
            for (int k = 0; k < rounds; k++) {
                struct seccomp_data d = {.nr = nr, .arch = p->arches[i]};
                for (int j = 0; j < 6; j++)
                    d.args[j] =
                        mask & values[k < 18 ? (size_t)(k + j) % ARRAY_LEN(values) : random_below(ARRAY_LEN(values))];
                check_call(p, &ours, theirs, &d, label);
            }
        }
    }
}

static void test_syscall_table_equals_that_of_libseccomp(void **state)
{
    unsigned compared = 0;

    (void)state;
    for (int i = 0; syscall_row_at(i); i++)
        for (size_t k = 0; k < ARRAY_LEN(arches); k++) {
            const struct syscall_row *row = syscall_row_at(i);
            int theirs = seccomp_syscall_resolve_name_arch(arches[k], row->name);
            int ours = syscall_number(arches[k], row->name);
            if (theirs == __NR_SCMP_ERROR)
                continue; /* newer than the library */
            if (arches[k] == AUDIT_ARCH_I386 && syscall_mux_find(row->name) && theirs < 0)
                continue; /* it answers with the multiplexed form of the call */
            if (theirs < 0 ? ours >= 0 && ours < 441 : theirs != ours)
                fail_msg("%s on arch %x: libseccomp %d, here %d", row->name, arches[k], theirs, ours);
            compared++;
        }
    print_message("# %u numbers compared\n", compared);
    assert_true(compared > 1700);
}

static struct seccomp_policy random_policy(uint32_t seed)
{
    static const uint32_t actions[] = {SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS,
                                       SECCOMP_RET_ERRNO | ENOSYS, SECCOMP_RET_LOG};
    struct seccomp_rule *rules = arena_array(&arena, 12, sizeof *rules);

    random_state = seed * 0x9e3779b97f4a7c15ull;
    uint32_t n = 1 + random_below(12), first = random_below(400);
    uint32_t same = random_below(3) ? actions[random_below(5)] : 0;
    for (uint32_t i = 0; i < n; i++) {
        struct seccomp_rule *r = &rules[i];
        r->names.n = 1 + random_below(3);
        r->names.v = arena_array(&arena, r->names.n + 1, sizeof *r->names.v);
        for (uint32_t k = 0; k < r->names.n; k++)
            r->names.v[k] = (char *)(uintptr_t)syscall_row_at((int)(first + random_below(20)))->name;
        r->action = same ? same : actions[random_below(5)];
        r->n_args = random_below(4) ? 1 + random_below(3) : 0;
        r->args = arena_array(&arena, r->n_args + 1, sizeof *r->args);
        for (uint32_t k = 0; k < r->n_args; k++) {
            struct seccomp_arg *arg = &r->args[k];
            arg->index = random_below(4);
            arg->op = (enum seccomp_op)random_below(7);
            arg->value = values[random_below(ARRAY_LEN(values))];
            arg->value_two = values[random_below(ARRAY_LEN(values))];
        }
    }
    return (struct seccomp_policy){.default_action = actions[random_below(5)],
                                   .rules = rules,
                                   .n_rules = n,
                                   .arches = arches + seed % 2 * 2,
                                   .n_arches = 2};
}

static void test_seccomp_compile_of_random_policies_equals_libseccomp(void **state)
{
    unsigned refused = 0, wrong = 0, tried = 150;

    (void)state;
    memset(&count, 0, sizeof count);
    for (uint32_t seed = 1; seed <= tried; seed++) {
        struct seccomp_policy p = random_policy(seed);
        struct bpf_program theirs;
        char label[32];
        snprintf(label, sizeof label, "seed %u", seed);
        if (oracle_compile(&p, &theirs) < 0)
            refused++;
        else if (!oracle_loads_number(&theirs, p.n_arches))
            wrong++;
        else
            check_all(&p, &theirs, 6, label);
    }
    print_message("# of %u policies libseccomp refused %u and got %u wrong; calls: %lu equal, %lu lost in its tree of "
                  "inequalities, %lu "
                  "decided by order, %lu beyond the policy, %lu multiplexed, %lu numbers unknown to it, %lu with upper "
                  "bits that the kernel drops\n",
                  tried, refused, wrong, count.equal, count.tangled, count.order, count.beyond, count.multiplexed,
                  count.unknown, count.narrow);
    assert_true(refused + wrong < tried / 2);
}

static void test_seccomp_default_profile_equals_libseccomp(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct seccomp_policy p;
        struct bpf_program theirs;
        struct err err;
        assert_int_equal(seccomp_default_profile(&arena, i % 2 ? ~0ull : 0, &p, &err), 0);
        p.arches = arches + i / 2 * 2;
        p.n_arches = 2;
        assert_int_equal(oracle_compile(&p, &theirs), 0);
        check_all(&p, &theirs, 20, "built-in profile");
    }
}

/* ---- the broker's profile ----------------------------------------------------------------------------------------
 */

static struct seccomp_policy broker_rules(uint32_t notify)
{
    struct seccomp_policy rules;
    struct policy policy;
    struct err err;

    policy_init(&policy, &arena, POLICY_FROM_FLAGS);
    policy.ns[NS_NET].how = NS_NEW;
    assert_int_equal(seccomp_broker_profile(&arena, &policy, notify, &rules, &err), 0);
    rules.arches = arches;
    rules.n_arches = 1;
    return rules;
}

static bool names_call(const struct seccomp_rule *r, const char *name)
{
    for (uint32_t i = 0; i < r->names.n; i++)
        if (!strcmp(r->names.v[i], name))
            return true;
    return false;
}

/* A rule that covers others with more conditions, which libseccomp refuses (-EEXIST): left out, with what it decides.
 */
#define NESTED (SECCOMP_RET_ERRNO | EPROTONOSUPPORT)

static bool holds_always(const struct seccomp_rule *r)
{
    return r->n_args == 1 && r->args[0].op == SECCOMP_OP_MASKED_EQ && !r->args[0].value;
}

/* The rules of one call that end in "otherwise", which libseccomp has no words for: the same as a policy of its own
 * whose default action is that. A rule that says the same as it is kept, though libseccomp takes none such: the
 * reference then tells of the conflict. */
static bool rules_of_call(const struct seccomp_policy *all, const char *name, struct seccomp_policy *out)
{
    static char *names[2];
    bool otherwise = false;

    names[0] = (char *)(uintptr_t)name;
    *out = (struct seccomp_policy){.in_order = true, .arches = arches, .n_arches = 1};
    out->rules = arena_array(&arena, all->n_rules, sizeof *out->rules);
    for (uint32_t i = 0; i < all->n_rules && !otherwise; i++) {
        if (!names_call(&all->rules[i], name) || all->rules[i].action == NESTED)
            continue;
        otherwise = holds_always(&all->rules[i]);
        if (otherwise)
            out->default_action = all->rules[i].action;
        else {
            out->rules[out->n_rules] = all->rules[i];
            out->rules[out->n_rules++].names = (struct strv){names, 1};
        }
    }
    return otherwise;
}

static void check_one_call(const struct seccomp_policy *whole, const char *name)
{
    struct seccomp_policy alone;
    struct bpf_program ours, theirs;
    struct err err;

    if (!rules_of_call(whole, name, &alone))
        fail_msg("%s has no last rule", name);
    assert_int_equal(oracle_compile(&alone, &theirs), 0);
    assert_int_equal(seccomp_compile(&arena, whole, &ours, &err), 0);
    for (int k = 0; k < 8000; k++) {
        struct seccomp_data d = {.nr = syscall_number(AUDIT_ARCH_X86_64, name), .arch = AUDIT_ARCH_X86_64};
        for (int j = 0; j < 6; j++)
            d.args[j] = k % 2 ? values[random_below(ARRAY_LEN(values))] : random_below(k % 4 ? 20 : 0x9000);
        if (seccomp_reference(whole, &d).verdict != NESTED)
            check_call(&alone, &ours, &theirs, &d, name);
    }
}

static void test_seccomp_broker_profile_equals_libseccomp(void **state)
{
    static const char *const in_order[] = {"ioctl", "mknod", "mknodat", "seccomp", "socket", "socketpair"};

    (void)state;
    memset(&count, 0, sizeof count);
    random_state = 0x9e3779b97f4a7c15ull;
    for (uint32_t notify = 0; notify < 8; notify++) {
        struct seccomp_policy whole = broker_rules(notify), rest = whole;
        struct bpf_program theirs;
        rest.rules = arena_array(&arena, whole.n_rules, sizeof *rest.rules);
        rest.n_rules = 0;
        for (uint32_t i = 0; i < whole.n_rules; i++) {
            bool ordered = false;
            for (size_t k = 0; k < ARRAY_LEN(in_order); k++)
                ordered |= names_call(&whole.rules[i], in_order[k]);
            if (!ordered || !whole.rules[i].n_args)
                rest.rules[rest.n_rules++] = whole.rules[i];
        }
        assert_int_equal(oracle_compile(&rest, &theirs), 0);
        check_all(&rest, &theirs, 8, "broker profile");
        for (size_t k = 0; k < ARRAY_LEN(in_order); k++)
            check_one_call(&whole, in_order[k]);
    }
    print_message(
        "# calls: %lu equal, %lu decided by order, %lu beyond the policy, %lu numbers unknown to it, %lu with "
        "upper bits that the kernel drops\n",
        count.equal, count.order, count.beyond, count.unknown, count.narrow);
    assert_true(count.equal > 100000);
    assert_int_equal(count.tangled, 0);
}

/* What is skipped above, looked at by itself: libseccomp's filter lets a refused command pass with a bit that the
 * kernel drops, ours does not; nor does it refuse an allowed one. */
static void test_seccomp_compile_of_narrow_arguments_is_not_passed_by_upper_bits_as_libseccomp_is(void **state)
{
    const struct narrow_row *row;
    unsigned passed = 0, tried = 0;

    (void)state;
    for (int i = 0; (row = narrow_row_at(i)); i++)
        for (uint32_t index = 0; index < 6; index++)
            for (int deny = 0; deny < 2 && row->args >> index & 1; deny++) {
                char *names[] = {(char *)(uintptr_t)row->name, NULL};
                struct seccomp_arg arg = {index, SECCOMP_OP_EQ, 0x12, 0};
                uint32_t action = deny ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW;
                uint32_t other = deny ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EPERM;
                struct seccomp_rule r = {.names = {names, 1}, .action = action, .args = &arg, .n_args = 1};
                struct seccomp_policy p = {
                    .default_action = other, .rules = &r, .n_rules = 1, .arches = arches, .n_arches = 1};
                struct bpf_program ours, theirs;
                struct err err;
                assert_int_equal(oracle_compile(&p, &theirs), 0);
                assert_int_equal(seccomp_compile(&arena, &p, &ours, &err), 0);
                for (int bit = 31; bit < 64; bit++) {
                    struct seccomp_data d = {.nr = syscall_number(AUDIT_ARCH_X86_64, row->name),
                                             .arch = AUDIT_ARCH_X86_64};
                    struct bpf_run a, b;
                    d.args[index] = 0x12 | (bit < 32 ? 0 : 1ull << bit);
                    assert_int_equal(bpf_interp(ours.insns, ours.n, &d, &a), 0);
                    assert_int_equal(bpf_interp(theirs.insns, theirs.n, &d, &b), 0);
                    assert_int_equal(a.verdict, action);
                    assert_int_equal(b.verdict, bit < 32 ? action : other);
                    passed += deny && b.verdict == SECCOMP_RET_ALLOW;
                    tried += deny && bit >= 32;
                }
            }
    assert_int_equal(passed, tried);
}

/* ---- the profile Debian ships for podman --------------------------------------------------------------------------
 */

static bool lists(const struct json *list, const char *word)
{
    for (const struct json *j = list && list->type == JSON_ARRAY ? list->child : NULL; j; j = j->next)
        if (j->type == JSON_STRING && !strcmp(j->string.s, word))
            return true;
    return false;
}

static bool has_words(const struct json *list)
{
    return list && list->type == JSON_ARRAY && list->count;
}

static uint32_t action_of(const struct json *entry, const char *key, const char *errno_key)
{
    const struct json *errno_ret = json_get(entry, errno_key);
    const char *name = json_get(entry, key)->string.s;

    if (!strcmp(name, "SCMP_ACT_ALLOW"))
        return SECCOMP_RET_ALLOW;
    assert_string_equal(name, "SCMP_ACT_ERRNO");
    return SECCOMP_RET_ERRNO | (errno_ret ? (uint32_t)errno_ret->integer : EPERM);
}

static void read_args(const struct json *list, struct seccomp_rule *r)
{
    static const char *const ops[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",       "SCMP_CMP_EQ",
                                      "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"};

    if (!has_words(list))
        return;
    r->args = arena_array(&arena, list->count, sizeof *r->args);
    for (const struct json *j = list->child; j; j = j->next) {
        struct seccomp_arg *a = &r->args[r->n_args++];
        a->index = (uint32_t)json_get(j, "index")->integer;
        a->value = (uint64_t)json_get(j, "value")->integer;
        a->value_two = (uint64_t)json_get(j, "valueTwo")->integer;
        for (int i = 0; i < 7; i++)
            if (!strcmp(ops[i], json_get(j, "op")->string.s))
                a->op = (enum seccomp_op)i;
    }
}

/* The profile for an x86-64 host and a container with this capability, or none. */
static struct seccomp_policy read_profile(const struct json *root, const char *cap)
{
    const struct json *syscalls = json_get(root, "syscalls");
    struct seccomp_policy p = {.default_action = action_of(root, "defaultAction", "defaultErrnoRet")};

    p.rules = arena_array(&arena, syscalls->count, sizeof *p.rules);
    for (const struct json *j = syscalls->child; j; j = j->next) {
        const struct json *in = json_get(j, "includes"), *ex = json_get(j, "excludes"), *names = json_get(j, "names");
        if (has_words(json_get(in, "arches")) && !lists(json_get(in, "arches"), "amd64"))
            continue;
        if (has_words(json_get(in, "caps")) && !lists(json_get(in, "caps"), cap))
            continue;
        if (lists(json_get(ex, "caps"), cap) || lists(json_get(ex, "arches"), "amd64"))
            continue;
        struct seccomp_rule *r = &p.rules[p.n_rules++];
        r->action = action_of(j, "action", "errnoRet");
        r->names.v = arena_array(&arena, names->count + 1, sizeof *r->names.v);
        for (const struct json *name = names->child; name; name = name->next)
            r->names.v[r->names.n++] = (char *)(uintptr_t)name->string.s;
        read_args(json_get(j, "args"), r);
    }
    return p;
}

static void test_seccomp_compile_of_debians_container_profile_equals_libseccomp(void **state)
{
    static const char *const caps[] = {"", "CAP_SYS_ADMIN", "CAP_AUDIT_WRITE"};
    int fd = open(PROFILE_PATH, O_RDONLY | O_CLOEXEC);
    static char text[1 << 20];
    struct json *root;
    struct err err;

    (void)state;
    if (fd < 0) {
        print_message("# " PROFILE_PATH " is not there (package golang-github-containers-common)\n");
        skip();
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (json_parse(&arena, text, (size_t)n, &root, &err) < 0)
        fail_msg("%s", err.text);
    memset(&count, 0, sizeof count);
    for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
        struct seccomp_policy p = read_profile(root, caps[i]);
        struct bpf_program theirs;
        /* Both with its own default of ENOSYS and with docker's EPERM. */
        for (int eperm = 0; eperm < 2; eperm++) {
            if (eperm)
                p.default_action = SECCOMP_RET_ERRNO | EPERM;
            p.arches = arches;
            p.n_arches = 2;
            assert_int_equal(oracle_compile(&p, &theirs), 0);
            check_all(&p, &theirs, 24, caps[i]);
        }
    }
    print_message("# calls: %lu equal, %lu decided by order, %lu beyond the policy, %lu multiplexed\n", count.equal,
                  count.order, count.beyond, count.multiplexed);
    assert_int_equal(count.order, 0);
    assert_int_equal(count.tangled, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syscall_table_equals_that_of_libseccomp),
        cmocka_unit_test(test_seccomp_default_profile_equals_libseccomp),
        cmocka_unit_test(test_seccomp_broker_profile_equals_libseccomp),
        cmocka_unit_test(test_seccomp_compile_of_narrow_arguments_is_not_passed_by_upper_bits_as_libseccomp_is),
        cmocka_unit_test(test_seccomp_compile_of_random_policies_equals_libseccomp),
        cmocka_unit_test(test_seccomp_compile_of_debians_container_profile_equals_libseccomp),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
