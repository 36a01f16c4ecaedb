/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCI config.json reader: the top of the document; its parts are in oci_read_*.c. The document is hostile: every
 * known member is read or refused by its path, unknown ones are ignored as the specification orders. Pure.
 */
#include "policy/names.h"
#include "policy/oci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOSTNAME_MAX 64 /* __NEW_UTS_LEN */

const char *const oci_hook_names[HOOK_POINTS] = {
    [HOOK_PRESTART] = "prestart",
    [HOOK_CREATE_RUNTIME] = "createRuntime",
    [HOOK_CREATE_CONTAINER] = "createContainer",
    [HOOK_START_CONTAINER] = "startContainer",
    [HOOK_POSTSTART] = "poststart",
    [HOOK_POSTSTOP] = "poststop",
};

static int refuse_platforms(struct oci_reader *r, const struct json *root)
{
    static const struct {
        const char *member, *name;
    } rows[] = {
        {"windows", "Windows"}, {"solaris", "Solaris"},     {"freebsd", "FreeBSD"},
        {"zos", "z/OS"},        {"vm", "virtual machines"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (json_get(root, rows[i].member))
            return oci_fail(r, rows[i].member, "this document is for %s; moat runs linux containers", rows[i].name);
    }
    return 0;
}

/* One number of a semantic version; no leading zero. Returns what stands behind it, or NULL. */
static const char *version_number(const char *s, unsigned *v)
{
    size_t n = strspn(s, "0123456789");

    if (n == 0 || n > 9 || (n > 1 && s[0] == '0'))
        return NULL;
    *v = (unsigned)strtoul(s, NULL, 10);
    return s + n;
}

/* Dot-separated, non-empty words of [0-9A-Za-z-] up to one of the bytes in `end`. NULL when malformed. */
static const char *version_words(const char *s, const char *end)
{
    static const char word[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";

    for (;;) {
        size_t n = strspn(s, word);
        if (n == 0)
            return NULL;
        s += n;
        if (*s == '.')
            s++;
        else
            return !*s || strchr(end, *s) ? s : NULL;
    }
}

static bool semver_parse(const char *s, unsigned *major)
{
    unsigned ignored;

    s = version_number(s, major);
    for (int i = 0; i < 2 && s; i++)
        s = *s == '.' ? version_number(s + 1, &ignored) : NULL;
    if (s && *s == '-')
        s = version_words(s + 1, "+");
    if (s && *s == '+')
        s = version_words(s + 1, "");
    return s && !*s;
}

static int read_version(struct oci_reader *r, const struct json *root, struct policy *p)
{
    unsigned major;
    int code = oci_string(r, root, "ociVersion", OCI_REQUIRED, &p->oci_version);

    if (code < 0)
        return code;
    if (!semver_parse(p->oci_version, &major))
        return oci_fail(r, "ociVersion", "\"%.64s\" is no version such as 1.2.0", p->oci_version);
    /* Drafts (0.x) differ in members whose type has changed, and those are refused where they stand. */
    if (major > 1)
        return oci_fail(r, "ociVersion", "\"%.64s\" is not supported; this runtime reads 1.x", p->oci_version);
    return 0;
}

static int read_root(struct oci_reader *r, const struct json *root, struct policy *p)
{
    const struct json *o;
    int code = oci_child(r, root, "root", JSON_OBJECT, &o);

    if (code < 0)
        return code;
    if (!o)
        return oci_fail(r, "root", "is required");
    oci_enter(r, "root");
    if ((code = oci_string(r, o, "path", OCI_REQUIRED | OCI_NONEMPTY, &p->root_path)) < 0 ||
        (code = oci_bool(r, o, "readonly", &p->root_readonly)) < 0)
        return code;
    oci_leave(r);
    return 0;
}

static int read_uts_name(struct oci_reader *r, const struct json *root, const char *name, const char **out)
{
    int code = oci_string(r, root, name, OCI_EMPTY_IS_NONE, out);

    if (code == 0 && *out && strlen(*out) > HOSTNAME_MAX)
        return oci_fail(r, name, "has %zu bytes; the kernel takes %d", strlen(*out), HOSTNAME_MAX);
    return code;
}

static int read_hook(struct oci_reader *r, const struct json *o, struct hook *h)
{
    int code;

    if ((code = oci_string(r, o, "path", OCI_REQUIRED | OCI_ABSOLUTE, &h->path)) < 0 ||
        (code = oci_strings(r, o, "args", 0, &h->argv)) < 0 || (code = oci_strings(r, o, "env", 0, &h->env)) < 0 ||
        (code = oci_i64(r, o, "timeout", 0, 1, INT32_MAX, &h->timeout)) < 0)
        return code;
    if (h->argv.n == 0) { /* execve(2) wants an argv[0] */
        char **v = arena_array(r->a, 2, sizeof *v);
        if (!v)
            return oci_no_memory(r);
        v[0] = (char *)h->path;
        h->argv = (struct strv){.v = v, .n = 1};
    }
    return 0;
}

static int read_hooks(struct oci_reader *r, const struct json *root, struct policy *p)
{
    const struct json *o, *list;
    int code = oci_child(r, root, "hooks", JSON_OBJECT, &o);

    if (code < 0 || !o)
        return code;
    oci_enter(r, "hooks");
    for (int point = 0; point < HOOK_POINTS; point++) {
        struct hook *v;
        uint32_t i = 0;
        if ((code = oci_list(r, o, oci_hook_names[point], sizeof *v, &list, &v)) < 0)
            return code;
        if (!list)
            continue;
        oci_enter(r, oci_hook_names[point]);
        for (const struct json *m = list->child; m; m = m->next, i++) {
            oci_enter_item(r, i);
            if ((code = read_hook(r, m, &v[i])) < 0)
                return code;
            oci_leave(r);
        }
        oci_leave(r);
        p->hooks[point] = (struct hooks){.v = v, .n = i};
    }
    oci_leave(r);
    return 0;
}

static int bad_annotation(struct oci_reader *r, const struct key_value *a, const char *expected)
{
    oci_enter(r, "annotations");
    return oci_fail(r, a->key, "expected %s, found \"%.64s\"", expected, a->value);
}

/* Takes one annotation that carries a setting. 1: taken, 0: an ordinary one. */
static int take_annotation(struct oci_reader *r, const struct key_value *a, struct policy *p)
{
    if (strcmp(a->key, OCI_STOP_SIGNAL) == 0) {
        if (*a->value && (p->stop_signal = signal_from_name(a->value)) < 0)
            return bad_annotation(r, a, "a signal such as SIGTERM");
        return 0; /* the specification's own: stays visible */
    }
    if (strncmp(a->key, "moat.", 5) != 0)
        return 0;
    if (strcmp(a->key, OCI_MOAT_INIT) == 0 || strcmp(a->key, OCI_MOAT_LANDLOCK) == 0) {
        if (strcmp(a->value, "true") != 0)
            return bad_annotation(r, a, "\"true\"");
        *(strcmp(a->key, OCI_MOAT_INIT) == 0 ? &p->init : &p->landlock) = true;
        return 1;
    }
    if (strcmp(a->key, OCI_MOAT_TIMEOUT) == 0) {
        size_t n = strspn(a->value, "0123456789");
        if (n == 0 || n > 15 || a->value[n])
            return bad_annotation(r, a, "milliseconds");
        p->timeout_ms = strtoll(a->value, NULL, 10);
        return 1;
    }
    if (strcmp(a->key, OCI_MOAT_SECCOMP) == 0) {
        if (strcmp(a->value, "default") != 0)
            return bad_annotation(r, a, "\"default\"");
        if (!p->seccomp.set)
            p->seccomp = (struct seccomp_policy){.set = true, .moat_default = true};
        return 1;
    }
    return 0;
}

/* After `linux`, so that an explicit seccomp profile is known. */
static int read_annotations(struct oci_reader *r, const struct json *root, struct policy *p)
{
    uint32_t kept = 0;
    int code = oci_map(r, root, "annotations", &p->annotations, &p->n_annotations);

    if (code < 0)
        return code;
    for (uint32_t i = 0; i < p->n_annotations; i++) {
        code = take_annotation(r, &p->annotations[i], p);
        if (code < 0)
            return code;
        if (code == 0)
            p->annotations[kept++] = p->annotations[i];
    }
    p->n_annotations = kept;
    return 0;
}

static int read_document(struct oci_reader *r, const struct json *root, struct policy *p)
{
    const struct json *process, *linux_part;
    int code;

    if ((code = refuse_platforms(r, root)) < 0 || (code = read_version(r, root, p)) < 0 ||
        (code = read_root(r, root, p)) < 0 || (code = read_uts_name(r, root, "hostname", &p->hostname)) < 0 ||
        (code = read_uts_name(r, root, "domainname", &p->domainname)) < 0 || (code = oci_read_mounts(r, root, p)) < 0 ||
        (code = read_hooks(r, root, p)) < 0 || (code = oci_child(r, root, "process", JSON_OBJECT, &process)) < 0 ||
        (code = oci_child(r, root, "linux", JSON_OBJECT, &linux_part)) < 0)
        return code;
    if (process) {
        oci_enter(r, "process");
        if ((code = oci_read_process(r, process, &p->process)) < 0)
            return code;
        oci_leave(r);
        p->has_process = true;
    }
    if (linux_part) {
        oci_enter(r, "linux");
        if ((code = oci_read_linux(r, linux_part, p)) < 0)
            return code;
        oci_leave(r);
    }
    code = oci_read_moat(r, root, p);
    return code < 0 ? code : read_annotations(r, root, p);
}

/* Parses and wants an object at the top. */
static int parse_object(struct arena *a, char *text, size_t len, const char *what, struct json **root, struct err *err)
{
    int code = json_parse(a, text, len, root, err);

    if (code < 0)
        return code;
    if ((*root)->type != JSON_OBJECT)
        return err_set(err, -EINVAL, "%s: expected an object, found %s", what, json_type_name((*root)->type));
    return 0;
}

int policy_read_oci(struct policy *p, char *text, size_t len, struct err *err)
{
    struct oci_reader r = {.a = p->arena, .err = err};
    struct json *root;
    int code = parse_object(p->arena, text, len, "config.json", &root, err);

    return code < 0 ? code : read_document(&r, root, p);
}

int policy_read_oci_process(struct arena *a, struct process *pr, char *text, size_t len, struct err *err)
{
    struct oci_reader r = {.a = a, .err = err};
    struct json *root;
    int code = parse_object(a, text, len, "process", &root, err);

    if (code < 0)
        return code;
    oci_enter(&r, "process");
    return oci_read_process(&r, root, pr);
}

int policy_read_oci_resources(struct arena *a, struct resources *res, char *text, size_t len, struct err *err)
{
    struct oci_reader r = {.a = a, .err = err};
    struct json *root;
    int code = parse_object(a, text, len, "resources", &root, err);

    if (code < 0)
        return code;
    oci_enter(&r, "resources");
    return oci_read_resources(&r, root, res);
}
