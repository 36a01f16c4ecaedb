/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy files. One row per member: the JSON types it takes and the flag it is, or a reader of its own for lists of
 * objects. Trust: a policy file may come from others; it cannot name files to read, and takes nothing from the
 * environment. What it grants is what its user agreed to by naming it.
 */
#include "policy/policyfile.h"
#include "base/json.h"
#include "base/nearest.h"
#include "policy/list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH_MAX_LEN 160
#define ITEMS_MAX    4096 /* in one list: each item is compared with those before it */

enum kinds {
    KIND_STRING = 1,
    KIND_INT = 2,
    KIND_REAL = 4,
    KIND_BOOL = 8,
    KIND_LIST = 16,  /* of strings: the flag once for each */
    KIND_PAIRS = 32, /* {"KEY": "VALUE"}: the flag with KEY=VALUE for each */
};

struct member {
    const char *name;
    unsigned kinds;
    enum policy_flag flag;
    const char *prefix; /* put before the value, for flags that hold several items */
    int (*read)(struct policy_build *b, const char *where, const struct json *j, struct err *err);
    const char *accepted; /* the form of its value; NULL: that of the flag's row */
};

static const char *form_of(const struct member *m)
{
    return m->accepted || m->read ? m->accepted : policy_flag_accepted(m->flag);
}

/* Notes what err says of the place. 0: there is room for more, so reading goes on; else err's code. What a reader
 * further in has noted already is not noted again, since then there was no room left. */
static int fault_at(struct policy_build *b, size_t offset, const char *accepted, const struct err *err)
{
    struct policy_problems *out = b->problems;

    if (err->code == -ENOMEM || out->n == out->most)
        return err->code;
    const char *text = arena_strdup(b->p->arena, err->text);
    if (!text)
        return -ENOMEM;
    out->v[out->n++] = (struct policy_problem){offset, text, accepted};
    return out->n < out->most ? 0 : err->code;
}

static int fault(struct policy_build *b, const struct json *j, const char *accepted, const struct err *err)
{
    return fault_at(b, j->offset, accepted, err);
}

static int wrong_type(const char *where, const struct json *j, const char *wanted, struct err *err)
{
    return err_set(err, -EINVAL, "%s must be %s, not %s", where, wanted, json_type_name(j->type));
}

/* A scalar as the flag's text; NULL with err set. */
static const char *scalar_text(struct arena *a, const struct json *j, struct err *err)
{
    const char *text = NULL;

    switch (j->type) {
    case JSON_STRING:
        return j->string.s;
    case JSON_INT:
        text = arena_printf(a, "%lld", (long long)j->integer);
        break;
    case JSON_UINT:
        text = arena_printf(a, "%llu", (unsigned long long)j->uinteger);
        break;
    case JSON_REAL:
        text = arena_printf(a, "%.9f", j->real);
        break;
    case JSON_BOOL:
        return j->boolean ? "true" : "false";
    default:
        break;
    }
    if (!text)
        policy_no_memory(err);
    return text;
}

static unsigned kind_of(const struct json *j)
{
    static const unsigned kinds[] = {
        [JSON_NULL] = 0,         [JSON_BOOL] = KIND_BOOL,     [JSON_INT] = KIND_INT,    [JSON_UINT] = KIND_INT,
        [JSON_REAL] = KIND_REAL, [JSON_STRING] = KIND_STRING, [JSON_ARRAY] = KIND_LIST, [JSON_OBJECT] = KIND_PAIRS,
    };
    return kinds[j->type];
}

static const char *kinds_words(unsigned kinds, char *buf, size_t size)
{
    static const struct {
        unsigned kind;
        const char *words;
    } all[] = {
        {KIND_STRING, "a string"},          {KIND_REAL, "a number"},
        {KIND_INT, "a whole number"},       {KIND_BOOL, "true or false"},
        {KIND_LIST, "an array of strings"}, {KIND_PAIRS, "an object"},
    };
    size_t n = 0;

    buf[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(all) && n < size; i++) {
        if (kinds & all[i].kind && !(all[i].kind == KIND_INT && kinds & KIND_REAL))
            n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " or " : "", all[i].words);
    }
    return buf;
}

static int apply_text(struct policy_build *b, const struct member *m, const char *where, const char *text,
                      struct err *err)
{
    if (m->prefix && !(text = arena_printf(b->p->arena, "%s%s", m->prefix, text)))
        return policy_no_memory(err);
    return policy_flag_apply(b, m->flag, where, text, err);
}

