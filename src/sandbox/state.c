/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of a sandbox: made, read, removed. What is read here was written by us with mode 0600 below a 0700
 * directory. */
#include "sandbox/state.h"

#include "base/io.h"
#include "base/json.h"
#include "image/tree.h"
#include "sandbox/layers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX    (16u << 20)
#define RESERVE_TRIES 1000

static int make_path(const char *path, mode_t mode)
{
    char buf[4096];

    if (strlen(path) >= sizeof buf)
        return -ENAMETOOLONG;
    strcpy(buf, path);
    for (char *p = buf + 1;; p++)
        if (*p == '/' || !*p) {
            char c = *p;
            *p = 0;
            if (mkdir(buf, c ? 0755 : mode) < 0 && errno != EEXIST)
                return -errno;
            if (!(*p = c))
                return 0;
        }
}

static const char *default_root(struct arena *a)
{
    const char *dir = getenv("MOAT_RUN_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");

    if (dir && *dir)
        return dir;
    if (geteuid() == 0)
        return "/run/moat";
    if (xdg && *xdg == '/') /* the specification has it that another is to be ignored */
        return arena_printf(a, "%s/moat", xdg);
    return arena_printf(a, "/tmp/moat-%u", (unsigned)geteuid());
}

void state_init(struct sandbox *sb, struct arena *a, int root_fd, const char *root_path)
{
    *sb = (struct sandbox){.arena = a, .root_fd = root_fd, .root_path = root_path, .owner_uid = geteuid()};
    sb->inst.state_fd = sb->inst.pidfd = sb->inst.report_fd = sb->inst.console_socket = -1;
    sb->inst.listener_socket = sb->inst.lifeline = sb->inst.handed_fd = sb->inst.program_fd = -1;
}

static int refused_root(const char *path, int code, struct err *err)
{
    struct stat st;

    if (code == -ENOTDIR && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return err_set(err, -ELOOP,
                       "state directory %s: is a symbolic link, which somebody else may have put there: remove it, or "
                       "set MOAT_RUN_DIR",
                       path);
    if (code == -EACCES)
        return err_set(err, code,
                       "state directory %s: is not yours to use: set MOAT_RUN_DIR, or XDG_RUNTIME_DIR, to a directory "
                       "of your own",
                       path);
    return err_sys(err, code, "state directory %s", path);
}

int sandbox_open_root(struct sandbox *sb, struct arena *a, const char *path, bool create, struct err *err)
{
    struct stat st;

    state_init(sb, a, -1, NULL);
    if (!path)
        path = default_root(a);
    sb->root_path = path;
    /* The last resort of a user without a runtime directory lies in /tmp, where others can plant links. */
    int follow = strncmp(path, "/tmp/", 5) ? 0 : O_NOFOLLOW;
    sb->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | follow);
    if (sb->root_fd < 0 && errno == ENOENT && create) {
        int r = make_path(path, 0700);
        if (r < 0)
            return refused_root(path, r, err);
        sb->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | follow);
    }
    if (sb->root_fd < 0)
        return refused_root(path, -errno, err);
    if (fstat(sb->root_fd, &st) < 0 || st.st_uid != geteuid() || st.st_mode & 022)
        return err_set(err, -EPERM,
                       "state directory %s: belongs to uid %u with mode %o; it must be ours alone (chown, chmod 0700)",
                       path, (unsigned)st.st_uid, (unsigned)st.st_mode & 0777);
    return 0;
}

int sandbox_check_id(const char *id, struct err *err)
{
    size_t n = strlen(id);

    if (!n || n > SANDBOX_ID_MAX)
        return err_set(err, -EINVAL, "container id of %zu characters: 1 to %d are allowed", n, SANDBOX_ID_MAX);
    for (const char *c = id; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("_+-.", *c)))
            return err_set(err, -EINVAL, "container id \"%s\": only letters, digits, '_', '+', '-' and '.' are allowed",
                           id);
    if (id[0] == '.')
        return err_set(err, -EINVAL, "container id \"%s\": must not begin with a dot", id);
    return 0;
}

