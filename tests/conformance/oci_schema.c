/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges the reader against the specification's own schema suite, and features and state documents by a checker made
 * from the facts of features-schema.json, features-linux.json and state-schema.json. The checker shares no table with
 * moat, since it also judges what moat-oci prints.
 *
 *   oci_schema [SUITE]               SUITE (or $MOAT_OCI_SCHEMA) holds {config,features,state}/{good,bad}; 77 when
 * absent oci_schema --check-features FILE oci_schema --check-state FILE
 */
#include "base/io.h"
#include "base/json.h"
#include "policy/policy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)4 << 20)
#define SKIPPED      77

/* ---- the checker -------------------------------------------------------------------------------------------- */

enum kind { KIND_STRING, KIND_BOOL, KIND_PID, KIND_STRINGS, KIND_MAP, KIND_OBJECT };

struct member {
    const char *name;
    enum kind kind;
    bool required;
    const char *const *words;     /* KIND_STRING, KIND_STRINGS: the values allowed; NULL: any */
    const struct member *members; /* KIND_OBJECT; ends with a NULL name */
};

static const char *const status_words[] = {"creating", "created", "running", "stopped", NULL};
static const char *const namespace_words[] = {"mount", "pid", "network", "uts", "ipc", "user", "cgroup", "time", NULL};
static const char *const action_words[] = {
    "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",   "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW",        "SCMP_ACT_LOG",         "SCMP_ACT_NOTIFY", NULL,
};
static const char *const operator_words[] = {
    "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",        "SCMP_CMP_EQ",
    "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL,
};
static const char *const arch_words[] = {
    "SCMP_ARCH_X86",         "SCMP_ARCH_X86_64",      "SCMP_ARCH_X32",     "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64",     "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",   "SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",         "SCMP_ARCH_PPC64",   "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_S390",        "SCMP_ARCH_S390X",       "SCMP_ARCH_SH",      "SCMP_ARCH_SHEB",
    "SCMP_ARCH_PARISC",      "SCMP_ARCH_PARISC64",    "SCMP_ARCH_RISCV64", NULL,
};
static const char *const flag_words[] = {
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    NULL,
};
static const char *const capability_words[] = {"CAP_*", NULL}; /* the schema gives a pattern: CAP_[A-Z_]+ */

static const struct member state_members[] = {
    {"ociVersion", KIND_STRING, true, NULL, NULL},
    {"id", KIND_STRING, true, NULL, NULL},
    {"status", KIND_STRING, true, status_words, NULL},
    {"pid", KIND_PID, false, NULL, NULL},
    {"bundle", KIND_STRING, true, NULL, NULL},
    {"annotations", KIND_MAP, false, NULL, NULL},
    {0},
};

static const struct member enabled_members[] = {{"enabled", KIND_BOOL, false, NULL, NULL}, {0}};
static const struct member mount_extension_members[] = {{"idmap", KIND_OBJECT, false, NULL, enabled_members}, {0}};
static const struct member cgroup_members[] = {
    {"v1", KIND_BOOL, false, NULL, NULL},      {"v2", KIND_BOOL, false, NULL, NULL},
    {"systemd", KIND_BOOL, false, NULL, NULL}, {"systemdUser", KIND_BOOL, false, NULL, NULL},
    {"rdma", KIND_BOOL, false, NULL, NULL},    {0},
};
static const struct member seccomp_members[] = {
    {"enabled", KIND_BOOL, false, NULL, NULL},
    {"actions", KIND_STRINGS, false, action_words, NULL},
    {"operators", KIND_STRINGS, false, operator_words, NULL},
    {"archs", KIND_STRINGS, false, arch_words, NULL},
    {"knownFlags", KIND_STRINGS, false, flag_words, NULL},
    {"supportedFlags", KIND_STRINGS, false, flag_words, NULL},
    {0},
};
static const struct member linux_members[] = {
    {"namespaces", KIND_STRINGS, false, namespace_words, NULL},
    {"capabilities", KIND_STRINGS, false, capability_words, NULL},
    {"cgroup", KIND_OBJECT, false, NULL, cgroup_members},
    {"seccomp", KIND_OBJECT, false, NULL, seccomp_members},
    {"apparmor", KIND_OBJECT, false, NULL, enabled_members},
    {"selinux", KIND_OBJECT, false, NULL, enabled_members},
    {"intelRdt", KIND_OBJECT, false, NULL, enabled_members},
    {"mountExtensions", KIND_OBJECT, false, NULL, mount_extension_members},
    {"netDevices", KIND_OBJECT, false, NULL, enabled_members},
    {0},
};
static const struct member features_members[] = {
    {"ociVersionMin", KIND_STRING, true, NULL, NULL},
    {"ociVersionMax", KIND_STRING, true, NULL, NULL},
    {"hooks", KIND_STRINGS, false, NULL, NULL},
    {"mountOptions", KIND_STRINGS, false, NULL, NULL},
    {"annotations", KIND_MAP, false, NULL, NULL},
    {"potentiallyUnsafeConfigAnnotations", KIND_STRINGS, false, NULL, NULL},
    {"linux", KIND_OBJECT, false, NULL, linux_members},
    {0},
};