static int apply_list(struct policy_build *b, const struct member *m, const char *where, const struct json *j,
                      struct err *err)
{
    char item[PATH_MAX_LEN + 16];
    unsigned i = 0;

    for (const struct json *c = j->child; c; c = c->next, i++) {
        snprintf(item, sizeof item, "%s[%u]", where, i);
        int r =
            c->type == JSON_STRING ? apply_text(b, m, item, c->string.s, err) : wrong_type(item, c, "a string", err);
        if (r < 0 && (r = fault(b, c, form_of(m), err)) < 0)
            return r;
    }
    return 0;
}

static int apply_pair(struct policy_build *b, const struct member *m, const char *item, const struct json *c,
                      struct err *err)
{
    if (c->type == JSON_NULL || c->type == JSON_ARRAY || c->type == JSON_OBJECT)
        return wrong_type(item, c, "a string", err);
    if (c->type == JSON_REAL) /* 1.10 would be 1.1 */
        return err_set(err, -EINVAL, "%s: a fraction loses how it was written", item);
    if (!*c->key || strchr(c->key, '='))
        return err_set(err, -EINVAL, "%s: a name is not empty and holds no '='", item);
    const char *text = scalar_text(b->p->arena, c, err);
    if (!text)
        return err->code;
    char *pair = arena_printf(b->p->arena, "%s=%s", c->key, text);
    return pair ? apply_text(b, m, item, pair, err) : policy_no_memory(err);
}

static int apply_pairs(struct policy_build *b, const struct member *m, const char *where, const struct json *j,
                       struct err *err)
{
    char item[PATH_MAX_LEN * 2];

    for (const struct json *c = j->child; c; c = c->next) {
        snprintf(item, sizeof item, "%s.%.100s", where, c->key);
        int r = apply_pair(b, m, item, c, err);
        if (r < 0 && (r = fault(b, c, "a string, a whole number, true or false", err)) < 0)
            return r;
    }
    return 0;
}

static int apply_member(struct policy_build *b, const struct member *m, const char *where, const struct json *j,
                        struct err *err)
{
    unsigned kind = kind_of(j);
    char words[96];

    if ((j->type == JSON_ARRAY || j->type == JSON_OBJECT) && j->count > ITEMS_MAX)
        return err_set(err, -E2BIG, "%s has %u items: at most %d", where, j->count, ITEMS_MAX);
    if (m->read)
        return m->read(b, where, j, err);
    if (kind == KIND_INT && m->kinds & (KIND_INT | KIND_REAL))
        kind = m->kinds & (KIND_INT | KIND_REAL);
    if (!(m->kinds & kind))
        return wrong_type(where, j, kinds_words(m->kinds, words, sizeof words), err);
    if (j->type == JSON_ARRAY)
        return apply_list(b, m, where, j, err);
    if (j->type == JSON_OBJECT)
        return apply_pairs(b, m, where, j, err);
    const char *text = scalar_text(b->p->arena, j, err);
    return text ? apply_text(b, m, where, text, err) : err->code;
}