static bool still_named(int root_fd, const char *id, int fd)
{
    struct stat named, open;

    return fstat(fd, &open) == 0 && fstatat(root_fd, id, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           named.st_ino == open.st_ino && named.st_dev == open.st_dev;
}

/* A directory that `moat system check` finds before it is locked looks left over, and is cleared: then it is made
 * again. */
int sandbox_reserve(struct sandbox *sb, const char *id, struct err *err)
{
    int r = sandbox_check_id(id, err);

    if (r < 0)
        return r;
    for (int i = 0; i < RESERVE_TRIES; i++) {
        if (mkdirat(sb->root_fd, id, 0700) < 0)
            return errno == EEXIST
                       ? err_set(err, -EEXIST,
                                 "container id \"%s\" is already in use; delete it first or choose another", id)
                       : err_sys(err, -errno, "state directory %s/%s", sb->root_path, id);
        int fd = openat(sb->root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno != ENOENT) {
            r = -errno;
            unlinkat(sb->root_fd, id, AT_REMOVEDIR);
            return err_sys(err, r, "state directory %s/%s", sb->root_path, id);
        }
        while (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
            ;
        if (fd >= 0 && still_named(sb->root_fd, id, fd)) {
            sb->inst.state_fd = fd;
            sb->id = sb->inst.id = id;
            return 0;
        }
        if (fd >= 0)
            close(fd);
    }
    return err_set(err, -EBUSY, "state directory %s/%s: removed as often as it is made; is a check running in a loop?",
                   sb->root_path, id);
}

int sandbox_write_config(struct sandbox *sb, const char *config, size_t len, struct err *err)
{
    int fd = openat(sb->inst.state_fd, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : io_write_all(fd, config, len);

    if (fd >= 0)
        close(fd);
    return r < 0 ? err_sys(err, r, "state directory %s/%s", sb->root_path, sb->id) : 0;
}

/* What is rarely there: a temporary file of a killed maker, the notes about shared groups and mounts. */
static void remove_the_rest(int state_fd)
{
    int fd = openat(state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (dir && (e = readdir(dir)))
        if (unlinkat(state_fd, e->d_name, 0) < 0 && errno == EISDIR && e->d_name[0] != '.')
            tree_remove(state_fd, e->d_name, &(struct err){0}); /* none of ours; still, nothing stays */
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
}

int state_remove(struct sandbox *sb)
{
    if (sb->inst.state_fd >= 0) {
        unlinkat(sb->inst.state_fd, "config.json", 0);
        unlinkat(sb->inst.state_fd, "state.json", 0);
        unlinkat(sb->inst.state_fd, "start.sock", 0);
    }
    int r = unlinkat(sb->root_fd, sb->id, AT_REMOVEDIR) < 0 ? -errno : 0;
    /* What is rarely there; and a monitor that is just ending may put one more thing into it. */
    for (int i = 0; i < 50 && r == -ENOTEMPTY && sb->inst.state_fd >= 0; i++) {
        if (i)
            poll(NULL, 0, 10);
        remove_the_rest(sb->inst.state_fd);
        r = unlinkat(sb->root_fd, sb->id, AT_REMOVEDIR) < 0 ? -errno : 0;
    }
    if (sb->inst.state_fd >= 0)
        close(sb->inst.state_fd);
    sb->inst.state_fd = -1;
    return r == -ENOENT ? 0 : r;
}

/* Field 22 of /proc/PID/stat; the name in field 2 may hold anything, so counting begins behind its last ')'. */
int state_process_key(pid_t pid, uint64_t *key, char *run_state)
{
    char path[64], text[1024];

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    ssize_t n = io_read_small(AT_FDCWD, path, text, sizeof text);
    const char *p = n > 0 ? strrchr(text, ')') : NULL;
    if (!p || p[1] != ' ')
        return n < 0 ? (int)n : -ESRCH;
    *run_state = p[2];
    p += 2;
    for (int field = 3; field < 22; field++) {
        p = strchr(p, ' ');
        if (!p)
            return -EINVAL;
        p++;
    }
    *key = strtoull(p, NULL, 10);
    return 0;
}

static void boot_id(char out[64])
{
    ssize_t n = io_read_small(AT_FDCWD, "/proc/sys/kernel/random/boot_id", out, 64);

    out[n > 0 ? strcspn(out, "\n") : 0] = 0;
}

int state_write(struct sandbox *sb, struct err *err)
{
    struct json_writer w = {0};
    char boot[64], run_state;

    int r = state_process_key(sb->inst.pid, &sb->pid_key, &run_state);
    if (r < 0)
        return err_sys(err, r, "process %d of container %s", (int)sb->inst.pid, sb->id);
    boot_id(boot);
    sb->created = sb->started = time_now_text(sb->arena);
    json_object_begin(&w, NULL);
    json_int(&w, "version", 1);
    json_string(&w, "id", sb->id);
    json_string(&w, "maker", sb->maker);
    json_string(&w, "boundary", sb->inst.boundary->name);
    json_int(&w, "pid", sb->inst.pid);
    json_uint(&w, "pidKey", sb->pid_key);
    json_string(&w, "bootId", boot);
    json_string(&w, "created", sb->created);
    json_string(&w, "bundle", sb->inst.bundle);
    json_string(&w, "rootfs", sb->inst.root_path);
    json_string(&w, "cgroupPath", sb->inst.cgroup_path);
    json_bool(&w, "rootless", sb->inst.rootless);
    json_bool(&w, "foreground", sb->foreground);
    json_uint(&w, "owner", sb->owner_uid);
    json_uint(&w, "idBlock", sb->id_block);
    json_string(&w, "layerDir", sb->layer_dir);
    json_uint(&w, "rootMount", sb->inst.root_mount_id);
    if (sb->kept)
        json_uint(&w, "run", sb->run);
    json_object_end(&w);
    r = w.failed ? -ENOMEM : io_replace_file(sb->inst.state_fd, "state.json", w.buf, w.len, 0600);
    json_writer_free(&w);
    return r < 0 ? err_sys(err, r, "state of container %s", sb->id) : 0;
}

/* What a maker that has not written state.json would have recorded, as far as killing and removing need it. */
static void guess_state(struct sandbox *sb)
{
    char root[PATH_MAX], mount[24] = "";
    ssize_t n = readlinkat(sb->inst.state_fd, "root", root, sizeof root - 1);

    sb->inst.boundary = &boundary_container;
    sb->inst.pid = 0;
    sb->inst.cgroup_path = sandbox_cgroup_path(sb->arena, &sb->policy, sb->id, &(struct err){0});
    layers_find(sb);
    if (n > 0)
        sb->inst.root_path = arena_strndup(sb->arena, root, (size_t)n);
    if (sb->inst.root_path && readlinkat(sb->inst.state_fd, "mount", mount, sizeof mount - 1) > 0)
        sb->inst.root_mount_id = strtoull(mount, NULL, 10);
}

static int read_state(struct sandbox *sb, bool *recorded, struct err *err)
{
    struct json *o;
    char *text, boot[64];
    size_t len;

    int r = io_read_file(sb->arena, sb->inst.state_fd, "state.json", 1 << 20, &text, &len);
    *recorded = r != -ENOENT;
    if (!*recorded) /* being made, or left by a killed maker */
        return 0;
    if (r < 0)
        return err_sys(err, r, "state of container %s", sb->id);
    if ((r = json_parse(sb->arena, text, len, &o, err)) < 0)
        return err_wrap(err, "state of container %s", sb->id);
    boot_id(boot);
    const char *was = json_get_text(o, "bootId", NULL), *boundary = json_get_text(o, "boundary", NULL);
    sb->inst.boundary = boundary ? boundary_find(boundary) : NULL;
    if (!sb->inst.boundary)
        return err_set(err, -EINVAL, "state of container %s: boundary %s is not in this build", sb->id,
                       boundary ? boundary : "(none)");
    sb->inst.pid = was && !strcmp(was, boot) ? (pid_t)json_get_int(o, "pid") : 0;
    sb->recorded_pid = sb->inst.pid;
    sb->pid_key = (uint64_t)json_get_int(o, "pidKey");
    sb->created = sb->started = json_get_text(o, "created", NULL);
    sb->run = (uint32_t)json_get_int(o, "run");
    sb->maker = json_get_text(o, "maker", NULL);
    sb->inst.bundle = json_get_text(o, "bundle", NULL);
    sb->inst.root_path = json_get_text(o, "rootfs", NULL);
    sb->inst.cgroup_path = json_get_text(o, "cgroupPath", NULL);
    sb->inst.rootless = json_get_bool(o, "rootless");
    sb->foreground = json_get_bool(o, "foreground");
    sb->owner_uid = (uint32_t)json_get_int(o, "owner");
    sb->id_block = (uint32_t)json_get_int(o, "idBlock");
    sb->layer_dir = json_get_text(o, "layerDir", NULL);
    sb->inst.root_mount_id = (uint64_t)json_get_int(o, "rootMount");
    return 0;
}

static int read_config(struct sandbox *sb, struct err *err)
{
    char *text;
    size_t len;
    int r = io_read_file(sb->arena, sb->inst.state_fd, "config.json", CONFIG_MAX, &text, &len);

    policy_init(&sb->policy, sb->arena, POLICY_FROM_OCI);
    if (r == -ENOENT || (r == 0 && len == 0))
        return 0; /* the maker was killed before it wrote it */
    if (r < 0)
        return err_sys(err, r, "configuration of container %s", sb->id);
    return policy_read_oci(&sb->policy, text, len, err) < 0 ? err_wrap(err, "configuration of container %s", sb->id)
                                                            : 0;
}

static int open_directory(struct sandbox *sb, const char *id, struct err *err)
{
    int r = sandbox_check_id(id, err);

    if (r < 0)
        return r;
    sb->id = sb->inst.id = id;
    sb->inst.arena = sb->arena;
    sb->inst.state_fd = openat(sb->root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (sb->inst.state_fd < 0)
        return errno == ENOENT ? err_set(err, -ENOENT, "container \"%s\" does not exist", id)
                               : err_sys(err, -errno, "container \"%s\"", id);
    return 0;
}

/* What a kept sandbox is, whether it runs or not. */
static void use_spec(struct sandbox *sb)
{
    const struct sandbox_spec *s = &sb->spec;

    sb->maker = "moat";
    sb->inst.bundle = s->bundle;
    sb->inst.root_path = s->root_path;
    sb->inst.cgroup_path = s->cgroup_path;
    sb->inst.rootless = s->rootless;
    sb->inst.make_cwd = true;
    sb->inst.idmap_root = s->idmap_root;
    sb->inst.idmap_binds = s->idmap_binds;
    sb->layer_dir = s->layer_dir;
    sb->id_block = s->id_block;
    if (s->layer_lower && s->data_dir && s->layer_dir) { /* an image */
        const char *layer = s->layer_dir + strlen(s->data_dir) + 1;
        sb->inst.layers = (struct layered_root){.data_dir = s->data_dir,
                                                .lower = s->layer_lower,
                                                .upper = arena_printf(sb->arena, "%s/upper", layer),
                                                .work = arena_printf(sb->arena, "%s/work", layer),
                                                .discarded = s->auto_remove};
    }
}

static int load(struct sandbox *sb, struct err *err)
{
    bool recorded;
    int r, bad = read_config(sb, err);
    struct err config = *err;
    if ((r = spec_read(sb, err)) < 0 || (r = read_state(sb, &recorded, err)) < 0)
        return r;
    if (sb->kept) {
        if (bad < 0) {
            *err = config;
            return bad;
        }
        if ((r = end_read(sb, &sb->end, err)) < 0)
            return r;
        use_spec(sb);
        recorded = true;
    }
    if (bad < 0 && recorded)
        return bad;
    *err = (struct err){0};
    if (bad < 0) /* half written, so nothing was made by it */
        policy_init(&sb->policy, sb->arena, POLICY_FROM_OCI);
    if (!recorded)
        guess_state(sb);
    sb->inst.policy = &sb->policy;
    sb->inst.cgroups = &sb->cgroup_host;
    if ((r = cgroup_host_probe(&sb->cgroup_host, err)) < 0)
        return r;
    if (!sb->inst.bundle)
        sb->inst.bundle = "/";
    if (sb->kept && !sb->created)
        sb->created = sb->spec.created;
    char run_state;
    uint64_t key;
    /* The descriptor first, then the question whether the number is still that process: no reuse in between. */
    if ((sb->inst.pid > 0 || sb->inst.cgroup_path) && (r = sb->inst.boundary->recover(&sb->inst, err)) < 0)
        return r;
    if (sb->inst.pid > 0 && (state_process_key(sb->inst.pid, &key, &run_state) < 0 || key != sb->pid_key ||
                             run_state == 'Z' || run_state == 'X')) {
        sb->inst.pid = 0;
        cleanup_fd(&sb->inst.pidfd);
        sb->inst.pidfd = -1;
    }
    return 0;
}

bool state_still_named(const struct sandbox *sb)
{
    return sb->inst.state_fd >= 0 && still_named(sb->root_fd, sb->id, sb->inst.state_fd);
}

int state_reload(struct sandbox *sb, struct err *err)
{
    return load(sb, err);
}

int sandbox_load(struct sandbox *sb, const char *id, struct err *err)
{
    int r = open_directory(sb, id, err);

    return r < 0 ? r : load(sb, err);
}

/* Locked first, then read: what a maker wrote in between would be missed. */
int sandbox_load_ownerless(struct sandbox *sb, const char *id, int *patience_ms, struct err *err)
{
    int r = open_directory(sb, id, err);

    if (r < 0)
        return r;
    bool locked;
    while (!(locked = flock(sb->inst.state_fd, LOCK_EX | LOCK_NB) == 0) && *patience_ms > 0) {
        poll(NULL, 0, 5);
        *patience_ms -= 5;
    }
    if (!locked)
        return err_set(err, -EBUSY, "container \"%s\": its maker is at work", id);
    if (!still_named(sb->root_fd, id, sb->inst.state_fd))
        return err_set(err, -ENOENT, "container \"%s\" does not exist", id);
    return load(sb, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int sandbox_list(struct sandbox *root, char ***ids, size_t *n, struct err *err)
{
    size_t cap = 64;
    int fd = openat(root->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    *n = 0;
    *ids = arena_array(root->arena, cap, sizeof **ids);
    if (!dir || !*ids) {
        int r = -errno;
        if (fd >= 0 && !dir)
            close(fd);
        return err_sys(err, r, "state directory %s", root->root_path);
    }
    while ((e = readdir(dir))) {
        if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
            continue;
        if (*n == cap) {
            char **more = arena_array(root->arena, cap * 2, sizeof *more);
            if (!more)
                break;
            memcpy(more, *ids, cap * sizeof *more);
            *ids = more;
            cap *= 2;
        }
        char *name = arena_strdup(root->arena, e->d_name);
        if (!name)
            break;
        (*ids)[(*n)++] = name;
    }
    closedir(dir);
    qsort(*ids, *n, sizeof **ids, by_name);
    return 0;
}

int sandbox_find(struct sandbox *root, const char *word, const char **id, struct err *err)
{
    char **ids;
    size_t n, len = strlen(word), found = 0;
    struct stat st;

    if (sandbox_check_id(word, &(struct err){0}) < 0)
        return err_set(err, -ENOENT, "No such container: %s", word);
    *id = word;
    if (fstatat(root->root_fd, word, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    int r = sandbox_list(root, &ids, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        if (!strncmp(ids[i], word, len)) {
            *id = ids[i];
            found++;
        }
    if (r == 0 && found > 1)
        return err_set(err, -EINVAL, "%s: several sandboxes begin with it; give more of the name", word);
    return r < 0 || found ? r : err_set(err, -ENOENT, "No such container: %s", word);
}

int sandbox_lock(struct sandbox *sb, int ms, struct err *err)
{
    for (;; ms -= 10) {
        if (flock(sb->inst.state_fd, LOCK_EX | LOCK_NB) == 0)
            break;
        if (ms <= 0)
            return err_set(err, -EBUSY, "%s: another command is at work on it", sb->id);
        poll(NULL, 0, 10);
    }
    if (!state_still_named(sb))
        return err_set(err, -ENOENT, "No such container: %s", sb->id);
    int fd = steal_fd(&sb->inst.state_fd);
    sandbox_close(sb);
    sb->inst.state_fd = fd;
    return load(sb, err);
}

void sandbox_close(struct sandbox *sb)
{
    if (sb->inst.cgroup.host)
        cgroup_close(&sb->inst.cgroup);
    sb->inst.cgroup.host = NULL;
    cleanup_fd(&sb->inst.pidfd);
    cleanup_fd(&sb->inst.state_fd);
    sb->inst.pidfd = sb->inst.state_fd = -1;
}
