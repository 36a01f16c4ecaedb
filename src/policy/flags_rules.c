/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path rules, and the network's allow-list. Pure parsing, but for a look whether a file has a name that may be meant as
 * an access. All path flags make a rule; those that show a path make a
 * mount beside it, which carries what a mount can enforce (confine/paths.h says what enforces the rest).
 */
#include "policy/defaults.h"
#include "policy/flags.h"
#include "policy/list.h"
#include "policy/net_rule.h"

#include <errno.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ACCESS_LENGTH 5

int flag_place_rule(struct policy_build *b, const char *host, const char *guest, enum path_verdict verdict,
                    uint32_t access, struct err *err)
{
    struct policy *p = b->p;
    struct path_rule *rule = NULL;

    for (uint32_t i = 0; i < p->n_paths; i++) {
        if (strcmp(p->paths[i].guest, guest) != 0)
            continue;
        if (i >= b->n_earlier_paths)
            return err_set(err, -EINVAL, "%s is already given: name it once", guest);
        rule = &p->paths[i];
    }
    if (!rule && !(rule = policy_list_push(p->arena, &p->paths, &p->n_paths, sizeof *rule)))
        return policy_no_memory(err);
    *rule = (struct path_rule){.host = host, .guest = guest, .verdict = verdict, .access = access};
    return 0;
}

/* Whether what follows a colon is more likely a mistaken access than the end of a name: as short as one, and no file is
 * called so. */
static bool is_no_access(struct policy_build *b, const char *value, const char *word)
{
    size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    struct err ignored = {0};
    const char *host;
    struct stat st;

    return n && n <= ACCESS_LENGTH && !word[n] && flag_host_path(b, value, &host, &ignored) == 0 &&
           lstat(host, &st) < 0;
}

/* "PATH[:ACCESS]": what follows the last colon is an access when it has the letters of one and no others. */
static int split_access(struct policy_build *b, const char *value, uint32_t standard, const char **path,
                        uint32_t *access, struct err *err)
{
    static const struct {
        char letter;
        uint32_t access;
    } letters[] = {
        {'r', PATH_READ}, {'w', PATH_WRITE}, {'x', PATH_EXECUTE}, {'c', PATH_CREATE}, {'s', PATH_STAT},
    };
    const char *colon = strrchr(value, ':');

    *path = value;
    *access = standard;
    if (!colon)
        return 0;
    if (strspn(colon + 1, "rwxcs") != strlen(colon + 1))
        return is_no_access(b, value, colon + 1) ? err_set(err, -EINVAL, "'%s' is no access: r, w, x, c, s", colon + 1)
                                                 : 0;
    if (!colon[1])
        return err_set(err, -EINVAL, "the access is empty: r, w, x, c, s");
    *access = PATH_STAT;
    for (const char *c = colon + 1; *c; c++) {
        for (size_t i = 0; i < ARRAY_LEN(letters); i++)
            *access |= letters[i].letter == *c ? letters[i].access : 0;
    }
    *path = arena_strndup(b->p->arena, value, (size_t)(colon - value));
    return *path ? 0 : policy_no_memory(err);
}

static int same_path(struct policy_build *b, const char *path, const char **host, const char **guest, struct err *err)
{
    int r = flag_host_path(b, path, host, err);

    return r < 0 ? r : flag_guest_path(b, *host, guest, err);
}

void flag_bind_executable(struct mount_rule *m)
{
    m->attr_set &= ~(uint64_t)MOUNT_ATTR_NOEXEC;
    m->rec_attr_set &= ~(uint64_t)MOUNT_ATTR_NOEXEC;
}

int flag_allow(struct policy_build *b, const char *value, struct err *err)
{
    const char *path, *host, *guest;
    uint32_t access;
    int r;

    if ((r = split_access(b, value, PATH_STAT | PATH_READ | PATH_EXECUTE, &path, &access, err)) < 0 ||
        (r = same_path(b, path, &host, &guest, err)) < 0)
        return r;
    const char *options = access & PATH_EXECUTE ? NULL : "noexec,rnoexec";
    if ((r = flag_add_bind(b, host, guest, !(access & (PATH_WRITE | PATH_CREATE)), options, err)) < 0)
        return r;
    for (uint32_t i = 0; i < b->p->n_paths; i++) {
        if (!strcmp(b->p->paths[i].guest, guest))
            b->p->paths[i].access = access;
    }
    if (b->no_execution && access & PATH_EXECUTE)
        flag_bind_executable(policy_mount_find(b->p, guest));
    return 0;
}

int flag_deny(struct policy_build *b, const char *value, struct err *err)
{
    const char *host, *guest;
    int r = same_path(b, value, &host, &guest, err);

    return r < 0 ? r : flag_place_rule(b, host, guest, PATH_DENY, 0, err);
}

int flag_broker(struct policy_build *b, const char *value, struct err *err)
{
    const char *path, *host, *guest;
    uint32_t access;
    int r;

    if ((r = split_access(b, value, PATH_STAT | PATH_READ, &path, &access, err)) < 0 ||
        (r = same_path(b, path, &host, &guest, err)) < 0)
        return r;
    if (access & PATH_EXECUTE)
        return err_set(err, -EINVAL, "programs are not run through the broker: --allow %s:rx shows it instead", path);
    return flag_place_rule(b, host, guest, PATH_BROKER, access, err);
}

