/* SPDX-License-Identifier: Apache-2.0 */
/* See libraries.h. Reads files of the source's root; what they say is followed within that root only. */
#include "unikernel/libraries.h"

#include "base/io.h"
#include "host/openat2.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIGURATION_MOST 65536
#define INCLUDES_MOST      64
#define QUEUE_MOST         (LIBRARIES_MOST + 1)

/* Debian's, and those of others (ld.so(8)). */
static const char *const usual[] = {
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib", NULL};

/* One that is looked through for what it needs, and who asked for it. */
struct object {
    const struct tree_node *node;
    const struct object *loader;
};

struct search {
    struct libraries *l;
    struct object queue[QUEUE_MOST];
    unsigned n;
    const char *everywhere;      /* where find_glibc() has found one that every program would find */
    const char *directories[64]; /* musl's */
    unsigned n_directories;
    struct err *err;
};

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

/* ---- configuration ------------------------------------------------------------------------------------------------
 */

/* The text of a file of the root, links followed within it; NULL: none. */
static char *read_text(const struct source *s, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    _cleanup_fd_ int fd = openat2_scoped(s->root, path, &how);
    struct stat st;
    char *text;
    size_t n;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        io_read_fd(s->tree->arena, fd, CONFIGURATION_MOST, &text, &n) < 0)
        return NULL;
    return text;
}

static void add_directory(const char **v, unsigned *n, unsigned most, const char *directory)
{
    for (unsigned i = 0; i < *n; i++)
        if (!strcmp(v[i], directory))
            return;
    if (*n < most && *directory == '/')
        v[(*n)++] = directory;
}

static void read_configuration(struct libraries *l, const char *path, unsigned *budget);

/* "include /etc/ld.so.conf.d/STAR.conf": of patterns, this one form. */
static void include(struct libraries *l, const char *pattern, unsigned *budget)
{
    const char *star = strchr(pattern, '*'), *slash = strrchr(pattern, '/');
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    const struct source *s = l->source;
    char *names[INCLUDES_MOST];
    const struct dirent *e;
    size_t n = 0;

    if (!star || !slash || slash > star) {
        read_configuration(l, pattern, budget);
        return;
    }
    const char *dir = arena_strndup(s->tree->arena, pattern, (size_t)(slash - pattern));
    int fd = dir ? openat2_scoped(s->root, dir, &how) : -1;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    while (d && (e = readdir(d)) && n < INCLUDES_MOST) {
        size_t head = (size_t)(star - slash - 1), tail = strlen(star + 1), length = strlen(e->d_name);
        if (length >= head + tail && !strncmp(e->d_name, slash + 1, head) &&
            !strcmp(e->d_name + length - tail, star + 1) && *e->d_name != '.' &&
            (names[n] = arena_printf(s->tree->arena, "%s/%s", dir, e->d_name)))
            n++;
    }
    if (d)
        closedir(d);
    for (size_t i = 0; i < n; i++) /* in the order of their names: glob(3) has them so */
        for (size_t j = i + 1; j < n; j++)
            if (strcmp(names[j], names[i]) < 0) {
                char *other = names[i];
                names[i] = names[j];
                names[j] = other;
            }
    for (size_t i = 0; i < n; i++)
        read_configuration(l, names[i], budget);
}

static void read_line(struct libraries *l, char *line, unsigned *budget)
{
    const bool includes = !strncmp(line, "include", 7) && (line[7] == ' ' || line[7] == '\t');

    if (includes)
        line += 7 + strspn(line + 7, " \t");
    line[strcspn(line, " \t\r=")] = 0;
    if (includes)
        include(l, line, budget);
    else
        add_directory(l->configured, &l->n_configured, ARRAY_LEN(l->configured), line);
}

static void read_configuration(struct libraries *l, const char *path, unsigned *budget)
{
    char *text = *budget ? read_text(l->source, path) : NULL, *save = NULL;

    *budget -= *budget != 0;
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        line[strcspn(line, "#")] = 0;
        read_line(l, line + strspn(line, " \t"), budget);
    }
}

/* musl's: a list with colons or lines in /etc/ld-musl-x86_64.path, or three directories. */
static void read_musl(struct search *s)
{
    char *text = read_text(s->l->source, "/etc/ld-musl-x86_64.path"), *save = NULL;

    if (!text)
        text = arena_strdup(s->l->source->tree->arena, "/lib:/usr/local/lib:/usr/lib");
    for (char *d = text ? strtok_r(text, ":\n", &save) : NULL; d; d = strtok_r(NULL, ":\n", &save))
        add_directory(s->directories, &s->n_directories, ARRAY_LEN(s->directories), d);
}

