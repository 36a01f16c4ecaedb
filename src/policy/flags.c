/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flag values: numbers, names, process and resource items; the paths are in flags_paths.c. Each function gets one value
 * and says what is wrong with it; policy_flag_apply() adds where it stood. Trust: values are the user's, or of a policy
 * file which may be hostile, so nothing here opens a file but --env-file, which a policy file cannot name.
 */
#include "policy/flags.h"
#include "base/io.h"
#include "policy/defaults.h"
#include "policy/ioctl_sets.h"
#include "policy/list.h"
#include "policy/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define CPU_PERIOD       100000 /* microseconds; the kernel's own default */
#define CPU_QUOTA_MIN    1000
#define NANO             UINT64_C(1000000000)
#define ENV_FILE_MAX     (1 << 20)
#define HOST_NAME_LENGTH 64

/* ---- values ------------------------------------------------------------------------------------------------- */

/* Decimal digits with an optional fraction of at most 9 digits, in billionths. Returns behind it, or NULL. */
static const char *parse_decimal(const char *text, uint64_t *whole, uint64_t *billionths)
{
    const char *c = text;
    uint64_t n = 0, f = 0, scale = NANO;

    for (; *c >= '0' && *c <= '9'; c++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*c - '0'), &n))
            return NULL;
    }
    if (c == text)
        return NULL;
    if (*c == '.') {
        const char *start = ++c;
        for (; *c >= '0' && *c <= '9'; c++) {
            scale /= 10;
            f += (uint64_t)(*c - '0') * scale;
        }
        if (c == start)
            return NULL;
    }
    *whole = n;
    *billionths = f;
    return c;
}

int flag_parse_size(const char *text, int64_t *bytes)
{
    static const char units[] = "kmgtp";
    uint64_t whole, part, total, unit = 1;
    const char *c = parse_decimal(text, &whole, &part);

    if (!c)
        return -EINVAL;
    const char *u = *c ? strchr(units, *c | 0x20) : NULL;
    if (u && *u) {
        unit = UINT64_C(1) << (10 * (u - units + 1));
        c++;
        if (*c == 'i' && (c[1] | 0x20) == 'b')
            c++;
    }
    if ((*c | 0x20) == 'b')
        c++;
    if (*c)
        return -EINVAL;
    /* The fraction in two steps, so that 2^50 units of a billion do not overflow. */
    uint64_t fraction = unit / NANO * part + unit % NANO * part / NANO;
    if (__builtin_mul_overflow(whole, unit, &total) || __builtin_add_overflow(total, fraction, &total) ||
        total > INT64_MAX)
        return -EINVAL;
    *bytes = (int64_t)total;
    return 0;
}

int flag_parse_duration(const char *text, int64_t *ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
    int64_t total = 0;
    const char *c = text;

    do {
        uint64_t whole, part;
        int64_t unit = 0, piece;
        if (!(c = parse_decimal(c, &whole, &part)) || whole > INT64_MAX)
            return -EINVAL;
        for (size_t i = 0; i < ARRAY_LEN(units) && !unit; i++) {
            size_t len = strlen(units[i].name);
            if (!strncmp(c, units[i].name, len)) {
                unit = units[i].ms;
                c += len;
            }
        }
        if (!unit && *c == '\0' && total == 0)
            unit = 1000; /* a bare number: seconds */
        if (!unit || __builtin_mul_overflow((int64_t)whole, unit, &piece) ||
            __builtin_add_overflow(piece, (int64_t)((uint64_t)unit * part / NANO), &piece) ||
            __builtin_add_overflow(total, piece, &total))
            return -EINVAL;
    } while (*c);
    *ms = total;
    return 0;
}

int flag_parse_i64(const char *text, int64_t min, int64_t max, int64_t *out)
{
    bool negative = *text == '-';
    const char *digits = text + negative;
    int64_t n = 0;

    if (!*digits)
        return -EINVAL;
    for (const char *c = digits; *c; c++) {
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, *c - '0', &n))
            return -EINVAL; /* counted downwards, since INT64_MIN has no positive twin */
    }
    if (!negative && __builtin_sub_overflow(0, n, &n))
        return -EINVAL;
    if (n < min || n > max)
        return -EINVAL;
    *out = n;
    return 0;
}

static int need_size(const char *value, int64_t *bytes, struct err *err)
{
    if (flag_parse_size(value, bytes) < 0)
        return err_set(err, -EINVAL, "not a size");
    return 0;
}

