/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See watch.h. A call goes on as soon as the broker has told of it, so what is looked at here may be gone or be
 * something else: then a rule may be missing, and never is one made for what the event did not name. Contents are read
 * of regular files only, and only their first bytes.
 */
#include "learn/watch.h"

#include "policy/net_rule.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INTERPRETERS_MAX 5 /* as the kernel goes from script to script */
#define LINE_ARENA       (64u << 20)

/* ---- the host ---------------------------------------------------------------------------------------------------- */

static enum learn_kind kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return LEARN_FILE;
    case S_IFDIR:
        return LEARN_DIRECTORY;
    case S_IFLNK:
        return LEARN_LINK;
    case S_IFSOCK:
        return LEARN_SOCKET;
    case S_IFIFO:
        return LEARN_FIFO;
    default:
        return LEARN_DEVICE;
    }
}

static struct learn_node *look(struct learn *l, const char *path)
{
    char target[LEARN_PATH_SIZE];
    struct stat st;

    if (lstat(path, &st) < 0)
        return learn_find(l, path);
    enum learn_kind kind = kind_of(st.st_mode);
    ssize_t n = kind == LEARN_LINK ? readlink(path, target, sizeof target - 1) : 0;
    if (n < 0)
        return NULL;
    target[n] = '\0';
    return learn_look(l, path, kind, n ? target : NULL);
}

static void read_image(const char *path, struct learn_image *out)
{
    char data[LEARN_IMAGE_MAX];
    struct stat st;
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    *out = (struct learn_image){0};
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    ssize_t n = pread(fd, data, sizeof data, 0);
    learn_image_read(data, n > 0 ? (size_t)n : 0, out);
    if (out->size && !out->interpreter[0] && out->offset <= INT64_MAX) {
        n = pread(fd, out->interpreter, out->size, (off_t)out->offset);
        out->interpreter[n == (ssize_t)out->size ? n - 1 : 0] = '\0';
    }
}

/* Of a file that is read: code for others? A program of its own is run, not mapped; the loaders of C libraries are
 * both. */
static void check_library(struct learn_node *node)
{
    struct learn_image image;

    if (!node || node->kind != LEARN_FILE || node->checked)
        return;
    node->checked = true;
    read_image(node->path, &image);
    const char *name = strrchr(node->path, '/');
    node->library = image.library && (!image.size || strstr(name, ".so"));
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "the program uses more than moat can keep: %u paths", LEARN_USES_MAX);
}

static int take_program(struct learn *l, const char *asked, struct err *err)
{
    char path[LEARN_PATH_SIZE];
    struct learn_image image;
    struct learn_spot s;
    struct stat st;

    if (snprintf(path, sizeof path, "%s", asked) >= (int)sizeof path)
        return 0;
    for (int i = 0; i < INTERPRETERS_MAX; i++) {
        if (*path != '/' || learn_walk_host(l, path, true, &s) < 0 || learn_path_is_given(s.real))
            return 0; /* relative interpreters are nobody's habit */
        if (!learn_use(l, path, PATH_READ | PATH_EXECUTE, LEARN_FOLLOWED | LEARN_RUN))
            return no_memory(err);
        read_image(s.real, &image);
        if (image.elf32 && learn_note(l, "%s: a 32-bit program, which no sandbox runs here", path) < 0)
            return no_memory(err);
        if (stat(s.real, &st) == 0 && st.st_mode & (S_ISUID | S_ISGID) &&
            learn_note(l, "the rights of the owner of %s (set-user-id), which moat learn did not give it either",
                       path) < 0)
            return no_memory(err);
        if (!image.interpreter[0])
            return 0;
        snprintf(path, sizeof path, "%s", image.interpreter);
    }
    return 0;
}

int learn_watch_program(struct learn_watch *w, const char *path, struct err *err)
{
    return take_program(w->l, path, err);
}

/* ---- one event --------------------------------------------------------------------------------------------------- */

enum deed { LOOKS, OPENS, RUNS, MAKES, LINKS, MOVES, REMOVES };

