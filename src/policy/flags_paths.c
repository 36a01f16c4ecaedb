/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags that grant host paths, mounts and devices. All spellings (--ro, --rw, --dir, -v, --mount) make the same rule: a
 * recursive bind, private, without set-uid programs and device nodes, id-mapped where the sandbox has ids of its own;
 * read-only reaches the mounts below it. Host paths are only made absolute here; the adaptor opens them.
 */
#include "base/pathtext.h"
#include "policy/defaults.h"
#include "policy/flags.h"
#include "policy/list.h"
#include "policy/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define BIND_BASE    "rbind,rprivate,nosuid,nodev,rnosuid,rnodev"
#define BIND_RO      "ro,rro"
#define TMPFS_BASE   "nosuid,nodev,noexec"
#define SHM_DEFAULTS "nosuid,noexec,nodev,mode=1777"

char *flag_path_clean(struct arena *a, const char *path)
{
    size_t size = strlen(path) + 2; /* always enough: here the arena is the one limit */
    char *out = arena_alloc(a, size);

    return out && path_text_clean(path, out, size) > 0 ? out : NULL;
}

/* Without "." and doubled slashes: so that one rule's path is seen to begin with another's. ".." stays: it may follow a
 * link. */
static char *without_dots(struct arena *a, const char *path)
{
    char *out = arena_alloc(a, strlen(path) + 2), *end = out;

    for (const char *c = path; out && *c;) {
        size_t n;
        c += strspn(c, "/");
        n = strcspn(c, "/");
        if (n && !(n == 1 && *c == '.')) {
            *end++ = '/';
            memcpy(end, c, n);
            end += n;
        }
        c += n;
    }
    if (out && end == out)
        *end++ = '/';
    if (out)
        *end = '\0';
    return out;
}

/* Absolute by text; links are the adaptor's business, so "..", which a link would turn, is kept in what is opened. */
int flag_host_path(struct policy_build *b, const char *path, const char **out, struct err *err)
{
    if (!*path)
        return err_set(err, -EINVAL, "the host path is empty");
    if (path[0] == '~')
        return err_set(err, -EINVAL, "the shell has not put a home directory for '~': write it out");
    *out = path[0] == '/' ? path : arena_printf(b->p->arena, "%s/%s", b->cwd[1] ? b->cwd : "", path);
    if (!*out)
        return policy_no_memory(err);
    *out = without_dots(b->p->arena, *out);
    return *out ? 0 : policy_no_memory(err);
}

int flag_guest_path(struct policy_build *b, const char *path, const char **out, struct err *err)
{
    if (path[0] != '/')
        return err_set(err, -EINVAL, "the path inside is absolute, as in /data (got '%s')", path);
    char *clean = flag_path_clean(b->p->arena, path);
    if (!clean)
        return policy_no_memory(err);
    if (!strcmp(clean, "/") && b->root_place) {
        *out = b->root_place;
        return 0;
    }
    if (!strcmp(clean, "/"))
        return err_set(err, -EINVAL, "nothing can be mounted over the root: --rootfs gives another root");
    if (!strcmp(clean, "/proc") || !strncmp(clean, "/proc/", 6))
        return err_set(err, -EINVAL, "nothing can be mounted in /proc: the masks there would not hold");
    *out = clean;
    return 0;
}

/* Room for a rule: a place of its own, or that of an earlier layer's rule for the same destination. */
static int place_mount(struct policy_build *b, const char *destination, struct mount_rule **out, struct err *err)
{
    struct policy *p = b->p;

    for (uint32_t i = 0; i < p->n_mounts; i++) {
        if (strcmp(p->mounts[i].destination, destination) != 0)
            continue;
        if (i >= b->n_earlier_mounts)
            return err_set(err, -EINVAL, "%s is already given: name it once", destination);
        p->mounts[i] = (struct mount_rule){.destination = destination};
        *out = &p->mounts[i];
        return 0;
    }
    *out = policy_list_push(p->arena, &p->mounts, &p->n_mounts, sizeof **out);
    if (!*out)
        return policy_no_memory(err);
    (*out)->destination = destination;
    return 0;
}

int flag_add_bind(struct policy_build *b, const char *host, const char *guest, bool readonly, const char *options,
                  struct err *err)
{
    const char *source, *destination;
    struct mount_rule *m;
    int r;

