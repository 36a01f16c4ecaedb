/* SPDX-License-Identifier: Apache-2.0 */
/* See program.h. Looks at the host (links, the caller's name); changes nothing. */
#include "cli/program.h"
#include "base/pathtext.h"
#include "cli/compare.h"
#include "cli/run_options.h"
#include "confine/paths.h"
#include "policy/defaults.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NANO       INT64_C(1000000000)
#define LINKS_MAX  40 /* as the kernel */
#define READ_ONLY  "rbind,rprivate,nosuid,nodev,rnosuid,rnodev,ro,rro"
#define NO_RUNNING READ_ONLY ",noexec,rnoexec"

/* What ordinary programs read of the host: nothing of a person, nothing secret, nothing of what else runs there. */
static const char *const shown[] = {
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/ld.so.cache",   /* the loader */
    "/etc/alternatives",  /* which of several programs a name is */
    "/etc/localtime",     /* a link into /usr */
    "/etc/locale.alias",  /* the same */
    "/etc/nsswitch.conf", /* names and numbers */
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs", /* whom to trust */
    "/etc/ssl/openssl.cnf",
    "/etc/mime.types", /* kinds of files */
    "/etc/magic",
    "/etc/fonts",
    "/etc/ImageMagick-6",
    "/etc/ImageMagick-7",
    "/etc/java-17-openjdk",
    "/etc/java-21-openjdk",
    "/etc/os-release", /* a link into /usr */
};

static int add_made(struct policy *p, const char *path, const char *content, const char *target, struct err *err)
{
    struct made_file *f = policy_list_push(p->arena, &p->made, &p->n_made, sizeof *f);

    if (!f || !path || (!content && !target))
        return policy_no_memory(err);
    *f = (struct made_file){.path = path, .content = content, .target = target};
    return 0;
}

/* A link of the host stays one, so that a path means the same inside. */
int program_show(struct policy *p, const char *path, uint32_t access, struct err *err)
{
    char target[PATH_MAX];
    struct stat st;

    if (lstat(path, &st) < 0)
        return 0;
    ssize_t n = S_ISLNK(st.st_mode) ? readlink(path, target, sizeof target - 1) : -1;
    if (n > 0) {
        target[n] = '\0';
        int r = add_made(p, path, NULL, arena_strdup(p->arena, target), err);
        if (r == 0)
            p->made[p->n_made - 1].optional = true;
        return r;
    }
    struct path_rule *rule = policy_list_push(p->arena, &p->paths, &p->n_paths, sizeof *rule);
    if (!rule)
        return policy_no_memory(err);
    *rule = (struct path_rule){.host = path, .guest = path, .verdict = PATH_ALLOW, .access = access, .optional = true};
    return policy_mount_add(p, path, NULL, path, access & PATH_EXECUTE ? READ_ONLY : NO_RUNNING, err);
}

static void drop_mounts(struct policy *p)
{
    static const char *const gone[] = {"/sys", "/sys/fs/cgroup"};
    uint32_t kept = 0;

    for (uint32_t i = 0; i < p->n_mounts; i++) {
        bool drop = false;
        for (size_t g = 0; g < ARRAY_LEN(gone); g++)
            drop |= !strcmp(p->mounts[i].destination, gone[g]);
        if (!drop)
            p->mounts[kept++] = p->mounts[i];
    }
    /* The list keeps its room, so it may be pushed to again. */
    p->n_mounts = kept;
}

static int take_environment(struct policy *p, struct err *err)
{
    static const char *const taken[] = {"PATH", "LANG", "LANGUAGE", "TZ", "TERM", "COLORTERM", "NO_COLOR"};
    extern char **environ;

    for (char **e = environ; *e; e++) {
        size_t n = strcspn(*e, "=");
        bool take = !strncmp(*e, "LC_", 3);
        for (size_t i = 0; i < ARRAY_LEN(taken); i++)
            take |= strlen(taken[i]) == n && !strncmp(*e, taken[i], n);
        if (take && (*e)[n] && policy_env_set(p->arena, &p->process.env, *e) < 0)
            return policy_no_memory(err);
    }
    return policy_env_set(p->arena, &p->process.env, "HOME=/tmp") < 0 ? policy_no_memory(err) : 0;
}

