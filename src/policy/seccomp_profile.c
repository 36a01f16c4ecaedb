/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's conditions resolved, then the OCI reader. Trust: the profile may be hostile; a condition that is not
 * understood is refused, since skipping it could open more than its author wanted. */
#include "policy/seccomp_profile.h"
#include "policy/list.h"
#include "policy/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#if defined(__x86_64__)
#define NATIVE_DOCKER "amd64"
#define NATIVE_SCMP   "SCMP_ARCH_X86_64"
#else
#define NATIVE_DOCKER "arm64"
#define NATIVE_SCMP   "SCMP_ARCH_AARCH64"
#endif

#define is_kind(node, kind) ((node) && (node)->type == (kind))

static int condition_caps(const struct json *list, uint64_t caps, bool *any, bool *all, struct err *err)
{
    *any = false, *all = true;
    for (const struct json *c = list->child; c; c = c->next) {
        int cap = is_kind(c, JSON_STRING) ? cap_from_name(c->string.s) : -1;
        if (cap < 0)
            return err_set(err, -EINVAL, "caps: '%s' is no capability", is_kind(c, JSON_STRING) ? c->string.s : "?");
        bool has = caps >> cap & 1;
        *any |= has;
        *all &= has;
    }
    return 0;
}

static bool kernel_at_least(const char *wanted)
{
    struct utsname host;
    unsigned have_major = 0, have_minor = 0, major = 0, minor = 0;

    if (uname(&host) < 0 || sscanf(host.release, "%u.%u", &have_major, &have_minor) != 2 ||
        sscanf(wanted, "%u.%u", &major, &minor) != 2)
        return false;
    return have_major > major || (have_major == major && have_minor >= minor);
}

/* Includes: every member must hold. Excludes: one that holds takes the rule out. */
static int condition_holds(const struct json *condition, bool excludes, uint64_t caps, bool *out, struct err *err)
{
    bool all = true, some = false;

    if (!is_kind(condition, JSON_OBJECT))
        return err_set(err, -EINVAL, "must be an object");
    for (const struct json *m = condition->child; m; m = m->next) {
        bool any_cap, all_caps, holds = false;
        if (m->type == JSON_NULL)
            continue;
        if (!strcmp(m->key, "caps") && m->type == JSON_ARRAY) {
            int r = condition_caps(m, caps, &any_cap, &all_caps, err);
            if (r < 0)
                return r;
            holds = excludes ? any_cap : all_caps;
        } else if (!strcmp(m->key, "arches") && m->type == JSON_ARRAY) {
            for (const struct json *c = m->child; c; c = c->next)
                holds |= is_kind(c, JSON_STRING) && !strcmp(c->string.s, NATIVE_DOCKER);
        } else if (!strcmp(m->key, "minKernel") && m->type == JSON_STRING) {
            holds = kernel_at_least(m->string.s);
        } else {
            return err_set(err, -EINVAL, "%s: moat knows caps, arches (arrays) and minKernel (a string)", m->key);
        }
        all &= holds;
        some |= holds;
    }
    *out = excludes ? some : all;
    return 0;
}

static int rule_applies(const struct json *rule, uint64_t caps, bool *out, struct err *err)
{
    const struct json *includes = json_get(rule, "includes"), *excludes = json_get(rule, "excludes");
    bool holds;
    int r;

    *out = true;
    if (includes) {
        if ((r = condition_holds(includes, false, caps, &holds, err)) < 0)
            return err_wrap(err, "includes");
        *out &= holds;
    }
    if (excludes) {
        if ((r = condition_holds(excludes, true, caps, &holds, err)) < 0)
            return err_wrap(err, "excludes");
        *out &= !holds;
    }
    return 0;
}

static void write_rule(struct json_writer *w, const struct json *rule)
{
    json_object_begin(w, NULL);
    for (const struct json *m = rule->child; m; m = m->next) {
        if (!strcmp(m->key, "includes") || !strcmp(m->key, "excludes") || !strcmp(m->key, "comment"))
            continue;
        if (!strcmp(m->key, "name") && m->type == JSON_STRING) { /* docker's first format: one name a rule */
            json_array_begin(w, "names");
            json_string(w, NULL, m->string.s);
            json_array_end(w);
            continue;
        }
        json_value(w, m->key, m);
    }
    json_object_end(w);
}

static int write_rules(struct json_writer *w, const struct json *rules, uint64_t caps, struct err *err)
{
    unsigned i = 0;

    json_array_begin(w, "syscalls");
    for (const struct json *rule = rules->child; rule; rule = rule->next, i++) {
        bool applies;
        if (rule->type != JSON_OBJECT)
            return err_set(err, -EINVAL, "syscalls[%u] must be an object, not %s", i, json_type_name(rule->type));
        if (rule_applies(rule, caps, &applies, err) < 0)
            return err_wrap(err, "syscalls[%u]", i);
        if (applies)
            write_rule(w, rule);
    }
    json_array_end(w);
    return 0;
}

/* The host's own architecture with the sub-architectures its author named; other hosts' entries say nothing here. */
static void write_arch_map(struct json_writer *w, const struct json *map)
{
    json_array_begin(w, "architectures");
    for (const struct json *entry = map->child; entry; entry = entry->next) {
        const struct json *arch = json_get(entry, "architecture"), *sub = json_get(entry, "subArchitectures");
        if (!is_kind(arch, JSON_STRING) || strcmp(arch->string.s, NATIVE_SCMP) != 0)
            continue;
        json_string(w, NULL, arch->string.s);
        for (const struct json *s = is_kind(sub, JSON_ARRAY) ? sub->child : NULL; s; s = s->next)
            json_value(w, NULL, s);
    }
    json_array_end(w);
}

static int write_config(struct json_writer *w, const struct json *profile, uint64_t caps, struct err *err)
{
    json_object_begin(w, NULL);
    json_string(w, "ociVersion", "1.2.0");
    json_object_begin(w, "root");
    json_string(w, "path", "/");
    json_object_end(w);
    json_object_begin(w, "linux");
    json_object_begin(w, "seccomp");
    for (const struct json *m = profile->child; m; m = m->next) {
        if (!strcmp(m->key, "archMap") && m->type == JSON_ARRAY) {
            if (!json_get(profile, "architectures"))
                write_arch_map(w, m);
        } else if (!strcmp(m->key, "syscalls") && m->type == JSON_ARRAY) {
            int r = write_rules(w, m, caps, err);
            if (r < 0)
                return r;
        } else {
            json_value(w, m->key, m);
        }
    }
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
    return w->failed ? err_set(err, -ENOMEM, "out of memory") : 0;
}

int seccomp_profile_read(struct arena *a, const struct json *profile, uint64_t caps, struct seccomp_policy *out,
                         struct err *err)
{
    struct json_writer w = {0};
    struct policy scratch;
    int r;

    if (!is_kind(profile, JSON_OBJECT))
        return err_set(err, -EINVAL, "a seccomp profile is a JSON object");
    if (!json_get(profile, "defaultAction"))
        return err_set(err, -EINVAL, "a seccomp profile needs defaultAction, as SCMP_ACT_ERRNO");
    r = write_config(&w, profile, caps, err);
    char *text = r < 0 ? NULL : arena_strndup(a, w.buf, w.len);
    if (!r && !text)
        r = policy_no_memory(err);
    if (!r) {
        policy_init(&scratch, a, POLICY_FROM_OCI);
        r = policy_read_oci(&scratch, text, w.len, err);
    }
    if (!r)
        *out = scratch.seccomp;
    json_writer_free(&w);
    return r;
}