static int need_number(const char *value, int64_t min, int64_t max, int64_t *out, struct err *err)
{
    if (flag_parse_i64(value, min, max, out) < 0)
        return err_set(err, -EINVAL, "not a whole number from %lld to %lld", (long long)min, (long long)max);
    return 0;
}

static int need_bool(const char *value, bool *out, struct err *err)
{
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return err_set(err, -EINVAL, "neither true nor false");
    *out = value[0] == 't';
    return 0;
}

/* "KEY=VALUE" into a list where a later key replaces an earlier one. */
static int set_pair(struct policy_build *b, struct key_value **list, uint32_t *n, const char *value, struct err *err)
{
    const char *equals = strchr(value, '=');

    if (!equals || equals == value)
        return err_set(err, -EINVAL, "no KEY=VALUE");
    char *key = arena_strndup(b->p->arena, value, (size_t)(equals - value));
    if (!key)
        return policy_no_memory(err);
    for (uint32_t i = 0; i < *n; i++) {
        if (!strcmp((*list)[i].key, key)) {
            (*list)[i].value = equals + 1;
            return 0;
        }
    }
    struct key_value *pair = policy_list_push(b->p->arena, list, n, sizeof *pair);
    if (!pair)
        return policy_no_memory(err);
    *pair = (struct key_value){key, equals + 1};
    return 0;
}

/* ---- process ------------------------------------------------------------------------------------------------ */

static int flag_env(struct policy_build *b, const char *value, struct err *err)
{
    const char *entry = value;

    if (*value == '\0' || *value == '=')
        return err_set(err, -EINVAL, "the name is empty");
    if (!strchr(value, '=')) {
        const char *own = getenv(value);
        if (!own)
            return 0; /* as docker: a variable that is not there is not passed on */
        entry = arena_printf(b->p->arena, "%s=%s", value, own);
        if (!entry)
            return policy_no_memory(err);
    }
    if (policy_env_set(b->p->arena, &b->user_env, entry) < 0 ||
        policy_env_set(b->p->arena, &b->p->process.env, entry) < 0)
        return policy_no_memory(err);
    return 0;
}

static int flag_env_file(struct policy_build *b, const char *value, struct err *err)
{
    char *text, *save = NULL;
    size_t len;
    unsigned line = 0;
    int r = io_read_file(b->p->arena, AT_FDCWD, value, ENV_FILE_MAX, &text, &len);

    if (r < 0)
        return err_sys(err, r, "cannot read the file");
    if (strlen(text) != len)
        return err_set(err, -EINVAL, "the file holds a NUL byte");
    for (char *next = text; next; next = save) {
        save = strchr(next, '\n');
        if (save)
            *save++ = '\0';
        line++;
        next += strspn(next, " \t");
        size_t end = strlen(next);
        if (end && next[end - 1] == '\r')
            next[end - 1] = '\0';
        if (*next == '\0' || *next == '#')
            continue;
        size_t key = strcspn(next, "=");
        if (strcspn(next, " \t") < key)
            return err_set(err, -EINVAL, "line %u: a name holds no white space", line);
        if ((r = flag_env(b, next, err)) < 0)
            return err_wrap(err, "line %u", line);
    }
    return 0;
}

static int flag_workdir(struct policy_build *b, const char *value, struct err *err)
{
    if (value[0] != '/')
        return err_set(err, -EINVAL, "the working directory is not absolute");
    b->p->process.cwd = flag_path_clean(b->p->arena, value);
    return b->p->process.cwd ? 0 : policy_no_memory(err);
}

static int flag_user(struct policy_build *b, const char *value, struct err *err)
{
    const char *colon = strchr(value, ':');

    if (!*value || *value == ':' || (colon && (!colon[1] || strchr(colon + 1, ':'))))
        return err_set(err, -EINVAL, "not a user");
    b->user = value;
    return 0;
}

static int flag_group_add(struct policy_build *b, const char *value, struct err *err)
{
    if (!*value)
        return err_set(err, -EINVAL, "the group is empty");
    return policy_strv_push(b->p->arena, &b->groups, value) < 0 ? policy_no_memory(err) : 0;
}

static int flag_entrypoint(struct policy_build *b, const char *value, struct err *err)
{
    b->entrypoint = (struct strv){0};
    if (*value && policy_strv_push(b->p->arena, &b->entrypoint, value) < 0)
        return policy_no_memory(err);
    return 0;
}