int program_walls(struct policy *p, struct err *err)
{
    drop_mounts(p);
    p->private_root = p->root_readonly = true;
    p->init = true;
    p->process.caps = (struct cap_sets){.set = true};
    /* Read-only as a whole, which covers what else would be covered one by one; what /proc/self/fd leads to has its own
     * mount. */
    struct mount_rule *proc = policy_mount_find(p, "/proc");
    if (proc && policy_mount_options(p->arena, proc, "ro", err) < 0)
        return err->code;
    p->readonly_paths = (struct strv){0};
    p->resources.n_devices = 0; /* no node can be made here, and none opens but those of /dev */
    p->seccomp = (struct seccomp_policy){.set = true, .moat_default = true};
    return take_environment(p, err);
}

int program_defaults(struct policy *p, struct err *err)
{
    int r = program_walls(p, err);

    for (size_t i = 0; i < ARRAY_LEN(shown) && r == 0; i++)
        r = program_show(p, shown[i], PATH_STAT | PATH_READ | PATH_EXECUTE, err);
    return r < 0 ? r : policy_mount_add(p, "/tmp", "tmpfs", "tmpfs", "nosuid,nodev,mode=1777", err);
}

/* Of the caller's name only what stands in the name: a colon or a line's end would forge an entry. Root's name is no
 * other user's. */
static const char *user_name(struct arena *a, bool root)
{
    const struct passwd *pw = getpwuid(geteuid());

    if (root || !pw || !*pw->pw_name || !strcmp(pw->pw_name, "root") || strpbrk(pw->pw_name, ":\n"))
        return root ? "root" : "user";
    return arena_strdup(a, pw->pw_name);
}

/* A link that the host has too is as old as that: archives hold it. */
static void date_links(struct policy *p)
{
    struct stat st;

    for (uint32_t i = 0; i < p->n_made; i++)
        if (p->made[i].target && lstat(p->made[i].path, &st) == 0 && S_ISLNK(st.st_mode) && st.st_mtim.tv_sec > 0 &&
            st.st_mtim.tv_sec < INT64_MAX / NANO)
            p->made[i].changed = (int64_t)st.st_mtim.tv_sec * NANO + st.st_mtim.tv_nsec;
}

int program_make_files(struct policy *p, struct err *err)
{
    date_links(p);
    struct arena *a = p->arena;
    uint32_t uid = p->process.user.uid, gid = p->process.user.gid;
    const char *name = user_name(a, uid == 0), *home = policy_env_get(&p->process.env, "HOME");
    int r;

    if (!name)
        return policy_no_memory(err);
    const char *root = uid == 0 ? "" : "root:x:0:0:root:/root:/usr/sbin/nologin\n";
    const char *passwd =
        arena_printf(a, "%s%s:x:%u:%u:%s:%s:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n", root, name,
                     uid, gid, name, home ? home : "/");
    const char *group = arena_printf(a, "%s%s:x:%u:\nnogroup:x:65534:\n", gid == 0 ? "" : "root:x:0:\n", name, gid);
    const char *hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost\n";
    if ((r = add_made(p, "/etc/passwd", passwd, NULL, err)) < 0 ||
        (r = add_made(p, "/etc/group", group, NULL, err)) < 0 || (r = add_made(p, "/etc/hosts", hosts, NULL, err)) < 0)
        return r;
    return p->n_net ? add_made(p, "/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n", NULL, err)
                    : 0;
}

/* Names are looked up as in an image, whose root is here the host's. */
int program_no_user(struct err *err)
{
    const char *in = strstr(err->text, " the image's ");

    if (!in)
        return err->code;
    struct err said = *err;
    return err_set(err, said.code, "%.*s this host's %s", (int)(in - err->text), said.text,
                   said.text + (in - err->text) + strlen(" the image's "));
}

/* ---- the program ---------------------------------------------------------------------------------------------- */

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 0111;
}