static bool word_ok(const char *const *words, const char *s)
{
    if (!words)
        return true;
    if (words == capability_words)
        return strncmp(s, "CAP_", 4) == 0 && s[4] && !s[4 + strspn(s + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")];
    for (; *words; words++) {
        if (strcmp(*words, s) == 0)
            return true;
    }
    return false;
}

static int check_object(const struct json *o, const struct member *members, struct err *err);

static int check_items(const struct json *v, const struct member *m, struct err *err)
{
    bool map = m->kind == KIND_MAP;

    if (v->type != (map ? JSON_OBJECT : JSON_ARRAY))
        return err_set(err, -EINVAL, "expected %s, found %s", map ? "an object" : "an array", json_type_name(v->type));
    for (const struct json *i = v->child; i; i = i->next) {
        if (i->type != JSON_STRING)
            return err_set(err, -EINVAL, "expected strings in it, found %s", json_type_name(i->type));
        if (!map && !word_ok(m->words, i->string.s))
            return err_set(err, -EINVAL, "\"%s\" is not among the values of the schema", i->string.s);
    }
    return 0;
}

static int check_member(const struct json *v, const struct member *m, struct err *err)
{
    switch (m->kind) {
    case KIND_STRING:
        if (v->type != JSON_STRING)
            return err_set(err, -EINVAL, "expected a string, found %s", json_type_name(v->type));
        return word_ok(m->words, v->string.s) ? 0
                                              : err_set(err, -EINVAL, "\"%s\" is not among the values", v->string.s);
    case KIND_BOOL:
        return v->type == JSON_BOOL ? 0
                                    : err_set(err, -EINVAL, "expected a boolean, found %s", json_type_name(v->type));
    case KIND_PID:
        return v->type == JSON_INT && v->integer >= 0 ? 0 : err_set(err, -EINVAL, "expected an integer of 0 or more");
    case KIND_STRINGS:
    case KIND_MAP:
        return check_items(v, m, err);
    case KIND_OBJECT:
        if (v->type != JSON_OBJECT)
            return err_set(err, -EINVAL, "expected an object, found %s", json_type_name(v->type));
        return check_object(v, m->members, err);
    }
    return 0;
}

/* Unlike json_get(): in these schemas a null is a wrong type, not an absence. */
static const struct json *member_of(const struct json *o, const char *name)
{
    for (const struct json *m = o->child; m; m = m->next) {
        if (strcmp(m->key, name) == 0)
            return m;
    }
    return NULL;
}

static int check_object(const struct json *o, const struct member *members, struct err *err)
{
    for (const struct member *m = members; m->name; m++) {
        const struct json *v = member_of(o, m->name);
        if (!v && m->required)
            return err_set(err, -EINVAL, "%s: is required", m->name);
        if (v && check_member(v, m, err) < 0)
            return err_wrap(err, "%s", m->name);
    }
    return 0;
}

static int check_document(char *text, size_t len, struct arena *a, const struct member *members, struct err *err)
{
    struct json *root;
    int r = json_parse(a, text, len, &root, err);

    if (r < 0)
        return r;
    if (root->type != JSON_OBJECT)
        return err_set(err, -EINVAL, "expected an object, found %s", json_type_name(root->type));
    return check_object(root, members, err);
}

static int check_features(struct arena *a, char *text, size_t len, struct err *err)
{
    return check_document(text, len, a, features_members, err);
}

static int check_state(struct arena *a, char *text, size_t len, struct err *err)
{
    return check_document(text, len, a, state_members, err);
}

static int check_config(struct arena *a, char *text, size_t len, struct err *err)
{
    struct policy p;

    policy_init(&p, a, POLICY_FROM_OCI);
    int r = policy_read_oci(&p, text, len, err);
    return r < 0 ? r : policy_check(&p, err);
}

typedef int check_fn(struct arena *a, char *text, size_t len, struct err *err);

static int check_file(const char *path, check_fn *check, struct err *err)
{
    struct arena a;
    char *text;
    size_t len;

    if (arena_init(&a, (size_t)64 << 20) < 0)
        return err_set(err, -ENOMEM, "no memory");
    int r = io_read_file(&a, AT_FDCWD, path, DOCUMENT_MAX, &text, &len);
    r = r < 0 ? err_sys(err, r, "%s", path) : check(&a, text, len, err);
    arena_free(&a);
    return r;
}

/* ---- the suite ---------------------------------------------------------------------------------------------- */

struct tally {
    unsigned n, failed;
};

/* A good document of another platform is to be refused, by the platform's name. */
static const char *foreign_platform(const char *file)
{
    static const char *const rows[][2] = {
        {"freebsd-", "freebsd: this document is for FreeBSD"}, {"zos-", "zos: this document is for z/OS"},
        {"windows-", "windows: this document is for Windows"}, {"solaris-", "solaris: this document is for Solaris"},
        {"vm-", "vm: this document is for virtual machines"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strncmp(file, rows[i][0], strlen(rows[i][0])) == 0)
            return rows[i][1];
    }
    return NULL;
}

static void judge(const char *path, const char *label, const char *file, bool good, check_fn *check, struct tally *t)
{
    const char *platform = check == check_config ? foreign_platform(file) : NULL;
    struct err err = {0};
    int r = check_file(path, check, &err);
    bool ok;

    if (platform)
        ok = r < 0 && strstr(err.text, platform);
    else
        ok = good ? r == 0 : r == -EINVAL;
    t->n++;
    t->failed += !ok;
    printf("%sok %u - %s/%s: %s%s\n", ok ? "" : "not ", t->n, label, file, r < 0 ? "refused: " : "accepted",
           r < 0 ? err.text : "");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Every .json of SUITE/label. A folder without one is a failure: nothing would have been tested. */
static void judge_folder(const char *suite, const char *label, bool good, check_fn *check, struct tally *t)
{
    struct dirent **entries;
    char folder[4096], path[8192];
    unsigned before = t->n;

    snprintf(folder, sizeof folder, "%s/%s", suite, label);
    int n = scandir(folder, &entries, NULL, by_name);
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(entries[i]->d_name, '.');
        if (dot && strcmp(dot, ".json") == 0) {
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            judge(path, label, entries[i]->d_name, good, check, t);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    if (t->n == before) {
        t->n++;
        t->failed++;
        printf("not ok %u - %s: no document there\n", t->n, folder);
    }
}

static int judge_suite(const char *suite)
{
    struct tally t = {0};

    judge_folder(suite, "config/good", true, check_config, &t);
    judge_folder(suite, "config/bad", false, check_config, &t);
    judge_folder(suite, "features/good", true, check_features, &t);
    judge_folder(suite, "features/bad", false, check_features, &t);
    judge_folder(suite, "state/good", true, check_state, &t);
    judge_folder(suite, "state/bad", false, check_state, &t);
    printf("1..%u\n# %u of %u as the schema says\n", t.n, t.n - t.failed, t.n);
    return t.failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct err err = {0};

    if (argc == 3 && (strcmp(argv[1], "--check-features") == 0 || strcmp(argv[1], "--check-state") == 0)) {
        int r = check_file(argv[2], strcmp(argv[1], "--check-state") == 0 ? check_state : check_features, &err);
        if (r < 0)
            fprintf(stderr, "%s: %s\n", argv[2], err.text);
        return r < 0 ? 1 : 0;
    }
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: oci_schema [SUITE] | --check-features FILE | --check-state FILE\n");
        return 2;
    }
    const char *suite = argc == 2 ? argv[1] : getenv("MOAT_OCI_SCHEMA");
    DIR *d = suite && *suite ? opendir(suite) : NULL;
    if (!d) {
        printf("1..0 # SKIP the OCI schema suite is not at %s; give its path or set MOAT_OCI_SCHEMA\n",
               suite && *suite ? suite : "$MOAT_OCI_SCHEMA (unset)");
        return SKIPPED;
    }
    closedir(d);
    return judge_suite(suite);
}