static int flag_tty(struct policy_build *b, const char *value, struct err *err)
{
    return need_bool(value, &b->p->process.terminal, err);
}

static int flag_init(struct policy_build *b, const char *value, struct err *err)
{
    return need_bool(value, &b->p->init, err);
}

static int flag_stop_signal(struct policy_build *b, const char *value, struct err *err)
{
    int signo = signal_from_name(value);

    if (signo <= 0)
        return err_set(err, -EINVAL, "not a signal");
    b->p->stop_signal = signo;
    return 0;
}

static int flag_timeout(struct policy_build *b, const char *value, struct err *err)
{
    int64_t ms;

    if (flag_parse_duration(value, &ms) < 0)
        return err_set(err, -EINVAL, "not a time");
    b->p->timeout_ms = ms;
    return 0;
}

static bool is_host_name(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= HOST_NAME_LENGTH && name[0] != '-' && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == len;
}

static int flag_hostname(struct policy_build *b, const char *value, struct err *err)
{
    if (!is_host_name(value))
        return err_set(err, -EINVAL, "not a host name");
    b->p->hostname = value;
    return 0;
}

static int flag_domainname(struct policy_build *b, const char *value, struct err *err)
{
    if (!is_host_name(value))
        return err_set(err, -EINVAL, "not a domain name");
    b->p->domainname = value;
    return 0;
}

static int flag_annotation(struct policy_build *b, const char *value, struct err *err)
{
    return set_pair(b, &b->p->annotations, &b->p->n_annotations, value, err);
}

static int flag_read_only(struct policy_build *b, const char *value, struct err *err)
{
    return need_bool(value, &b->p->root_readonly, err);
}

/* ---- limits ------------------------------------------------------------------------------------------------- */

static bool is_unlimited(const char *value)
{
    return !strcmp(value, "-1") || !strcmp(value, "0") || !strcmp(value, "unlimited");
}

static int flag_memory(struct policy_build *b, const char *value, struct err *err)
{
    struct opt_i64 *limit = &b->p->resources.memory.limit;
    int64_t bytes;
    int r;

    if (is_unlimited(value)) {
        *limit = (struct opt_i64){0};
        return 0;
    }
    if ((r = need_size(value, &bytes, err)) < 0)
        return r;
    if (bytes < POLICY_LEAST_MEMORY) {
        /* Docker's users know the unit-less form as bytes, and few mean it. */
        bool bare = value[strspn(value, "0123456789")] == '\0';
        return err_set(err, -EINVAL, "%lld bytes are less than a start takes (128k)%s%s%s", (long long)bytes,
                       bare ? ": did you mean " : "", bare ? value : "", bare ? "m?" : "");
    }
    *limit = (struct opt_i64){true, bytes};
    return 0;
}

static int flag_memory_swap(struct policy_build *b, const char *value, struct err *err)
{
    struct opt_i64 *swap = &b->p->resources.memory.swap;
    int64_t bytes;
    int r;

    if (!strcmp(value, "-1") || !strcmp(value, "unlimited")) {
        *swap = (struct opt_i64){true, -1};
        return 0;
    }
    if ((r = need_size(value, &bytes, err)) < 0)
        return r;
    *swap = (struct opt_i64){true, bytes};
    return 0;
}

static int flag_memory_reservation(struct policy_build *b, const char *value, struct err *err)
{
    int64_t bytes;
    int r = need_size(value, &bytes, err);

    if (r < 0)
        return r;
    b->p->resources.memory.reservation = (struct opt_i64){bytes != 0, bytes};
    return 0;
}

static int flag_memory_swappiness(struct policy_build *b, const char *value, struct err *err)
{
    int64_t n;
    int r = need_number(value, 0, 100, &n, err);

    if (r < 0)
        return r;
    b->p->resources.memory.swappiness = (struct opt_u64){true, (uint64_t)n};
    return 0;
}

static int flag_cpus(struct policy_build *b, const char *value, struct err *err)
{
    uint64_t whole, part;
    const char *end = parse_decimal(value, &whole, &part);

    if (!end || *end || whole > 1000000)
        return err_set(err, -EINVAL, "not a number of processors");
    uint64_t nano = whole * NANO + part;
    if (nano && nano * CPU_PERIOD / NANO < CPU_QUOTA_MIN)
        return err_set(err, -EINVAL, "the least share of a processor is 0.01");
    b->nano_cpus = nano;
    return 0;
}