/* A path with the first link of the sandbox's own on its way followed; NULL: there is none, or no memory. */
static char *follow_made(const struct policy *p, const char *path)
{
    for (uint32_t i = 0; i < p->n_made; i++) {
        const struct made_file *f = &p->made[i];
        size_t n = strlen(f->path);
        if (!f->target || strncmp(path, f->path, n) != 0 || (path[n] && path[n] != '/'))
            continue;
        int dir = *f->target == '/' ? 0 : (int)(strrchr(f->path, '/') - f->path);
        const char *raw = arena_printf(p->arena, "%.*s/%s%s", dir, f->path, f->target, path + n);
        return raw ? flag_path_clean(p->arena, raw) : NULL;
    }
    return NULL;
}

/* Whether a path leads inside to something that a rule lets be executed. */
static bool granted(const struct policy *p, const char *path)
{
    const struct path_rule *rule = paths_find(p, path);
    const char *next = path;

    for (int links = 0; !rule && next && links < LINKS_MAX; links++) {
        next = follow_made(p, next);
        rule = next ? paths_find(p, next) : NULL;
    }
    return rule && rule->access & PATH_EXECUTE;
}

/* The first of the PATH's directories that has it; with `inside`, only of those that a rule shows. */
static bool look_in_path(const struct policy *p, const char *path, const char *name, bool inside, char *out)
{
    for (; *path; path += strspn(path, ":")) {
        size_t n = strcspn(path, ":");
        int len = snprintf(out, PATH_MAX, "%.*s/%s", (int)n, path, name);
        if (n && *path == '/' && len < PATH_MAX && is_program(out) && (!inside || granted(p, out)))
            return true;
        path += n;
    }
    return false;
}

/* Whether a directory is there, since something in it is shown. */
static bool shown_in(const struct policy *p, const char *dir, size_t n)
{
    for (uint32_t i = 0; i < p->n_paths; i++)
        if (p->paths[i].verdict == PATH_ALLOW && !strncmp(p->paths[i].guest, dir, n) && p->paths[i].guest[n] == '/')
            return true;
    return false;
}

int program_trim_path(struct policy *p, struct err *err)
{
    const char *path = policy_env_get(&p->process.env, "PATH");

    path = path ? path : POLICY_DEFAULT_PATH;
    char *kept = arena_printf(p->arena, "PATH=%s", path), *end = kept ? kept + strlen("PATH=") : NULL, dir[PATH_MAX];

    if (!kept)
        return policy_no_memory(err);
    for (; *path; path += strspn(path, ":")) {
        size_t n = strcspn(path, ":");
        snprintf(dir, sizeof dir, "%.*s/.", (int)n, path);
        if (*path == '/' && n < sizeof dir - 3 && (granted(p, dir) || shown_in(p, path, n))) {
            if (end[-1] != '=')
                *end++ = ':';
            memmove(end, path, n);
            end += n;
        }
        path += n;
    }
    *end = '\0';
    if (end[-1] == '=')
        kept = arena_strdup(p->arena, "PATH=" POLICY_DEFAULT_PATH);
    return !kept || policy_env_set(p->arena, &p->process.env, kept) < 0 ? policy_no_memory(err) : 0;
}

static int find_by_name(struct policy_build *b, const char *name, char *out, struct err *err)
{
    const char *path = policy_env_get(&b->p->process.env, "PATH");

    path = path ? path : POLICY_DEFAULT_PATH;
    if (!look_in_path(b->p, path, name, true, out) && !look_in_path(b->p, path, name, false, out))
        return err_set(err, -ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
    return program_trim_path(b->p, err);
}

const char *program_directory(const struct policy *p, const char *cwd)
{
    static const char *const taken[] = {"/proc", "/dev", "/sys"};
    const struct path_rule *rule = paths_find(p, cwd);

    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        if (path_lies_in(cwd, taken[i]))
            return "/";
    }
    return rule && rule->verdict != PATH_ALLOW ? "/" : cwd;
}

/* Not with `defaults: none`: then what is not written is not there. */
static bool shows_defaults(const struct policy *p)
{
    for (uint32_t i = 0; i < p->n_paths; i++)
        if (p->paths[i].optional)
            return true;
    return false;
}