int flag_allow_net(struct policy_build *b, const char *value, struct err *err)
{
    struct net_rule rule = {0};
    int r = net_rule_parse(b->p->arena, value, &rule, err);

    if (r < 0)
        return r;
    struct net_rule *added = policy_list_push(b->p->arena, &b->p->net, &b->p->n_net, sizeof *added);
    if (!added)
        return policy_no_memory(err);
    *added = rule;
    return 0;
}

int flag_deny_log(struct policy_build *b, const char *value, struct err *err)
{
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return err_set(err, -EINVAL, "the value is true or false");
    b->p->deny_log = !strcmp(value, "true");
    return 0;
}

/* Takes away what the program's defaults show of the host: rules, their mounts, and links. */
int flag_defaults(struct policy_build *b, const char *value, struct err *err)
{
    struct policy *p = b->p;
    uint32_t paths = 0, mounts = 0, made = 0;
    const uint32_t defaults = b->n_default_mounts, earlier = b->n_earlier_mounts, earlier_paths = b->n_earlier_paths;

    if (!strcmp(value, "host"))
        return 0;
    if (strcmp(value, "none") != 0)
        return err_set(err, -EINVAL, "the value is host or none");
    for (uint32_t i = 0; i < p->n_mounts; i++) {
        bool shown = false;
        for (uint32_t k = 0; k < p->n_paths && p->mounts[i].bind; k++)
            shown |= p->paths[k].optional && !strcmp(p->paths[k].guest, p->mounts[i].destination);
        if (!shown)
            p->mounts[mounts++] = p->mounts[i];
        b->n_default_mounts -= shown && i < defaults;
        b->n_earlier_mounts -= shown && i < earlier;
    }
    for (uint32_t i = 0; i < p->n_paths; i++) {
        bool shown = p->paths[i].optional;
        if (!shown)
            p->paths[paths++] = p->paths[i];
        b->n_earlier_paths -= shown && i < earlier_paths;
    }
    p->n_mounts = mounts;
    p->n_paths = paths;
    for (uint32_t i = 0; i < p->n_made; i++)
        if (!p->made[i].optional)
            p->made[made++] = p->made[i];
    p->n_made = made;
    return 0;
}

/* "PATH=TARGET": a symbolic link of the sandbox's own, in a root that holds what is granted alone. */
int flag_symlink(struct policy_build *b, const char *value, struct err *err)
{
    static const char *const taken[] = {"/etc", "/dev", "/sys", "/tmp"};
    struct policy *p = b->p;
    const char *equals = strchr(value, '='), *path;
    struct made_file *f = NULL;
    int r;

    if (!equals || !equals[1])
        return err_set(err, -EINVAL, "the link leads nowhere");
    char *name = arena_strndup(p->arena, value, (size_t)(equals - value));
    if (!name)
        return policy_no_memory(err);
    if ((r = flag_guest_path(b, name, &path, err)) < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        if (!strcmp(path, taken[i]) ||
            (i && !strncmp(path, taken[i], strlen(taken[i])) && path[strlen(taken[i])] == '/'))
            return err_set(err, -EINVAL, "%s is made afresh for each sandbox: no link can be there", taken[i]);
    for (uint32_t i = 0; i < p->n_made; i++)
        if (!strcmp(p->made[i].path, path))
            f = &p->made[i];
    if (f && !f->optional)
        return err_set(err, -EINVAL, "%s is a link already", path);
    if (!f && !(f = policy_list_push(p->arena, &p->made, &p->n_made, sizeof *f)))
        return policy_no_memory(err);
    *f = (struct made_file){.path = path, .target = arena_strdup(p->arena, equals + 1)};
    return f->target ? 0 : policy_no_memory(err);
}

int flag_links_check(const struct policy *p, struct err *err)
{
    for (uint32_t i = 0; i < p->n_made; i++) {
        const char *path = p->made[i].path;
        for (uint32_t k = 0; k < p->n_paths && p->made[i].target && !p->made[i].optional; k++) {
            size_t n = strlen(p->paths[k].guest);
            if (!strncmp(path, p->paths[k].guest, n) && (path[n] == '/' || !path[n]))
                return err_set(err, -EINVAL,
                               "symlink %s: the rule %s shows what the host has there: leave the link out", path,
                               p->paths[k].guest);
        }
    }
    return 0;
}

static int by_guest(const void *a, const void *b)
{
    return strcmp(((const struct path_rule *)a)->guest, ((const struct path_rule *)b)->guest);
}

void flag_rules_finish(struct policy_build *b)
{
    struct policy *p = b->p;

    if (p->n_paths)
        qsort(p->paths, p->n_paths, sizeof *p->paths, by_guest);
    for (uint32_t i = 0; i < p->n_paths; i++) {
        struct path_rule *rule = &p->paths[i];
        const struct mount_rule *m = rule->verdict == PATH_ALLOW ? policy_mount_find(p, rule->guest) : NULL;
        if (!m || rule->access)
            continue;
        uint64_t set = m->attr_set | m->rec_attr_set;
        rule->access = PATH_STAT | PATH_READ | (set & MOUNT_ATTR_NOEXEC ? 0 : PATH_EXECUTE) |
                       (set & MOUNT_ATTR_RDONLY ? 0 : PATH_WRITE | PATH_CREATE);
    }
}