/* ---- one library --------------------------------------------------------------------------------------------------
 */

/* 1: it is there and of this machine, and was taken; 0: not there. */
static int take_one(struct search *s, const char *path, const struct object *loader)
{
    struct tree_node *node;
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    unsigned char head[20];

    /* Looked at before it is taken: the interpreter passes over libraries of other machines. */
    _cleanup_fd_ int fd = openat2_scoped(s->l->source->root, path, &how);
    if (fd < 0 || pread(fd, head, sizeof head, 0) != sizeof head || !elf_looks_like(head, sizeof head) ||
        head[4] != 2 || head[18] != 62 || head[19])
        return 0;
    int r = source_take(s->l->source, path, &node, s->err);
    if (r < 0)
        return r;
    if (!node->file->elf)
        return err_set(s->err, -ENOEXEC, "%s: it is a damaged library", path);
    if (s->n == QUEUE_MOST)
        return err_set(s->err, -E2BIG, "%s: more than %d libraries", path, LIBRARIES_MOST);
    s->queue[s->n++] = (struct object){node, loader};
    return 1;
}

/* $ORIGIN, $LIB and $PLATFORM; NULL: no memory, or nothing. */
static const char *expand(struct search *s, const char *text, size_t n, const struct object *o)
{
    static const struct {
        const char *name, *value;
    } words[] = {{"ORIGIN", NULL}, {"LIB", "lib/x86_64-linux-gnu"}, {"PLATFORM", "x86_64"}};
    struct arena *a = s->l->source->tree->arena;
    char *out = arena_strdup(a, "");
    const char *end = text + n;

    while (out && text < end) {
        const char *dollar = memchr(text, '$', (size_t)(end - text));
        out = arena_printf(a, "%s%.*s", out, (int)((dollar ? dollar : end) - text), text);
        if (!dollar)
            break;
        text = dollar + 1;
        for (size_t i = 0; i < ARRAY_LEN(words) && out; i++) {
            size_t length = strlen(words[i].name), braces = text < end && *text == '{';
            if ((size_t)(end - text) < length + 2 * braces || strncmp(text + braces, words[i].name, length) ||
                (braces && text[1 + length] != '}'))
                continue;
            const char *origin = o->node->parent ? tree_path(a, o->node->parent) : "/";
            out = arena_printf(a, "%s%s", out, words[i].value ? words[i].value : origin);
            text += length + 2 * braces;
            break;
        }
    }
    return out && *out ? out : NULL;
}

/* A list of directories, with colons. */
static int try_list(struct search *s, const char *list, const char *name, const struct object *of,
                    const struct object *loader)
{
    int r = 0;

    while (list && *list && r == 0) {
        size_t n = strcspn(list, ":");
        const char *dir = expand(s, list, n, of);
        const char *path = dir ? arena_printf(s->l->source->tree->arena, "%s/%s", dir, name) : NULL;
        r = path && *path == '/' ? take_one(s, path, loader) : 0;
        list += n + (list[n] == ':');
    }
    return r;
}

static int try_directories(struct search *s, const char *const *v, unsigned n, const char *name,
                           const struct object *loader)
{
    int r = 0;

    for (unsigned i = 0; i < n && v[i] && r == 0; i++) {
        const char *path = arena_printf(s->l->source->tree->arena, "%s/%s", v[i], name);
        r = path ? take_one(s, path, loader) : no_memory(s->err);
        s->everywhere = r > 0 ? path : NULL;
    }
    return r;
}

static int find_musl(struct search *s, const char *name, const struct object *o)
{
    int r = try_list(s, s->l->library_path, name, o, o);

    for (const struct object *at = o; at && r == 0; at = at->loader) {
        const struct elf_facts *f = at->node->file->elf;
        r = try_list(s, f->runpath ? f->runpath : f->rpath, name, at, o);
    }
    return r ? r : try_directories(s, s->directories, s->n_directories, name, o);
}

static int find_glibc(struct search *s, const char *name, const struct object *o)
{
    struct libraries *l = s->l;
    unsigned budget = INCLUDES_MOST;
    int r = 0;

    if (!o->node->file->elf->runpath) /* RPATH counts where its own object, and who asked, have no RUNPATH */
        for (const struct object *at = o; at && r == 0; at = at->loader)
            if (!at->node->file->elf->runpath)
                r = try_list(s, at->node->file->elf->rpath, name, at, o);
    if (r == 0)
        r = try_list(s, l->library_path, name, o, o);
    if (r == 0)
        r = try_list(s, o->node->file->elf->runpath, name, o, o);
    if (r)
        return r;
    if (!l->read)
        read_configuration(l, "/etc/ld.so.conf", &budget);
    l->read = true;
    s->everywhere = NULL;
    r = try_directories(s, l->configured, l->n_configured, name, o);
    return r ? r : try_directories(s, usual, ARRAY_LEN(usual), name, o);
}