static const struct {
    const char *call;
    enum deed deed;
    enum learn_kind makes;
} deeds[] = {
    {"open", OPENS, LEARN_FILE},          {"openat", OPENS, LEARN_FILE},       {"openat2", OPENS, LEARN_FILE},
    {"creat", OPENS, LEARN_FILE},         {"execve", RUNS, LEARN_UNKNOWN},     {"execveat", RUNS, LEARN_UNKNOWN},
    {"mkdir", MAKES, LEARN_DIRECTORY},    {"mkdirat", MAKES, LEARN_DIRECTORY}, {"mknod", MAKES, LEARN_FIFO},
    {"mknodat", MAKES, LEARN_FIFO},       {"symlink", MAKES, LEARN_UNKNOWN},   {"symlinkat", MAKES, LEARN_UNKNOWN},
    {"link", LINKS, LEARN_FILE},          {"linkat", LINKS, LEARN_FILE},       {"rename", MOVES, LEARN_UNKNOWN},
    {"renameat", MOVES, LEARN_UNKNOWN},   {"renameat2", MOVES, LEARN_UNKNOWN}, {"unlink", REMOVES, LEARN_UNKNOWN},
    {"unlinkat", REMOVES, LEARN_UNKNOWN}, {"rmdir", REMOVES, LEARN_UNKNOWN},
};

static enum deed deed_of(const char *call, enum learn_kind *makes)
{
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        if (!strcmp(deeds[i].call, call)) {
            *makes = deeds[i].makes;
            return deeds[i].deed;
        }
    }
    *makes = LEARN_UNKNOWN;
    return LOOKS;
}

/* A name that comes into being. What was there before the run, and went, is not the run's own. */
static int note_made(struct learn *l, const char *real, enum learn_kind kind)
{
    struct learn_node *node = learn_find(l, real);
    bool new = !node;

    if (!(node = learn_look(l, real, kind, NULL)))
        return -ENOMEM;
    node->made |= new;
    node->checked = false;
    return 0;
}

/* How an access(2) is a use: what it was told it may do, it may do. Whether one may write is asked far more often than
 * it is done, so of that only files that the user brought count. */
static uint32_t asked_access(const struct learn *l, const struct learn_spot *s, uint32_t mode)
{
    uint32_t access = PATH_STAT | (mode & R_OK ? PATH_READ : 0);

    if (s->node && s->node->kind == LEARN_DIRECTORY)
        return PATH_STAT;
    if (mode & X_OK)
        access |= PATH_READ | PATH_EXECUTE;
    if (mode & W_OK && path_lies_in(s->real, l->cwd))
        access |= PATH_WRITE;
    return access;
}

static int take_looking(struct learn_watch *w, const struct learn_event *e, bool opens, const struct learn_spot *kept)
{
    struct learn *l = w->l;
    bool is_link = kept->node && kept->node->kind == LEARN_LINK && !strcmp(kept->real, e->path);
    uint32_t access = e->access & ~(uint32_t)PATH_CREATE, how = is_link ? LEARN_KEPT : LEARN_FOLLOWED;
    struct learn_spot s;

    if (!is_link && learn_walk_host(l, e->asked, true, &s) == 0) {
        if (opens && e->flags & O_PATH)
            access = PATH_STAT;
        else if (opens && access & PATH_READ && s.node && s.node->kind == LEARN_DIRECTORY)
            how |= LEARN_LISTED;
        if (!strncmp(e->call, "access", 6) || !strncmp(e->call, "faccessat", 9))
            access = asked_access(l, &s, e->mode);
        else if (!strcmp(e->call, "inotify_add_watch"))
            access = PATH_STAT;
        else if (!strcmp(e->call, "chdir"))
            how |= LEARN_ENTERED;
        if (access & PATH_READ)
            check_library(s.node);
    }
    return learn_use(l, e->asked, access, how) ? 0 : -ENOMEM;
}