static int set_u64(struct opt_u64 *item, const char *value, int64_t min, int64_t max, struct err *err)
{
    int64_t n;
    int r = need_number(value, min, max, &n, err);

    if (r < 0)
        return r;
    *item = (struct opt_u64){true, (uint64_t)n};
    return 0;
}

static int flag_cpu_shares(struct policy_build *b, const char *value, struct err *err)
{
    return set_u64(&b->p->resources.cpu.shares, value, 2, 262144, err);
}

static int flag_cpu_period(struct policy_build *b, const char *value, struct err *err)
{
    return set_u64(&b->p->resources.cpu.period, value, 1000, 1000000, err);
}

static int flag_cpu_quota(struct policy_build *b, const char *value, struct err *err)
{
    int64_t n;
    int r = need_number(value, -1, INT64_MAX / 1000, &n, err);

    if (r < 0)
        return r;
    if (n >= 0 && n < CPU_QUOTA_MIN)
        return err_set(err, -EINVAL, "the least quota is %d microseconds", CPU_QUOTA_MIN);
    b->p->resources.cpu.quota = (struct opt_i64){true, n};
    return 0;
}

/* "0-3,7": what the kernel's list format takes, checked so that the error names the flag and not a cgroup file. */
static int check_list(const char *value, struct err *err)
{
    const char *c = value;

    for (;;) {
        size_t digits = strspn(c, "0123456789");
        uint64_t low = strtoull(c, NULL, 10), high = low;
        if (!digits || digits > 6)
            break;
        c += digits;
        if (*c == '-') {
            digits = strspn(++c, "0123456789");
            high = strtoull(c, NULL, 10);
            if (!digits || digits > 6 || high < low)
                break;
            c += digits;
        }
        if (!*c)
            return 0;
        if (*c++ != ',')
            break;
    }
    return err_set(err, -EINVAL, "not a list of numbers");
}

static int flag_cpuset_cpus(struct policy_build *b, const char *value, struct err *err)
{
    b->p->resources.cpu.cpus = value;
    return check_list(value, err);
}

static int flag_cpuset_mems(struct policy_build *b, const char *value, struct err *err)
{
    b->p->resources.cpu.mems = value;
    return check_list(value, err);
}

static int flag_pids_limit(struct policy_build *b, const char *value, struct err *err)
{
    int64_t n = -1;
    int r = is_unlimited(value) ? 0 : need_number(value, 1, INT32_MAX, &n, err);

    if (r < 0)
        return r;
    b->p->resources.pids = (struct opt_i64){true, n};
    return 0;
}

static int parse_rlimit(const char *text, uint64_t *out)
{
    int64_t n;

    if (!strcmp(text, "-1") || !strcmp(text, "unlimited") || !strcmp(text, "infinity")) {
        *out = UINT64_MAX; /* RLIM64_INFINITY */
        return 0;
    }
    if (flag_parse_i64(text, 0, INT64_MAX, &n) < 0)
        return -EINVAL;
    *out = (uint64_t)n;
    return 0;
}

static int flag_ulimit(struct policy_build *b, const char *value, struct err *err)
{
    char name[32], soft[32];
    const char *equals = strchr(value, '='), *colon = equals ? strchr(equals, ':') : NULL;
    struct process *pr = &b->p->process;
    struct rlimit_rule rule;

    if (!equals || (size_t)(equals - value) >= sizeof name || (colon && (size_t)(colon - equals) >= sizeof soft))
        return err_set(err, -EINVAL, "not a limit");
    snprintf(name, sizeof name, "%.*s", (int)(equals - value), value);
    if ((rule.resource = rlimit_from_name(name)) < 0)
        return err_set(err, -EINVAL, "no limit is called '%s'", name);
    snprintf(soft, sizeof soft, "%.*s", colon ? (int)(colon - equals - 1) : (int)sizeof soft - 1, equals + 1);
    if (parse_rlimit(soft, &rule.soft) < 0 || parse_rlimit(colon ? colon + 1 : soft, &rule.hard) < 0)
        return err_set(err, -EINVAL, "not a limit");
    if (rule.soft > rule.hard)
        return err_set(err, -EINVAL, "the soft limit is above the hard limit");
    for (uint32_t i = 0; i < pr->n_rlimits; i++) {
        if (pr->rlimits[i].resource == rule.resource) {
            pr->rlimits[i] = rule;
            return 0;
        }
    }
    struct rlimit_rule *added = policy_list_push(b->p->arena, &pr->rlimits, &pr->n_rlimits, sizeof *added);
    if (!added)
        return policy_no_memory(err);
    *added = rule;
    return 0;
}

