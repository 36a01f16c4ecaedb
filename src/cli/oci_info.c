/* SPDX-License-Identifier: Apache-2.0 */
/* features (runtime-spec, features.md and features-linux.md) and spec. The lists come from the tables the readers use.
 */
#include "base/io.h"
#include "base/json.h"
#include "cli/oci.h"
#include "host/features.h"
#include "policy/defaults.h"
#include "policy/names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <unistd.h>

static void list(struct json_writer *w, const char *key, const char *(*at)(size_t))
{
    const char *name;

    json_array_begin(w, key);
    for (size_t i = 0; (name = at(i)); i++)
        json_string(w, NULL, name);
    json_array_end(w);
}

static void enabled(struct json_writer *w, const char *key, bool on)
{
    json_object_begin(w, key);
    json_bool(w, "enabled", on);
    json_object_end(w);
}

static void write_seccomp(struct json_writer *w, bool on)
{
    static const char *const flags[] = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                                        "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};

    json_object_begin(w, "seccomp");
    json_bool(w, "enabled", on);
    list(w, "actions", seccomp_action_name_at);
    list(w, "operators", seccomp_op_name_at);
    list(w, "archs", seccomp_arch_name_at);
    for (int pass = 0; pass < 2; pass++) {
        json_array_begin(w, pass ? "supportedFlags" : "knownFlags");
        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
            json_string(w, NULL, flags[i]);
        json_array_end(w);
    }
    json_object_end(w);
}

static void write_linux(struct json_writer *w, const struct features *f)
{
    json_object_begin(w, "linux");
    json_array_begin(w, "namespaces");
    for (int i = 0; i < NS_KINDS; i++)
        json_string(w, NULL, ns_name(i));
    json_array_end(w);
    json_array_begin(w, "capabilities");
    for (int i = 0; i < CAP_COUNT; i++)
        json_string(w, NULL, cap_name(i));
    json_array_end(w);
    json_object_begin(w, "cgroup");
    json_bool(w, "v1", true);
    json_bool(w, "v2", true);
    json_bool(w, "systemd", false);
    json_bool(w, "systemdUser", false);
    json_bool(w, "rdma", true);
    json_object_end(w);
    write_seccomp(w, f->seccomp_filter);
    enabled(w, "apparmor", false);
    enabled(w, "selinux", false);
    enabled(w, "intelRdt", false);
    json_object_begin(w, "mountExtensions");
    enabled(w, "idmap", true);
    json_object_end(w);
    enabled(w, "netDevices", true);
    json_object_end(w);
}

int oci_features(struct oci *o, struct err *err)
{
    static const char *const hooks[] = {"prestart",       "createRuntime", "createContainer",
                                        "startContainer", "poststart",     "poststop"};
    struct json_writer w = {.indent = 2};
    struct features f;

    (void)o;
    features_probe(&f);
    json_object_begin(&w, NULL);
    json_string(&w, "ociVersionMin", "1.0.0");
    json_string(&w, "ociVersionMax", OCI_VERSION);
    json_array_begin(&w, "hooks");
    for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
        json_string(&w, NULL, hooks[i]);
    json_array_end(&w);
    list(&w, "mountOptions", mount_option_name);
    write_linux(&w, &f);
    json_object_begin(&w, "annotations");
    json_string(&w, "org.moat.version", MOAT_VERSION);
    json_string(&w, "org.moat.landlock", f.landlock_abi ? "true" : "false");
    json_object_end(&w);
    json_array_begin(&w, "potentiallyUnsafeConfigAnnotations");
    json_array_end(&w);
    json_object_end(&w);
    int r = w.failed ? err_set(err, -ENOMEM, "no memory for the features document") : 0;
    if (r == 0)
        puts(w.buf);
    json_writer_free(&w);
    return r == 0 && fflush(stdout) ? err_sys(err, -errno, "standard output") : r;
}

int oci_spec(struct oci *o, struct err *err)
{
    struct json_writer w = {.indent = 4};
    struct policy p;

    policy_init(&p, &o->arena, POLICY_FROM_FLAGS);
    int r = policy_default_container(&p, POLICY_DEFAULTS_SPEC, err);
    if (r == 0)
        r = policy_default_finish(&p, err);
    if (r < 0)
        return r;
    policy_write_oci(&p, &w);
    _cleanup_fd_ int dir = open(o->bundle ? o->bundle : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_fd_ int fd = dir < 0 ? -1 : openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        r = errno == EEXIST ? err_set(err, -EEXIST, "spec: config.json is there already; remove it first")
                            : err_sys(err, -errno, "spec: %s/config.json", o->bundle ? o->bundle : ".");
    else
        r = w.failed ? err_set(err, -ENOMEM, "no memory for config.json") : io_write_all(fd, w.buf, w.len);
    if (r == 0)
        r = io_write_all(fd, "\n", 1);
    json_writer_free(&w);
    return r < 0 && !err->code ? err_sys(err, r, "spec: config.json") : r;
}