/* Names made, removed, moved. */
static int take_change(struct learn_watch *w, const struct learn_event *e, enum deed deed, enum learn_kind makes,
                       const struct learn_spot *s)
{
    struct learn *l = w->l;
    const struct learn_use *from = w->from;
    bool second = from && e->creates && (deed == MOVES || deed == LINKS);
    struct learn_spot old = {0};

    if (second)
        learn_walk_host(l, from->asked, false, &old);

    w->from = NULL;
    if (e->exists && (deed == MAKES || (deed == LINKS && e->creates))) /* it is there already, and stays */
        return learn_use(l, e->asked, PATH_STAT, LEARN_FOLLOWED) ? 0 : -ENOMEM;
    bool made = e->creates && !e->exists;
    if (made && note_made(l, s->real, deed == MOVES && old.node ? old.node->kind : makes) < 0)
        return -ENOMEM;
    const struct learn_use *use = learn_use(l, e->asked, PATH_STAT, made ? LEARN_MADE : LEARN_GONE);
    if (!use)
        return -ENOMEM;
    if ((deed == MOVES || deed == LINKS) && !e->creates)
        w->from = use;
    return second ? learn_pair(l, from, use) : 0;
}

/* Of the kernel's own trees: what is in every sandbox needs no word. */
static int take_given(struct learn *l, const char *real)
{
    static const char *const there[] = {"/dev/null", "/dev/zero",  "/dev/full",   "/dev/random", "/dev/urandom",
                                        "/dev/tty",  "/dev/ptmx",  "/dev/pts",    "/dev/shm",    "/dev/mqueue",
                                        "/dev/fd",   "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/console"};

    for (size_t i = 0; i < ARRAY_LEN(there); i++)
        if (path_lies_in(real, there[i]))
            return 0;
    if (path_lies_in(real, "/dev") && strcmp(real, "/dev") != 0)
        return learn_note(l, "the device %s: --device gives it", real);
    if (path_lies_in(real, "/sys"))
        return learn_note(l, "%s: what the kernel tells of the machine is not shown to sandboxes", real);
    return 0;
}

/* Where a name lies that is just being made. It is not looked at: by now it may be there, and would be taken for one
 * that was there before. */
static int walk_to_new(struct learn *l, const char *asked, struct learn_spot *out)
{
    char tidy[LEARN_PATH_SIZE];
    int r = learn_path_tidy(asked, tidy);
    char *name = r < 0 ? NULL : strrchr(tidy, '/');

    if (r < 0 || !name[1] || !strcmp(name, "/.."))
        return r < 0 ? r : learn_walk_host(l, asked, false, out);
    *name = '\0';
    if ((r = learn_walk_host(l, *tidy ? tidy : "/", true, out)) < 0)
        return r;
    size_t n = strcmp(out->real, "/") ? strlen(out->real) : 0;
    if (n + 1 + strlen(name + 1) >= sizeof out->real)
        return -ENAMETOOLONG;
    sprintf(out->real + n, "/%s", name + 1);
    out->node = learn_find(l, out->real);
    return 0;
}

static int take_path(struct learn_watch *w, const struct learn_event *e, struct err *err)
{
    struct learn *l = w->l;
    struct learn_spot s;
    enum learn_kind makes;
    enum deed deed = deed_of(e->call, &makes);
    int r = 0;

    if (strstr(e->asked, "\xef\xbf\xbd")) /* what the broker puts for bytes that are no text */
        return learn_note(l, "%s: its name is no text", e->asked) < 0 ? no_memory(err) : 0;
    if (!e->exists && !e->creates)
        return 0; /* what was not there is not there inside either */
    if ((e->exists ? learn_walk_host(l, e->asked, false, &s) : walk_to_new(l, e->asked, &s)) < 0)
        return 0;
    if (path_lies_in(s.real, "/proc") || path_lies_in(s.real, "/sys") || path_lies_in(s.real, "/dev"))
        return take_given(l, s.real) < 0 ? no_memory(err) : 0;
    if (deed == RUNS)
        return take_program(l, e->asked, err);
    if (deed != LOOKS && deed != OPENS)
        r = take_change(w, e, deed, makes, &s);
    else if (deed == OPENS && e->creates && !e->exists)
        r = note_made(l, s.real, makes) < 0 || !learn_use(l, e->asked, e->access, LEARN_MADE | LEARN_FOLLOWED) ? -ENOMEM
                                                                                                               : 0;
    else
        r = take_looking(w, e, deed == OPENS, &s);
    return r < 0 ? no_memory(err) : 0;
}