static int flag_oom_score_adj(struct policy_build *b, const char *value, struct err *err)
{
    int64_t n;
    int r = need_number(value, -1000, 1000, &n, err);

    if (r < 0)
        return r;
    b->p->process.oom_score_adj = (struct opt_i64){true, n};
    return 0;
}

/* ---- rights ------------------------------------------------------------------------------------------------- */

static int set_capability(const char *value, uint64_t *set, bool *all, struct err *err)
{
    int cap;

    if (!strcasecmp(value, "all")) {
        *all = true;
        return 0;
    }
    if ((cap = cap_from_name(value)) < 0)
        return err_set(err, -EINVAL, "no capability is called so");
    *set |= UINT64_C(1) << cap;
    return 0;
}

static int flag_cap_add(struct policy_build *b, const char *value, struct err *err)
{
    return set_capability(value, &b->cap_add, &b->cap_add_all, err);
}

static int flag_cap_drop(struct policy_build *b, const char *value, struct err *err)
{
    return set_capability(value, &b->cap_drop, &b->cap_drop_all, err);
}

static int security_seccomp(struct policy_build *b, const char *profile, struct err *err)
{
    if (!*profile)
        return err_set(err, -EINVAL, "write seccomp=default, seccomp=unconfined or seccomp=FILE");
    b->seccomp_file = NULL;
    b->seccomp_object = NULL;
    b->p->seccomp = (struct seccomp_policy){0};
    if (!strcmp(profile, "default") || !strcmp(profile, "builtin"))
        b->p->seccomp.set = b->p->seccomp.moat_default = true;
    else if (strcmp(profile, "unconfined") != 0)
        b->seccomp_file = profile;
    return 0;
}

static int flag_security_opt(struct policy_build *b, const char *value, struct err *err)
{
    size_t len = strcspn(value, "=:");
    const char *rest = value[len] ? value + len + 1 : "";

    if (len == 17 && !strncmp(value, "no-new-privileges", len))
        return value[len] ? need_bool(rest, &b->p->process.no_new_privs, err) : (b->p->process.no_new_privs = true, 0);
    if (len == 7 && !strncmp(value, "seccomp", len))
        return security_seccomp(b, rest, err);
    if (len == 8 && !strncmp(value, "apparmor", len)) {
        b->p->process.apparmor_profile = *rest && strcmp(rest, "unconfined") != 0 ? rest : NULL;
        return 0;
    }
    if (!strcmp(value, "systempaths=unconfined")) {
        b->p->masked_paths = b->p->readonly_paths = (struct strv){0};
        return 0;
    }
    if (!strcmp(value, "label=disable") || !strcmp(value, "label:disable"))
        return 0;
    if (len == 5 && !strncmp(value, "label", len))
        return err_set(err, -EINVAL, "moat makes no SELinux labels of parts: a bundle may give process.selinuxLabel");
    return err_set(err, -EINVAL, "no such option");
}

static bool sysctl_has_namespace(const char *key, size_t len)
{
    static const char *const exact[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
                                        "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};

    if (!strncmp(key, "net.", 4) || !strncmp(key, "fs.mqueue.", 10))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(exact); i++) {
        if (strlen(exact[i]) == len && !memcmp(exact[i], key, len))
            return true;
    }
    return false;
}

static int flag_sysctl(struct policy_build *b, const char *value, struct err *err)
{
    if (strstr(value, "..") || strchr(value, '/'))
        return err_set(err, -EINVAL, "write the name with single dots, as in net.core.somaxconn=1024");
    if (!sysctl_has_namespace(value, strcspn(value, "=")))
        return err_set(err, -EINVAL,
                       "this setting has no namespace, so it would change the host: only net.*, fs.mqueue.* "
                       "and the kernel.shm*, msg*, sem settings have one");
    return set_pair(b, &b->p->sysctl, &b->p->n_sysctl, value, err);
}