    if ((r = flag_host_path(b, host, &source, err)) < 0 || (r = flag_guest_path(b, guest, &destination, err)) < 0 ||
        (r = place_mount(b, destination, &m, err)) < 0 ||
        (r = flag_place_rule(b, source, destination, PATH_ALLOW, 0, err)) < 0)
        return r;
    m->source = source;
    m->idmap = IDMAP_RECURSIVE;
    if ((r = policy_mount_options(b->p->arena, m, BIND_BASE, err)) < 0 ||
        (readonly && (r = policy_mount_options(b->p->arena, m, BIND_RO, err)) < 0) ||
        (b->no_execution && (r = policy_mount_options(b->p->arena, m, "noexec,rnoexec", err)) < 0))
        return r;
    return options ? policy_mount_options(b->p->arena, m, options, err) : 0;
}

/* The host's path, seen under the same name inside. */
static int add_same(struct policy_build *b, const char *value, bool readonly, struct err *err)
{
    const char *source;
    int r = flag_host_path(b, value, &source, err);

    return r < 0 ? r : flag_add_bind(b, source, source, readonly, NULL, err);
}

int flag_ro(struct policy_build *b, const char *value, struct err *err)
{
    return add_same(b, value, true, err);
}

int flag_rw(struct policy_build *b, const char *value, struct err *err)
{
    return add_same(b, value, false, err);
}

int flag_dir(struct policy_build *b, const char *value, struct err *err)
{
    struct arena *a = b->p->arena;
    const char *sep = strstr(value, "::");
    bool readonly = false;

    if (!sep)
        return err_set(err, -EINVAL, "write HOST::GUEST, or HOST::GUEST:ro");
    char *host = arena_strndup(a, value, (size_t)(sep - value)), *guest = arena_strdup(a, sep + 2);
    if (!host || !guest)
        return policy_no_memory(err);
    char *mode = strrchr(guest, ':');
    if (mode) {
        *mode++ = '\0';
        readonly = !strcmp(mode, "ro");
        if (!readonly && strcmp(mode, "rw") != 0)
            return err_set(err, -EINVAL, "'%s' is neither ro nor rw", mode);
    }
    return flag_add_bind(b, host, guest, readonly, NULL, err);
}

/* ---- -v ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name, *options, *refusal;
} volume_options[] = {
    {"ro", BIND_RO, NULL},
    {"rw", "", NULL},
    {"private", "private", NULL},
    {"rprivate", "rprivate", NULL},
    {"slave", "slave", NULL},
    {"rslave", "rslave", NULL},
    {"shared", "shared", NULL},
    {"rshared", "rshared", NULL},
    {"exec", "exec", NULL},
    {"noexec", "noexec,rnoexec", NULL},
    {"suid", "suid,rsuid", NULL},
    {"nosuid", "nosuid,rnosuid", NULL},
    {"dev", "dev,rdev", NULL},
    {"nodev", "nodev,rnodev", NULL},
    {"rbind", "rbind", NULL},
    {"bind", NULL, NULL},
    {"z", NULL, "moat does not relabel for SELinux: leave z out, and label the files with chcon where SELinux is on"},
    {"Z", NULL, "moat does not relabel for SELinux: leave Z out, and label the files with chcon where SELinux is on"},
    {"U", NULL, "files keep their owners: the mount is id-mapped, so that root inside owns what their owner owns"},
    {"O", NULL, "overlays on volumes are not in this build: use ro, or a copy"},
    {"nocopy", NULL, "it is of named volumes, which are not in this build"},
};

/* Makes the bind reach only the one mount; what was said of the mounts below goes with it. */
static void bind_alone(struct mount_rule *m)
{
    m->recursive = false;
    m->rec_attr_set = m->rec_attr_clear = 0;
    m->idmap = IDMAP_TOP;
}

static int volume_option(struct policy_build *b, struct mount_rule *m, const char *name, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(volume_options); i++) {
        if (strcmp(volume_options[i].name, name) != 0)
            continue;
        if (volume_options[i].refusal)
            return err_set(err, -EINVAL, "option %s: %s", name, volume_options[i].refusal);
        if (b->no_execution && !strcmp(name, "exec"))
            flag_bind_executable(m);
        if (volume_options[i].options)
            return policy_mount_options(b->p->arena, m, volume_options[i].options, err);
        bind_alone(m);
        return 0;
    }
    return err_set(err, -EINVAL, "unknown option '%s': ro, rw, noexec, bind, rprivate, rslave, rshared", name);
}

