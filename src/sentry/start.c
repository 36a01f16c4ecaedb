/* SPDX-License-Identifier: Apache-2.0 */
/* See start.h. Before the kernel stands; of the image only what image_check() has passed is looked at. */
#include "sentry/start.h"

#include "sentry/apart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MEMORY         (1ul << 30) /* of guests, when nobody says otherwise: as the tender's */
#define EXIT_INVOKE    126
#define EXIT_NOT_FOUND 127

void apart_image(int fd, struct image_parts *parts, struct linux_config *c)
{
    struct stat st;
    const char *why;
    if (fstat(fd, &st))
        apart_fatal("%s", strerror(errno));
    size_t size = (size_t)st.st_size;
    const void *image = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (image == MAP_FAILED)
        apart_fatal("cannot be mapped");
    if (image_check(image, size, parts, &why) < 0)
        apart_fatal("%s", why);
    c->image = image, c->image_size = size;
    c->image_object = objects_image(image, size);
}

static size_t key_length(const char *entry)
{
    return (size_t)(strchrnul(entry, '=') - entry);
}

/* Whether a later --env has the same key. */
static bool is_replaced(const struct options *o, const char *entry, int at)
{
    for (const char *e; (e = options_env(o, &at));)
        if (key_length(e) == key_length(entry) && !memcmp(e, entry, key_length(entry)))
            return true;
    return false;
}

/* The image's words, but those that the command line replaces. */
static void words_take(const struct options *o, const struct image_parts *p, struct linux_config *c)
{
    size_t room = (size_t)(o->n_options + o->n_args) + p->boot.n_args + p->boot.n_env + 2, n = 0, m = 0;
    const char **argv = calloc(room, sizeof(*argv)), **envp = calloc(room, sizeof(*envp)), *s = p->args, *e;
    if (!argv || !envp)
        apart_fatal("out of memory");
    for (uint32_t i = 0; i < p->boot.n_args; i++, s += strlen(s) + 1)
        if (!i || !o->n_args)
            argv[n++] = s;
    if (o->program || !n)
        argv[0] = o->argv0 ? o->argv0 : o->program ? o->program : p->program, n = n ? n : 1;
    for (int i = 0; i < o->n_args; i++)
        argv[n++] = o->args[i];
    for (uint32_t i = 0; i < p->boot.n_env; i++, s += strlen(s) + 1)
        if (!is_replaced(o, s, 0))
            envp[m++] = s;
    for (int at = 0; (e = options_env(o, &at));)
        if (!is_replaced(o, e, at))
            envp[m++] = e;
    c->argv = argv, c->envp = envp;
}

void apart_heap(struct linux_config *c, size_t n)
{
    c->arena = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (c->arena == MAP_FAILED)
        apart_fatal("the kernel's heap: %s", strerror(errno));
    c->arena_size = c->arena_ready = n;
}

void apart_config(const struct options *o, const struct image_parts *parts, struct linux_config *c)
{
    words_take(o, parts, c);
    c->program = o->program ? o->program : parts->program;
    c->cwd = o->cwd ? o->cwd : parts->cwd;
    c->hostname = o->hostname ? o->hostname : "moat";
    c->memory_limit = o->memory ? o->memory : parts->boot.memory ? parts->boot.memory : MEMORY;
    c->max_tasks = o->tasks;
    c->uid = o->uid, c->gid = o->gid;
    c->groups = o->groups, c->n_groups = o->n_groups;
    c->caps_dropped = ~o->caps;
    c->limits = o->limits, c->limits_given = o->limits_given;
    c->trace = o->trace, c->read_only = o->read_only;
    c->umask = 022;
}

int apart_exit_of(int error)
{
    switch (-error) {
    case ENOENT:
    case ENOTDIR:
        return EXIT_NOT_FOUND;
    case EACCES:
    case ENOEXEC:
    case EISDIR:
        return EXIT_INVOKE;
    default:
        return EXIT_OWN_ERROR;
    }
}