static int flag_network(struct policy_build *b, const char *value, struct err *err)
{
    b->tap = NULL;
    if (!strcmp(value, "none"))
        b->p->ns[NS_NET] = (struct ns_rule){.how = NS_NEW};
    else if (!strncmp(value, "tap=", 4) && value[4]) {
        b->p->ns[NS_NET] = (struct ns_rule){.how = NS_NEW};
        b->tap = value + 4;
    } else if (!strcmp(value, "host"))
        b->p->ns[NS_NET] = (struct ns_rule){.how = NS_HOST};
    else if (!strncmp(value, "container:", 10) || !strncmp(value, "ns:", 3))
        return err_set(err, -EINVAL, "joining another network namespace is not in this build: none or host");
    else
        return err_set(err, -EINVAL, "networks of moat's own are not in this build: none (the default) or host");
    return 0;
}

static int flag_userns(struct policy_build *b, const char *value, struct err *err)
{
    if (!strcmp(value, "moat") || !strcmp(value, "auto") || !strcmp(value, "private"))
        b->userns = USERNS_MOAT;
    else if (!strcmp(value, "host"))
        b->userns = USERNS_HOST;
    else if (!strcmp(value, "single"))
        b->userns = USERNS_SINGLE;
    else
        return err_set(err, -EINVAL, "no such mode");
    return 0;
}