int flag_volume(struct policy_build *b, const char *value, struct err *err)
{
    struct arena *a = b->p->arena;
    const char *colon = strchr(value, ':');

    if (!colon)
        return err_set(err, -EINVAL,
                       "volumes without a host path are not in this build: write HOST:GUEST, or --tmpfs GUEST");
    char *host = arena_strndup(a, value, (size_t)(colon - value)), *guest = arena_strdup(a, colon + 1);
    if (!host || !guest)
        return policy_no_memory(err);
    if (*host && *host != '.' && !strchr(host, '/'))
        return err_set(err, -EINVAL, "named volumes are not in this build: write ./%s for a path", host);
    char *options = strchr(guest, ':');
    if (options)
        *options++ = '\0';
    int r = flag_add_bind(b, host, guest, false, NULL, err);
    if (r < 0 || !options)
        return r;
    struct mount_rule *m = policy_mount_find(b->p, flag_path_clean(a, guest));
    for (char *next; !r && options; options = next) {
        next = strchr(options, ',');
        if (next)
            *next++ = '\0';
        if (*options)
            r = volume_option(b, m, options, err);
    }
    return r;
}

/* ---- --tmpfs, --mount ---------------------------------------------------------------------------------------- */

static int add_tmpfs(struct policy_build *b, const char *guest, const char *options, struct err *err)
{
    const char *destination;
    struct mount_rule *m;
    int r;

    if ((r = flag_guest_path(b, guest, &destination, err)) < 0 || (r = place_mount(b, destination, &m, err)) < 0)
        return r;
    m->type = m->source = "tmpfs";
    if ((r = policy_mount_options(b->p->arena, m, TMPFS_BASE, err)) < 0)
        return r;
    return options ? policy_mount_options(b->p->arena, m, options, err) : 0;
}