static const char *known_members(struct arena *a, const struct member *rows, size_t n)
{
    char known[512];
    size_t used = 0;

    for (size_t i = 0; i < n && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", rows[i].name);
    return arena_strdup(a, known);
}

static int unknown_member(struct policy_build *b, const struct member *rows, size_t n, const char *where,
                          const struct json *c, struct err *err)
{
    struct nearest near = {.wanted = c->key};

    for (size_t i = 0; i < n; i++)
        nearest_try(&near, rows[i].name);
    err_set(err, -EINVAL, "%s%s%.100s: unknown member%s%s%s", where, *where ? "." : "", c->key,
            near.best ? ": did you mean " : "", near.best ? near.best : "", near.best ? "?" : "");
    return fault_at(b, json_key_offset(b->file_text, c), known_members(b->p->arena, rows, n), err);
}

/* Members in the order of the rows, not of the file: two files with the same members give the same policy. */
static int read_members(struct policy_build *b, const struct member *rows, size_t n, const char *where,
                        const struct json *j, struct err *err)
{
    char path[PATH_MAX_LEN];

    if (j->type != JSON_OBJECT)
        return wrong_type(*where ? where : "a policy file", j, "an object", err);
    for (const struct json *c = j->child; c; c = c->next) {
        size_t i = 0;
        while (i < n && strcmp(rows[i].name, c->key) != 0)
            i++;
        int r = i == n ? unknown_member(b, rows, n, where, c, err) : 0;
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < n; i++) {
        const struct json *c = json_get(j, rows[i].name);
        if (!c)
            continue;
        snprintf(path, sizeof path, "%s%s%s", where, *where ? "." : "", rows[i].name);
        int r = apply_member(b, &rows[i], path, c, err);
        if (r < 0 && (r = fault(b, c, form_of(&rows[i]), err)) < 0)
            return r;
    }
    return 0;
}

/* ---- members with a form of their own ------------------------------------------------------------------------ */

static int read_version(struct policy_build *b, const char *where, const struct json *j, struct err *err)
{
    (void)b;
    if (j->type != JSON_INT || j->integer != POLICY_FILE_VERSION)
        return err_set(err, -EINVAL, "%s: this build reads version %d of policy files", where, POLICY_FILE_VERSION);
    return 0;
}

static int read_env(struct policy_build *b, const char *where, const struct json *j, struct err *err)
{
    static const struct member row = {
        .name = "env", .kinds = KIND_LIST | KIND_PAIRS, .flag = FLAG_ENV, .accepted = "NAME=VALUE"};
    uint32_t before = b->problems->n;
    unsigned i = 0;

    for (const struct json *c = j->type == JSON_ARRAY ? j->child : NULL; c; c = c->next, i++) {
        if (c->type != JSON_STRING || strchr(c->string.s, '='))
            continue;
        err_set(err, -EINVAL,
                "%s[%u] '%.100s': a policy file takes nothing from moat's own environment, only -e NAME does", where, i,
                c->string.s);
        int r = fault(b, c, row.accepted, err);
        if (r < 0)
            return r;
    }
    return b->problems->n > before ? 0 : apply_member(b, &row, where, j, err);
}

static int read_entrypoint(struct policy_build *b, const char *where, const struct json *j, struct err *err)
{
    char item[PATH_MAX_LEN + 16];
    unsigned i = 0;
    int r;

    if (j->type == JSON_STRING)
        return policy_flag_apply(b, FLAG_ENTRYPOINT, where, j->string.s, err);
    if (j->type != JSON_ARRAY)
        return wrong_type(where, j, "a string or an array of strings", err);
    if ((r = policy_flag_apply(b, FLAG_ENTRYPOINT, where, "", err)) < 0)
        return r;
    for (const struct json *c = j->child; c; c = c->next, i++) {
        snprintf(item, sizeof item, "%s[%u]", where, i);
        if (c->type != JSON_STRING) {
            wrong_type(item, c, "a string", err);
            if ((r = fault(b, c, "a string", err)) < 0)
                return r;
            continue;
        }
        if (policy_strv_push(b->p->arena, &b->entrypoint, c->string.s) < 0)
            return policy_no_memory(err);
    }
    return 0;
}

/* A field of a --mount record: in quotes when it holds what separates fields. */
static int append_field(struct arena *a, const char **record, const char *key, const char *value, struct err *err)
{
    const char *quote = strpbrk(value, ",\"") ? "\"" : "";
    size_t n = 0;
    char *escaped = arena_array(a, strlen(value) + 1, 2);

    if (!escaped)
        return policy_no_memory(err);
    for (const char *c = value; *c; c++) {
        if (*c == '"')
            escaped[n++] = '"';
        escaped[n++] = *c;
    }
    *record = arena_printf(a, "%s%s%s%s=%s%s", *record, **record ? "," : "", quote, key, escaped, quote);
    return *record ? 0 : policy_no_memory(err);
}

static const struct mount_member {
    const char *name, *key; /* here, and in a --mount record */
    unsigned kinds;
} mount_members[] = {
    {"type", "type", KIND_STRING},
    {"source", "source", KIND_STRING},
    {"target", "target", KIND_STRING},
    {"readOnly", "readonly", KIND_BOOL},
    {"recursive", "bind-nonrecursive", KIND_BOOL},
    {"propagation", "bind-propagation", KIND_STRING},
    {"size", "tmpfs-size", KIND_STRING | KIND_INT},
    {"mode", "tmpfs-mode", KIND_STRING},
    {"exec", "tmpfs-exec", KIND_BOOL},
};

#define MOUNT_MEMBERS "type, source, target, readOnly, recursive, propagation, size, mode, exec"

/* One member of a mount into the record. What is wrong with it is noted. */
static int read_mount_member(struct policy_build *b, const char **record, const char *where, const struct json *c,
                             struct err *err)
{
    const struct mount_member *m = mount_members, *end = m + ARRAY_LEN(mount_members);
    struct nearest near = {.wanted = c->key};
    char words[96];

    for (; m < end && strcmp(m->name, c->key) != 0; m++)
        nearest_try(&near, m->name);
    if (m == end) {
        err_set(err, -EINVAL, "%s.%.100s: unknown member%s%s%s", where, c->key, near.best ? ": did you mean " : "",
                near.best ? near.best : "", near.best ? "?" : "");
        return fault_at(b, json_key_offset(b->file_text, c), MOUNT_MEMBERS, err);
    }
    if (!(m->kinds & kind_of(c))) {
        kinds_words(m->kinds, words, sizeof words);
        err_set(err, -EINVAL, "%s.%s: must be %s, not %s", where, c->key, words, json_type_name(c->type));
        return fault(b, c, arena_strdup(b->p->arena, words), err);
    }
    const char *text = scalar_text(b->p->arena, c, err);
    if (text && c->type == JSON_BOOL && !strcmp(c->key, "recursive"))
        text = c->boolean ? "false" : "true";
    return text ? append_field(b->p->arena, record, m->key, text, err) : err->code;
}

static int read_mount(struct policy_build *b, const char *where, const struct json *j, struct err *err)
{
    const char *record = json_get(j, "type") ? "" : "type=bind";
    uint32_t before = b->problems->n;

    if (j->type != JSON_OBJECT)
        return wrong_type(where, j, "an object", err);
    for (const struct json *c = j->child; c; c = c->next) {
        int r = read_mount_member(b, &record, where, c, err);
        if (r < 0)
            return r;
    }
    return b->problems->n > before ? 0 : policy_flag_apply(b, FLAG_MOUNT, where, record, err);
}

static int read_mounts(struct policy_build *b, const char *where, const struct json *j, struct err *err)
{
    char item[PATH_MAX_LEN + 16];
    unsigned i = 0;

    if (j->type != JSON_ARRAY)
        return wrong_type(where, j, "an array of objects", err);
    for (const struct json *c = j->child; c; c = c->next, i++) {
        snprintf(item, sizeof item, "%s[%u]", where, i);
        int r = read_mount(b, item, c, err);
        if (r < 0 && (r = fault(b, c,
                                "{source: HOST, target: GUEST} or {type: tmpfs, target: GUEST}; also readOnly, "
                                "recursive, propagation, size, mode, exec",
                                err)) < 0)
            return r;
    }
    return 0;
}

/* {"nofile": 1024, "nproc": "64:128", "core": {"soft": 0, "hard": 0}} */
static int read_ulimit(struct policy_build *b, const char *where, const struct json *c, struct err *err)
{
    const struct json *soft = json_get(c, "soft"), *hard = json_get(c, "hard");
    struct arena *a = b->p->arena;
    char *text;

    if (c->type == JSON_STRING)
        text = arena_printf(a, "%s=%s", c->key, c->string.s);
    else if (c->type == JSON_INT)
        text = arena_printf(a, "%s=%lld", c->key, (long long)c->integer);
    else if (c->type == JSON_OBJECT && c->count == 2 && soft && hard && soft->type == JSON_INT &&
             hard->type == JSON_INT)
        text = arena_printf(a, "%s=%lld:%lld", c->key, (long long)soft->integer, (long long)hard->integer);
    else
        return err_set(err, -EINVAL, "%s: not a limit", where);
    return text ? policy_flag_apply(b, FLAG_ULIMIT, where, text, err) : policy_no_memory(err);
}

static int read_ulimits(struct policy_build *b, const char *where, const struct json *j, struct err *err)
{
    char item[PATH_MAX_LEN * 2];

    if (j->type != JSON_OBJECT)
        return wrong_type(where, j, "an object", err);
    for (const struct json *c = j->child; c; c = c->next) {
        snprintf(item, sizeof item, "%s.%.100s", where, c->key);
        int r = read_ulimit(b, item, c, err);
        if (r < 0 &&
            (r = fault(b, c, "a number, \"SOFT:HARD\" or {\"soft\": N, \"hard\": N}; -1 is no limit", err)) < 0)
            return r;
    }
    return 0;
}

static int read_seccomp(struct policy_build *b, const char *where, const struct json *j, struct err *err)
{
    if (j->type == JSON_OBJECT) {
        b->seccomp_file = NULL;
        b->seccomp_object = j;
        b->given |= UINT64_C(1) << FLAG_SECURITY_OPT;
        return 0;
    }
    if (j->type != JSON_STRING || (strcmp(j->string.s, "default") != 0 && strcmp(j->string.s, "unconfined") != 0))
        return err_set(err, -EINVAL, "%s must be a profile", where);
    return policy_flag_apply(b, FLAG_SECURITY_OPT, where,
                             j->string.s[0] == 'd' ? "seccomp=default" : "seccomp=unconfined", err);
}

/* ---- the rows ------------------------------------------------------------------------------------------------ */

static const struct member limit_rows[] = {
    {"memory", KIND_STRING | KIND_INT, FLAG_MEMORY, NULL, NULL, NULL},
    {"memorySwap", KIND_STRING | KIND_INT, FLAG_MEMORY_SWAP, NULL, NULL, NULL},
    {"memoryReservation", KIND_STRING | KIND_INT, FLAG_MEMORY_RESERVATION, NULL, NULL, NULL},
    {"memorySwappiness", KIND_INT, FLAG_MEMORY_SWAPPINESS, NULL, NULL, NULL},
    {"cpus", KIND_STRING | KIND_REAL, FLAG_CPUS, NULL, NULL, NULL},
    {"cpuShares", KIND_INT, FLAG_CPU_SHARES, NULL, NULL, NULL},
    {"cpuPeriod", KIND_INT, FLAG_CPU_PERIOD, NULL, NULL, NULL},
    {"cpuQuota", KIND_INT, FLAG_CPU_QUOTA, NULL, NULL, NULL},
    {"cpusetCpus", KIND_STRING, FLAG_CPUSET_CPUS, NULL, NULL, NULL},
    {"cpusetMems", KIND_STRING, FLAG_CPUSET_MEMS, NULL, NULL, NULL},
    {"pids", KIND_INT, FLAG_PIDS_LIMIT, NULL, NULL, NULL},
    {"oomScoreAdj", KIND_INT, FLAG_OOM_SCORE_ADJ, NULL, NULL, NULL},
    {"ulimits", 0, FLAG_ULIMIT, NULL, read_ulimits, "limits by name: {\"nofile\": 1024, \"core\": 0}"},
};

static const struct member capability_rows[] = {
    {"add", KIND_LIST, FLAG_CAP_ADD, NULL, NULL, NULL},
    {"drop", KIND_LIST, FLAG_CAP_DROP, NULL, NULL, NULL},
};

static int read_limits(struct policy_build *b, const char *where, const struct json *j, struct err *err)
{
    return read_members(b, limit_rows, ARRAY_LEN(limit_rows), where, j, err);
}

static int read_capabilities(struct policy_build *b, const char *where, const struct json *j, struct err *err)
{
    return read_members(b, capability_rows, ARRAY_LEN(capability_rows), where, j, err);
}

static const struct member top_rows[] = {
    {"version", 0, 0, NULL, read_version, "1"},
    {"env", 0, FLAG_ENV, NULL, read_env, "{\"NAME\": \"VALUE\"}, or an array of NAME=VALUE"},
    {"workdir", KIND_STRING, FLAG_WORKDIR, NULL, NULL, NULL},
    {"user", KIND_STRING | KIND_INT, FLAG_USER, NULL, NULL, NULL},
    {"groups", KIND_LIST, FLAG_GROUP_ADD, NULL, NULL, NULL},
    {"entrypoint", 0, FLAG_ENTRYPOINT, NULL, read_entrypoint, "a command, or an array of its words"},
    {"init", KIND_BOOL, FLAG_INIT, NULL, NULL, NULL},
    {"stopSignal", KIND_STRING | KIND_INT, FLAG_STOP_SIGNAL, NULL, NULL, NULL},
    {"timeout", KIND_STRING | KIND_INT, FLAG_TIMEOUT, NULL, NULL, NULL},
    {"hostname", KIND_STRING, FLAG_HOSTNAME, NULL, NULL, NULL},
    {"domainname", KIND_STRING, FLAG_DOMAINNAME, NULL, NULL, NULL},
    {"annotations", KIND_PAIRS, FLAG_ANNOTATION, NULL, NULL, NULL},
    {"readOnlyRoot", KIND_BOOL, FLAG_READ_ONLY, NULL, NULL, NULL},
    {"shmSize", KIND_STRING | KIND_INT, FLAG_SHM_SIZE, NULL, NULL, NULL},
    {"ro", KIND_LIST, FLAG_RO, NULL, NULL, NULL},
    {"rw", KIND_LIST, FLAG_RW, NULL, NULL, NULL},
    {"defaults", KIND_STRING, FLAG_DEFAULTS, NULL, NULL, NULL},
    {"links", KIND_PAIRS, FLAG_SYMLINK, NULL, NULL, "{\"/bin\": \"usr/bin\"}"},
    {"allow", KIND_LIST, FLAG_ALLOW, NULL, NULL, NULL},
    {"deny", KIND_LIST, FLAG_DENY, NULL, NULL, NULL},
    {"broker", KIND_LIST, FLAG_BROKER, NULL, NULL, NULL},
    {"allowNet", KIND_LIST, FLAG_ALLOW_NET, NULL, NULL, NULL},
    {"denyLog", KIND_BOOL, FLAG_DENY_LOG, NULL, NULL, NULL},
    {"mounts", 0, FLAG_MOUNT, NULL, read_mounts,
     "an array of {source: HOST, target: GUEST} or {type: tmpfs, target: GUEST}"},
    {"devices", KIND_LIST, FLAG_DEVICE, NULL, NULL, NULL},
    {"deviceRules", KIND_LIST, FLAG_DEVICE_CGROUP_RULE, NULL, NULL, NULL},
    {"limits", 0, 0, NULL, read_limits, "{\"memory\": \"512m\", \"pids\": 100} and the like"},
    {"network", KIND_STRING, FLAG_NETWORK, NULL, NULL, NULL},
    {"userns", KIND_STRING, FLAG_USERNS, NULL, NULL, NULL},
    {"sysctl", KIND_PAIRS, FLAG_SYSCTL, NULL, NULL, NULL},
    {"capabilities", 0, 0, NULL, read_capabilities, "{\"add\": [NAME ...], \"drop\": [NAME ...]}"},
    {"noNewPrivileges", KIND_BOOL, FLAG_SECURITY_OPT, "no-new-privileges=", NULL, "true or false"},
    {"seccomp", 0, FLAG_SECURITY_OPT, NULL, read_seccomp, "\"default\", \"unconfined\" or an OCI seccomp object"},
    {"ioctls", KIND_STRING, FLAG_IOCTLS, NULL, NULL, NULL},
    {"apparmor", KIND_STRING, FLAG_SECURITY_OPT, "apparmor=", NULL, "the name of a loaded profile"},
};

static int read_text(struct policy_build *b, char *text, size_t len, struct err *err)
{
    struct json *root;
    size_t where;
    int r = json_parse_where(b->p->arena, text, len, &root, &where, err);

    if (r < 0)
        return fault_at(b, where, NULL, err);
    if (root->type == JSON_OBJECT && !json_get(root, "version")) {
        err_set(err, -EINVAL, "version is missing: begin the file with \"version\": %d", POLICY_FILE_VERSION);
        if ((r = fault(b, root, NULL, err)) < 0)
            return r;
    }
    r = read_members(b, top_rows, ARRAY_LEN(top_rows), "", root, err);
    return r < 0 ? fault(b, root, "members, as \"version\": 1", err) : 0;
}

int policy_file_check(struct policy_build *b, char *text, size_t len, struct policy_problems *out, struct err *err)
{
    struct err why = {0};

    out->n = 0;
    b->problems = out;
    b->file_text = text;
    int r = read_text(b, text, len, &why);
    b->problems = NULL;
    if (r == -ENOMEM)
        return err_set(err, r, "%s", why.text[0] ? why.text : "the policy is too large for its memory");
    return out->n ? -EINVAL : 0;
}

int policy_file_read(struct policy_build *b, char *text, size_t len, struct err *err)
{
    char *copy = arena_strndup(b->p->arena, text, len);
    struct policy_problem first;
    struct policy_problems problems = {.v = &first, .most = 1};
    unsigned line, column;

    if (!copy)
        return policy_no_memory(err);
    int r = policy_file_check(b, text, len, &problems, err);
    if (r < 0 && problems.n) {
        json_position(copy, len, first.offset, &line, &column);
        err_set(err, r, "line %u, column %u: %s", line, column, first.text);
        policy_accepted(err, first.accepted);
    }
    return r;
}