/* ---- addresses ----------------------------------------------------------------------------------------------------
 */

static const char *service_of(const char *address)
{
    const char *end = strchr(address, ']'), *colon = strchr(end ? end : address, ':');

    return colon ? colon : address;
}

static bool is_loopback(const char *address)
{
    return !strncmp(address, "127.", 4) || !strncmp(address, "[::1]", 5) || !strncmp(address, "0.0.0.0:", 8) ||
           !strncmp(address, "[::]", 4);
}

static bool is_name_service(const char *address)
{
    const char *service = service_of(address);

    return !strcmp(service, ":53") || !strcmp(service, ":53/udp");
}

/* What the run listens at itself is its own, inside too: there it has a network of its own. */
static bool is_bound(const struct learn_watch *w, const char *address)
{
    for (unsigned i = 0; i < w->n_bound && is_loopback(address); i++)
        if (!strcmp(w->bound[i], service_of(address)))
            return true;
    return false;
}

static int take_name(struct learn_watch *w, const struct learn_event *e)
{
    for (unsigned i = 0; i < LEARN_NAMES_MAX && i < w->n_names; i++) {
        if (w->names[i].pid == e->pid && !strcmp(w->names[i].name, e->name)) {
            w->names[i].used = false;
            w->names[i].order = w->n_lookups++;
            return 0;
        }
    }
    const char *name = arena_strdup(w->l->arena, e->name);
    w->names[w->n_names++ % LEARN_NAMES_MAX] = (struct learn_name){name, e->pid, w->n_lookups++, false};
    return name ? 0 : -ENOMEM;
}

/* The rules for a connect(2): by the names that its process looked up and has not yet connected to, else by the last
 * one, else by address. Which name an address is of, nobody says here; several may look up before the first connects.
 */
static int take_connect(struct learn_watch *w, const struct learn_event *e)
{
    struct learn_name *last = NULL;
    char text[NET_RULE_TEXT_MAX];
    bool any = false;
    int r = 0;

    for (unsigned i = 0; i < LEARN_NAMES_MAX && i < w->n_names && r == 0; i++) {
        struct learn_name *n = &w->names[i];
        if (n->pid != e->pid || is_loopback(e->address))
            continue;
        last = last && last->order > n->order ? last : n;
        if (n->used)
            continue;
        n->used = any = true;
        snprintf(text, sizeof text, "%s%s", n->name, service_of(e->address));
        r = learn_net_rule(w->l, text, false);
    }
    if (r < 0 || any)
        return r;
    if (!last)
        return learn_net_rule(w->l, e->address, false);
    snprintf(text, sizeof text, "%s%s", last->name, service_of(e->address));
    return learn_net_rule(w->l, text, false);
}

static int take_address(struct learn_watch *w, const struct learn_event *e, struct err *err)
{
    struct learn *l = w->l;
    int r = 0;

    if (e->name && !e->address) {
        r = take_name(w, e);
    } else if (!strcmp(e->call, "bind")) {
        r = learn_note(l, "listening at %s: a sandbox listens in a network of its own, where nobody else is",
                       e->address);
        if (r == 0 && w->n_bound < ARRAY_LEN(w->bound)) {
            w->bound[w->n_bound] = arena_strdup(l->arena, service_of(e->address));
            r = w->bound[w->n_bound++] ? 0 : -ENOMEM;
        }
    } else if (!is_name_service(e->address) && !is_bound(w, e->address)) {
        r = take_connect(w, e);
    }
    return r < 0 ? no_memory(err) : 0;
}

void learn_watch_begin(struct learn_watch *w)
{
    w->l->look = look;
}

int learn_watch_line(struct learn_watch *w, char *line, size_t len, struct err *err)
{
    struct learn_event e;
    struct arena scratch;

    if (arena_init(&scratch, LINE_ARENA) < 0)
        return no_memory(err);
    int r = learn_event_read(&scratch, line, len, &e, err);
    if (r == 0)
        r = e.asked ? take_path(w, &e, err) : take_address(w, &e, err);
    arena_free(&scratch);
    return r;
}