/* ---- the rows ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*apply)(struct policy_build *b, const char *value, struct err *err);
    const char *accepted; /* the form of a value, for refusals */
} rows[POLICY_FLAGS] = {
    [FLAG_ENV] = {"env", flag_env, "NAME=VALUE; on the command line also NAME, for moat's own value"},
    [FLAG_ENV_FILE] = {"env-file", flag_env_file, "a file of NAME=VALUE lines"},
    [FLAG_WORKDIR] = {"workdir", flag_workdir, "an absolute path inside, as /src"},
    [FLAG_USER] = {"user", flag_user, "NAME or UID, with :GROUP or :GID if wanted"},
    [FLAG_GROUP_ADD] = {"group-add", flag_group_add, "a group's name or number"},
    [FLAG_ENTRYPOINT] = {"entrypoint", flag_entrypoint, "a command"},
    [FLAG_TTY] = {"tty", flag_tty, "true or false"},
    [FLAG_INIT] = {"init", flag_init, "true or false"},
    [FLAG_STOP_SIGNAL] = {"stop-signal", flag_stop_signal, "a signal's name or number, as SIGINT or 2"},
    [FLAG_TIMEOUT] = {"timeout", flag_timeout, "seconds, or 500ms, 1m30s, 2h"},
    [FLAG_HOSTNAME] = {"hostname", flag_hostname, "1 to 64 letters, digits, '-', '.', '_'"},
    [FLAG_DOMAINNAME] = {"domainname", flag_domainname, "1 to 64 letters, digits, '-', '.', '_'"},
    [FLAG_ANNOTATION] = {"annotation", flag_annotation, "KEY=VALUE"},
    [FLAG_VOLUME] = {"volume", flag_volume, "HOST:GUEST[:OPTIONS], as ./src:/src:ro"},
    [FLAG_MOUNT] = {"mount", flag_mount,
                    "type=bind,source=HOST,target=GUEST[,readonly] or type=tmpfs,target=GUEST[,tmpfs-size=64m]"},
    [FLAG_TMPFS] = {"tmpfs", flag_tmpfs, "GUEST[:OPTIONS], as /tmp:size=64m"},
    [FLAG_RO] = {"ro", flag_ro, "a path of the host"},
    [FLAG_RW] = {"rw", flag_rw, "a path of the host"},
    [FLAG_DIR] = {"dir", flag_dir, "HOST::GUEST[:ro]"},
    [FLAG_ALLOW] = {"allow", flag_allow, "PATH[:ACCESS], as ./tools:rx; ACCESS of r, w, x, c (create), s (only see)"},
    [FLAG_DENY] = {"deny", flag_deny, "a path, as ./.git"},
    [FLAG_BROKER] = {"broker", flag_broker,
                     "PATH[:ACCESS], as ./out.txt:rwc; ACCESS of r, w, c (create), s (only see)"},
    [FLAG_ALLOW_NET] = {"allow-net", flag_allow_net, "HOST:PORT[-PORT][/tcp|udp], as example.org:443"},
    [FLAG_DEFAULTS] = {"defaults", flag_defaults, "host or none"},
    [FLAG_SYMLINK] = {"symlink", flag_symlink, "PATH=TARGET, as /bin=usr/bin"},
    [FLAG_DENY_LOG] = {"deny-log", flag_deny_log, "true or false"},
    [FLAG_READ_ONLY] = {"read-only", flag_read_only, "true or false"},
    [FLAG_SHM_SIZE] = {"shm-size", flag_shm_size, "bytes, or a number with k, m, g, t, as 64m"},
    [FLAG_MEMORY] = {"memory", flag_memory, "bytes, or a number with k, m, g, t, as 512m; -1 for no limit"},
    [FLAG_MEMORY_SWAP] = {"memory-swap", flag_memory_swap,
                          "bytes, or a number with k, m, g, t, as 512m; -1 for no limit"},
    [FLAG_MEMORY_RESERVATION] = {"memory-reservation", flag_memory_reservation,
                                 "bytes, or a number with k, m, g, t, as 512m"},
    [FLAG_MEMORY_SWAPPINESS] = {"memory-swappiness", flag_memory_swappiness, "0 to 100"},
    [FLAG_CPUS] = {"cpus", flag_cpus, "a number of processors, as 2 or 0.5"},
    [FLAG_CPU_SHARES] = {"cpu-shares", flag_cpu_shares, "2 to 262144"},
    [FLAG_CPU_PERIOD] = {"cpu-period", flag_cpu_period, "1000 to 1000000 microseconds"},
    [FLAG_CPU_QUOTA] = {"cpu-quota", flag_cpu_quota, "1000 microseconds or more; -1 for none"},
    [FLAG_CPUSET_CPUS] = {"cpuset-cpus", flag_cpuset_cpus, "numbers and ranges, as 0-3,7"},
    [FLAG_CPUSET_MEMS] = {"cpuset-mems", flag_cpuset_mems, "numbers and ranges, as 0-3,7"},
    [FLAG_PIDS_LIMIT] = {"pids-limit", flag_pids_limit, "1 or more; -1 for no limit"},
    [FLAG_ULIMIT] = {"ulimit", flag_ulimit, "NAME=SOFT[:HARD], as nofile=1024:4096; -1 for no limit"},
    [FLAG_OOM_SCORE_ADJ] = {"oom-score-adj", flag_oom_score_adj, "-1000 to 1000"},
    [FLAG_CAP_ADD] = {"cap-add", flag_cap_add, "ALL, or a name of capabilities(7), as NET_ADMIN"},
    [FLAG_CAP_DROP] = {"cap-drop", flag_cap_drop, "ALL, or a name of capabilities(7), as NET_ADMIN"},
    [FLAG_IOCTLS] = {"ioctls", flag_ioctls, IOCTL_LIST_ACCEPTED},
    [FLAG_SECURITY_OPT] =
        {"security-opt", flag_security_opt,
         "no-new-privileges[=false], seccomp=default|unconfined|FILE, apparmor=PROFILE, systempaths=unconfined"},
    [FLAG_DEVICE] = {"device", flag_device, "HOST[:GUEST][:rwm], as /dev/fuse"},
    [FLAG_DEVICE_CGROUP_RULE] = {"device-cgroup-rule", flag_device_cgroup_rule,
                                 "type, numbers or *, access, as 'c 10:200 rwm'"},
    [FLAG_SYSCTL] = {"sysctl", flag_sysctl,
                     "KEY=VALUE of net.*, fs.mqueue.*, or the shm, msg and sem settings of kernel.*"},
    [FLAG_NETWORK] = {"network", flag_network, "none or host; with -b microvm also tap=NAME"},
    [FLAG_USERNS] = {"userns", flag_userns, "moat (ids of its own), single (root inside is you) or host (none)"},
};

int policy_accepted(struct err *err, const char *form)
{
    size_t used = strlen(err->text);

    if (form && err->code == -EINVAL)
        snprintf(err->text + used, sizeof err->text - used, "; accepted: %s", form);
    return err->code;
}

const char *policy_flag_name(enum policy_flag flag)
{
    return rows[flag].name;
}

const char *policy_flag_accepted(enum policy_flag flag)
{
    return rows[flag].accepted;
}

int policy_flag_apply(struct policy_build *b, enum policy_flag flag, const char *where, const char *value,
                      struct err *err)
{
    int r = rows[flag].apply(b, value, err);

    if (r < 0) {
        err_wrap(err, "%s%s '%.200s'", where ? "" : "--", where ? where : rows[flag].name, value);
        return where ? r : policy_accepted(err, rows[flag].accepted);
    }
    b->given |= UINT64_C(1) << flag;
    return 0;
}