int program_find(struct policy_build *b, struct err *err)
{
    struct policy *p = b->p;
    const char *name = p->process.argv.v[0];
    char found[PATH_MAX];
    int r = 0;

    if (!policy_flag_given(b, FLAG_WORKDIR))
        p->process.cwd = program_directory(p, b->cwd);
    if (!*name)
        return err_set(err, -ENOENT, "exec: \"\": executable file not found in $PATH");
    if (!strchr(name, '/'))
        r = find_by_name(b, name, found, err);
    else if (snprintf(found, sizeof found, "%s%s%s", *name == '/' ? "" : b->cwd, *name == '/' ? "" : "/", name) >=
             (int)sizeof found)
        r = err_set(err, -ENAMETOOLONG, "exec: \"%s\"", name);
    if (r < 0)
        return r;
    char *clean = flag_path_clean(p->arena, found);
    if (!clean)
        return policy_no_memory(err);
    if (!granted(p, clean)) {
        if (access(clean, F_OK) < 0)
            return err_set(err, -ENOENT, "exec: \"%s\": no such file or directory", name);
        const struct path_rule *rule = paths_find(p, clean);
        if (rule && rule->verdict != PATH_ALLOW)
            return err_set(err, -EACCES, "exec: \"%s\": the policy denies it (rule %s)", name, rule->guest);
        if (rule)
            return err_set(
                err, -EACCES,
                "exec: \"%s\": the policy shows it but not for execution (rule %s): give x too, as in --allow "
                "%s:rx",
                name, rule->guest, clean);
        if (!shows_defaults(p))
            return err_set(err, -ENOENT,
                           "exec: \"%s\": the policy shows nothing but what its rules name, and none names it: --allow "
                           "%s:rx",
                           name, clean);
        /* What is asked to run may be read and run; its directory is not shown for it. */
        b->n_earlier_paths = p->n_paths;
        b->n_earlier_mounts = p->n_mounts;
        const char *shown_from = arena_strdup(p->arena, found); /* the rule borrows it */
        if (!shown_from)
            return policy_no_memory(err);
        if ((r = flag_add_bind(b, shown_from, clean, true, NULL, err)) < 0)
            return r;
        flag_rules_finish(b);
    }
    /* From another working directory a relative name would not be found, nor a name by a PATH that lacks its directory.
     */
    bool relative = strchr(name, '/') && *name != '/' && strcmp(p->process.cwd, b->cwd) != 0;
    const char *path = policy_env_get(&p->process.env, "PATH");
    char again[PATH_MAX];
    if (relative || (!strchr(name, '/') && path && !look_in_path(p, path, name, false, again)))
        p->process.argv.v[0] = clean;
    return 0;
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

static int take_operands(struct run_options *o, int n, char **operand, bool lenient, struct err *err)
{
    (void)o, (void)operand;
    return n > 0 || lenient
               ? 0
               : err_set(err, -EINVAL, "what is to run is missing: moat run -b broker [OPTIONS] -- PROGRAM [ARG...]");
}

static int apply_defaults(struct run_options *o, struct err *err)
{
    return program_defaults(&o->policy, err);
}

static int find(struct run_options *o, const struct finding *f, struct err *err)
{
    int r = o->n_command || o->build.entrypoint.n ? run_options_image(o, NULL, err) : 0;

    (void)f;
    return r < 0 || !o->policy.process.argv.n ? r : program_find(&o->build, err);
}

static const char *name_of(const struct run_options *o)
{
    return o->command[0];
}

static const struct compare_row compared = {
    .boundary = "broker", .args = {"--ro", "{libexec}"}, .work_args = {"--rw", "{work}"}, .root = "--"};

const struct workload_kind program_kind = {
    .types = {"program"},
    .boundary = "broker",
    .words = "a program of the host",
    .of_host = true,
    .compare = &compared,
    .operands = take_operands,
    .defaults = apply_defaults,
    .find = find,
    .make_files = program_make_files,
    .name = name_of,
};