/* Names that musl's libc is, whatever else has them. */
static bool is_musl_itself(const char *name)
{
    static const char *const own[] = {"c", "pthread", "rt", "m", "dl", "util", "xnet"};
    size_t n = strncmp(name, "lib", 3) ? 0 : strcspn(name + 3, ".");

    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (n == strlen(own[i]) && !strncmp(name + 3, own[i], n) && name[3 + n] == '.')
            return true;
    return false;
}

static bool is_known(const struct libraries *l, const char *name)
{
    for (unsigned i = 0; i < l->n; i++)
        if (!strcmp(l->names[i], name))
            return true;
    return false;
}

static int find(struct search *s, const char *name, const struct object *o)
{
    struct libraries *l = s->l;

    if (is_known(l, name) || (s->l->musl && is_musl_itself(name)))
        return 0;
    if (l->n == LIBRARIES_MOST)
        return err_set(s->err, -E2BIG, "%s: more than %d libraries", name, LIBRARIES_MOST);
    s->everywhere = NULL;
    int r = strchr(name, '/') ? take_one(s, name, o) : s->l->musl ? find_musl(s, name, o) : find_glibc(s, name, o);
    if (r == 0)
        return err_set(s->err, -ENOENT,
                       "the library %s, which %s needs, is not there: install it, or name its "
                       "directory by --env LD_LIBRARY_PATH=DIR",
                       name, tree_path(l->source->tree->arena, o->node));
    if (r > 0) {
        l->paths[l->n] = s->everywhere;
        l->files[l->n] = s->queue[s->n - 1].node->file;
        l->names[l->n++] = name;
    }
    return r < 0 ? r : 0;
}

static int take_interpreter(struct search *s, const char *path, const struct object *program)
{
    const char *slash = strrchr(path, '/');
    int r = *path == '/' ? take_one(s, path, NULL) : 0;

    if (r == 0)
        return err_set(s->err, -ENOENT, "its interpreter %s is not there: install the C library that it was made for",
                       path);
    s->l->interpreter = r > 0 ? s->queue[s->n - 1].node->file : NULL;
    s->l->musl = !strncmp(slash + 1, "ld-musl-", 8);
    if (s->l->musl)
        read_musl(s);
    return r < 0 ? r : 0;
}

int libraries_take(struct libraries *l, const struct tree_node *program, struct err *err)
{
    struct search *s = arena_alloc(l->source->tree->arena, sizeof *s);
    const struct elf_facts *f = program->file->elf;
    int r = 0;

    if (!s)
        return no_memory(err);
    *s = (struct search){.l = l, .err = err};
    s->queue[s->n++] = (struct object){program, NULL};
    if (f->interpreter && (r = take_interpreter(s, f->interpreter, &s->queue[0])) < 0)
        return r;
    for (unsigned i = 0; i < s->n && r == 0; i++) {
        const struct elf_facts *of = s->queue[i].node->file->elf;
        for (unsigned k = 0; k < of->n_needed && r == 0; k++)
            r = find(s, of->needed[k], &s->queue[i]);
    }
    return r;
}

int libraries_take_known(struct libraries *l, const struct tree_node *program, const char *name, struct err *err)
{
    struct search *s = arena_alloc(l->source->tree->arena, sizeof *s);
    struct err missing = {0};

    if (!s)
        return no_memory(err);
    *s = (struct search){.l = l, .err = &missing};
    s->queue[s->n++] = (struct object){program, NULL};
    int r = find(s, name, &s->queue[0]);
    for (unsigned i = 1; i < s->n && r == 0; i++)
        for (unsigned k = 0; k < s->queue[i].node->file->elf->n_needed && r == 0; k++)
            r = find(s, s->queue[i].node->file->elf->needed[k], &s->queue[i]);
    if (r < 0 && r != -ENOENT)
        *err = missing;
    return r == -ENOENT ? 0 : r;
}

bool libraries_has(const struct libraries *l, const char *beginning)
{
    for (unsigned i = 0; i < l->n; i++) {
        const char *slash = strrchr(l->names[i], '/');
        if (!strncmp(slash ? slash + 1 : l->names[i], beginning, strlen(beginning)))
            return true;
    }
    return false;
}