/* What tmpfs takes; others would only be refused by the kernel, without a word which. */
static int check_tmpfs_data(const struct mount_rule *m, struct err *err)
{
    static const char *const known[] = {"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "huge", "mpol"};

    for (uint32_t i = 0; m && i < m->n_data; i++) {
        size_t key = strcspn(m->data[i], "=");
        bool found = false;
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            found |= strlen(known[k]) == key && !memcmp(known[k], m->data[i], key) && m->data[i][key] == '=';
        if (!found)
            return err_set(err, -EINVAL, "tmpfs has no option '%s'", m->data[i]);
    }
    return 0;
}

int flag_tmpfs(struct policy_build *b, const char *value, struct err *err)
{
    const char *colon = strchr(value, ':');
    char *guest = colon ? arena_strndup(b->p->arena, value, (size_t)(colon - value)) : (char *)value;

    if (!guest)
        return policy_no_memory(err);
    int r = add_tmpfs(b, guest, colon ? colon + 1 : NULL, err);
    return r < 0 ? r : check_tmpfs_data(policy_mount_find(b->p, flag_path_clean(b->p->arena, guest)), err);
}

int flag_shm_size(struct policy_build *b, const char *value, struct err *err)
{
    struct mount_rule *m = policy_mount_find(b->p, "/dev/shm");
    int64_t bytes;
    int r = 0;

    if (flag_parse_size(value, &bytes) < 0 || bytes == 0)
        return err_set(err, -EINVAL, "not a size: write bytes, or a number with k, m, g or t, as in 64m");
    if (!m || !m->type || strcmp(m->type, "tmpfs") != 0)
        return err_set(err, -EINVAL, "/dev/shm is no tmpfs in this policy");
    char *size = arena_printf(b->p->arena, "size=%lld", (long long)bytes);
    if (!size)
        return policy_no_memory(err);
    r = policy_mount_options(b->p->arena, m, size, err);
    return r;
}

struct mount_fields {
    const char *type, *source, *target, *propagation, *recursive, *tmpfs_size, *tmpfs_mode;
    bool readonly, alone, exec;
};

/* One field of a comma-separated record; a field in double quotes may hold commas, "" is a quote. NULL at the end. */
static char *next_field(char **rest)
{
    char *in = *rest, *out, *field;

    if (!in)
        return NULL;
    if (*in != '"') {
        char *comma = strchr(in, ',');
        *rest = comma ? comma + 1 : NULL;
        if (comma)
            *comma = '\0';
        return in;
    }
    for (field = out = ++in; *in && !(*in == '"' && in[1] != '"'); in++) {
        in += *in == '"';
        *out++ = *in;
    }
    if (*in == '"')
        in++;
    *rest = *in == ',' ? in + 1 : NULL;
    *out = '\0';
    return field;
}

static int mount_flag(const char *key, const char *value, bool *out, struct err *err)
{
    if (!*value || !strcmp(value, "true") || !strcmp(value, "1"))
        *out = true;
    else if (!strcmp(value, "false") || !strcmp(value, "0"))
        *out = false;
    else
        return err_set(err, -EINVAL, "%s=%s: the value is true or false", key, value);
    return 0;
}

static int mount_field(struct mount_fields *f, char *field, struct err *err)
{
    char *value = strchr(field, '=');

    if (value)
        *value++ = '\0';
    else
        value = field + strlen(field);
    const struct {
        const char *name;
        const char **to;
    } texts[] = {
        {"type", &f->type},
        {"source", &f->source},
        {"src", &f->source},
        {"target", &f->target},
        {"destination", &f->target},
        {"dst", &f->target},
        {"tmpfs-size", &f->tmpfs_size},
        {"tmpfs-mode", &f->tmpfs_mode},
        {"bind-propagation", &f->propagation},
        {"bind-recursive", &f->recursive},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (strcmp(texts[i].name, field) != 0)
            continue;
        if (!*value)
            return err_set(err, -EINVAL, "%s needs a value", field);
        *texts[i].to = value;
        return 0;
    }
    if (!strcmp(field, "readonly") || !strcmp(field, "ro"))
        return mount_flag(field, value, &f->readonly, err);
    if (!strcmp(field, "tmpfs-exec"))
        return mount_flag(field, value, &f->exec, err);
    if (!strcmp(field, "bind-nonrecursive"))
        return mount_flag(field, value, &f->alone, err);
    if (!strncmp(field, "volume-", 7))
        return err_set(err, -EINVAL, "%s is of named volumes, which are not in this build: type=bind", field);
    return err_set(err, -EINVAL,
                   "unknown key '%s': type, source, target, readonly, bind-propagation, bind-recursive, "
                   "tmpfs-size, tmpfs-mode, tmpfs-exec",
                   field);
}

static int mount_tmpfs(struct policy_build *b, const struct mount_fields *f, struct err *err)
{
    int64_t bytes = 0;

    if (f->source || f->propagation || f->recursive || f->alone)
        return err_set(err, -EINVAL, "type=tmpfs takes target, readonly, tmpfs-size, tmpfs-mode and tmpfs-exec only");
    if (f->tmpfs_size && flag_parse_size(f->tmpfs_size, &bytes) < 0)
        return err_set(err, -EINVAL, "tmpfs-size=%s is not a size, as 64m is", f->tmpfs_size);
    if (f->tmpfs_mode && (strspn(f->tmpfs_mode, "01234567") != strlen(f->tmpfs_mode) || strlen(f->tmpfs_mode) > 5))
        return err_set(err, -EINVAL, "tmpfs-mode=%s is not an octal mode, as 1777 is", f->tmpfs_mode);
    char *options = arena_printf(b->p->arena, "%s%s%s%s", f->readonly ? "ro," : "", f->exec ? "exec," : "",
                                 f->tmpfs_mode ? "mode=" : "", f->tmpfs_mode ? f->tmpfs_mode : "");
    if (options && bytes)
        options = arena_printf(b->p->arena, "%s,size=%lld", options, (long long)bytes);
    return options ? add_tmpfs(b, f->target, options, err) : policy_no_memory(err);
}

static int mount_bind(struct policy_build *b, const struct mount_fields *f, struct err *err)
{
    static const char *const kinds[] = {"private", "rprivate", "slave", "rslave", "shared", "rshared"};
    bool alone = f->alone, known = !f->propagation;

    if (!f->source)
        return err_set(err, -EINVAL, "type=bind needs source=HOST");
    if (f->tmpfs_size || f->tmpfs_mode || f->exec)
        return err_set(err, -EINVAL, "tmpfs-size, tmpfs-mode and tmpfs-exec are of type=tmpfs");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        known |= f->propagation && !strcmp(f->propagation, kinds[i]);
    if (!known)
        return err_set(err, -EINVAL, "bind-propagation=%s: private, slave, shared, or these with r", f->propagation);
    if (f->recursive && !strcmp(f->recursive, "disabled"))
        alone = true;
    else if (f->recursive && strcmp(f->recursive, "enabled") != 0 && strcmp(f->recursive, "readonly") != 0)
        return err_set(err, -EINVAL, "bind-recursive=%s: enabled, disabled or readonly%s", f->recursive,
                       strcmp(f->recursive, "writable") != 0 ? "" : " (read-only always reaches the mounts below)");
    int r = flag_add_bind(b, f->source, f->target, f->readonly, f->propagation, err);
    if (!r && alone)
        bind_alone(policy_mount_find(b->p, flag_path_clean(b->p->arena, f->target)));
    return r;
}

int flag_mount(struct policy_build *b, const char *value, struct err *err)
{
    struct mount_fields f = {0};
    char *rest = arena_strdup(b->p->arena, value), *field;
    int r;

    if (!rest)
        return policy_no_memory(err);
    while ((field = next_field(&rest))) {
        if ((r = mount_field(&f, field, err)) < 0)
            return r;
    }
    if (!f.target)
        return err_set(err, -EINVAL, "target= (the path inside) is missing");
    if (!f.type || !strcmp(f.type, "volume"))
        return err_set(err, -EINVAL, "named volumes are not in this build: write type=bind,source=HOST,target=GUEST");
    if (!strcmp(f.type, "tmpfs"))
        return mount_tmpfs(b, &f, err);
    if (!strcmp(f.type, "bind"))
        return mount_bind(b, &f, err);
    return err_set(err, -EINVAL, "type=%s is not in this build: bind or tmpfs", f.type);
}

/* ---- devices ------------------------------------------------------------------------------------------------- */

static int parse_access(const char *text, bool *read, bool *write, bool *mknod, struct err *err)
{
    *read = *write = *mknod = false;
    for (const char *c = text; *c; c++) {
        bool *which = *c == 'r' ? read : *c == 'w' ? write : *c == 'm' ? mknod : NULL;
        if (!which || *which)
            return err_set(err, -EINVAL, "'%s' is not an access: r (read), w (write), m (make nodes)", text);
        *which = true;
    }
    return *text ? 0 : err_set(err, -EINVAL, "the access is empty: r, w, m");
}

int flag_device(struct policy_build *b, const char *value, struct err *err)
{
    struct arena *a = b->p->arena;
    struct flag_device d = {.read = true, .write = true, .mknod = true};
    char *text = arena_strdup(a, value);

    if (!text)
        return policy_no_memory(err);
    if (value[0] != '/')
        return err_set(err, -EINVAL,
                       strchr(value, '=') ? "device names of CDI are not in this build: write /dev/NAME"
                                          : "a device is an absolute path, as in /dev/fuse");
    d.source = d.path = text;
    char *second = strchr(text, ':');
    if (second) {
        *second++ = '\0';
        char *third = strchr(second, ':'), *access = third;
        if (third)
            *access++ = '\0';
        else if (*second != '/')
            access = second;
        if (*second == '/')
            d.path = second;
        else if (third)
            return err_set(err, -EINVAL, "the path inside is absolute, as in /dev/fuse (got '%s')", second);
        int r = access ? parse_access(access, &d.read, &d.write, &d.mknod, err) : 0;
        if (r < 0)
            return r;
    }
    if (!(d.path = flag_path_clean(a, d.path)))
        return policy_no_memory(err);
    struct flag_device *added = policy_list_push(a, &b->devices, &b->n_devices, sizeof *added);
    if (!added)
        return policy_no_memory(err);
    *added = d;
    return 0;
}

static int parse_device_number(const char *text, int64_t *out)
{
    if (!strcmp(text, "*")) {
        *out = -1;
        return 0;
    }
    return flag_parse_i64(text, 0, UINT32_MAX, out);
}

int flag_device_cgroup_rule(struct policy_build *b, const char *value, struct err *err)
{
    struct resources *r = &b->p->resources;
    struct device_access rule = {.allow = true};
    char major[16], minor[16], access[8], end;

    if (sscanf(value, "%c %15[0-9*]:%15[0-9*] %7[rwm]%c", &rule.type, major, minor, access, &end) != 4 ||
        !memchr("abc", rule.type, 3) || parse_device_number(major, &rule.major) < 0 ||
        parse_device_number(minor, &rule.minor) < 0)
        return err_set(err, -EINVAL, "write 'c 1:3 rwm': a, b or c, numbers or *, access");
    int e = parse_access(access, &rule.read, &rule.write, &rule.mknod, err);
    if (e < 0)
        return e;
    struct device_access *added = policy_list_push(b->p->arena, &r->devices, &r->n_devices, sizeof *added);
    if (!added)
        return policy_no_memory(err);
    *added = rule;
    return 0;
}
