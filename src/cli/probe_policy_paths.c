/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path part of `moat probe --policy`: for each rule a sample of what lies under it, tried with each access; what
 * lies beside a rule and under none; and places that hold what nobody should see. Looks at the user's directories, at
 * most so many names of each, and opens nothing.
 */
#include "cli/probe_policy.h"
#include "confine/paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 512 /* looked at in one directory */
#define DEPTH_MAX 3
#define BESIDE    2 /* names beside a rule */

/* A sample found under a rule. */
struct sample {
    char host[PATH_MAX], guest[PATH_MAX];
};

struct search {
    const struct policy_checks *c;
    const struct path_rule *rule; /* that has to decide about it; NULL: any that is not granted */
    bool executable;
};

static bool is_granted(const struct path_rule *rule)
{
    return rule && rule->verdict != PATH_DENY;
}

static bool fits(const struct search *s, const char *guest, const struct stat *st)
{
    const struct path_rule *by = paths_find(&s->c->o->policy, guest);

    if (!S_ISREG(st->st_mode) || (s->executable && !(st->st_mode & 0111)) || (!s->executable && !st->st_size))
        return false;
    return s->rule ? by == s->rule : !is_granted(by);
}

/* The first regular file in dir, or a little deeper, about which the rule decides. */
static bool find_file(const struct search *s, const char *host, const char *guest, int depth, struct sample *out)
{
    DIR *dir = opendir(host);
    struct sample *at = malloc(sizeof *at);
    bool found = false;

    for (int pass = 0; dir && at && !found && pass < (depth < DEPTH_MAX ? 2 : 1); pass++) {
        struct dirent *e;
        rewinddir(dir);
        for (int n = 0; !found && n < NAMES_MAX && (e = readdir(dir)); n++) {
            struct stat st;
            if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
                fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                snprintf(at->host, sizeof at->host, "%s/%s", host[1] ? host : "", e->d_name) >= (int)sizeof at->host ||
                snprintf(at->guest, sizeof at->guest, "%s/%s", guest[1] ? guest : "", e->d_name) >=
                    (int)sizeof at->guest)
                continue;
            if (pass == 0 && fits(s, at->guest, &st)) {
                *out = *at;
                found = true;
            } else if (pass == 1 && S_ISDIR(st.st_mode)) {
                found = find_file(s, at->host, at->guest, depth + 1, out);
            }
        }
    }
    if (dir)
        closedir(dir);
    free(at);
    return found;
}

/* ---- one attempt inside, and the same outside ------------------------------------------------------------------- */

static void try(struct policy_checks *c, const char *item, bool granted, const char *verb, const char *host,
                const char *guest, const char *more)
{
    char *inside = arena_strdup(c->arena, guest), *outside = arena_strdup(c->arena, host);
    struct policy_check *k = inside && outside ? policy_check_add(c, granted, item, verb, inside, more, NULL) : NULL;

    if (!k)
        return;
    k->outside[0] = verb;
    k->outside[1] = outside;
    k->outside[2] = more;
}

static void try_file(struct policy_checks *c, const char *item, const struct path_rule *rule, const struct sample *s)
{
    try(c, item, rule->access & PATH_READ, "read", s->host, s->guest, "quiet");
    try(c, item, rule->access & PATH_WRITE, "open", s->host, s->guest, "w");
}

static void not_tried(struct policy_checks *c, const char *item, const char *verb, const char *what, const char *why)
{
    struct policy_check *k = policy_check_add(c, true, item, verb, what, NULL, NULL);

    if (k)
        k->why_not = why;
}

/* A rule about a directory. Making files is tried only when that was asked for. */
static void try_directory(struct policy_checks *c, const char *item, const struct path_rule *rule)
{
    struct sample s;

    if (rule->verdict != PATH_DENY)
        try(c, item, rule->access & PATH_STAT, "stat", rule->host, rule->guest, NULL);
    try(c, item, rule->access & PATH_READ, "list", rule->host, rule->guest, "quiet");
    if (find_file(&(struct search){c, rule, false}, rule->host, rule->guest, 0, &s))
        try_file(c, item, rule, &s);
    else
        not_tried(c, item, "read", rule->guest, "no file with a byte in it was found there");
    if (rule->verdict == PATH_ALLOW && find_file(&(struct search){c, rule, true}, rule->host, rule->guest, 0, &s))
        try(c, item, rule->access & PATH_EXECUTE, "may-execute", s.host, s.guest, NULL);
    if (c->write)
        try(c, item, rule->access & PATH_CREATE, "create-and-remove", rule->host, rule->guest, NULL);
    else if (rule->access & PATH_CREATE)
        not_tried(c, item, "create-and-remove", rule->guest, "nothing is made without --write");
}

/* A path that is not there yet: who may create it may do so only when that was asked for, and that is not asked for. */
static void try_rule(struct policy_checks *c, const struct path_rule *rule)
{
    const char *item = arena_printf(c->arena, "path %s", rule->guest);
    struct stat st;

    if (!item)
        return;
    if (stat(rule->host, &st) < 0)
        not_tried(c, item, "stat", rule->guest, "it does not exist on this host");
    else if (S_ISDIR(st.st_mode))
        try_directory(c, item, rule);
    else if (S_ISREG(st.st_mode)) {
        struct sample s;
        if (snprintf(s.host, sizeof s.host, "%s", rule->host) >= (int)sizeof s.host ||
            snprintf(s.guest, sizeof s.guest, "%s", rule->guest) >= (int)sizeof s.guest)
            return;
        try_file(c, item, rule, &s);
        if (rule->verdict == PATH_ALLOW && st.st_mode & 0111)
            try(c, item, rule->access & PATH_EXECUTE, "may-execute", s.host, s.guest, NULL);
    } else
        not_tried(c, item, "open", rule->guest, "neither a file nor a directory: opening it may have effects");
}

/* ---- what is not granted ---------------------------------------------------------------------------------------- */

static bool is_above_a_rule(const struct policy *p, const char *guest)
{
    size_t n = strlen(guest);

    for (uint32_t i = 0; i < p->n_paths; i++)
        if (!strncmp(p->paths[i].guest, guest, n) && p->paths[i].guest[n] == '/')
            return true;
    return false;
}

/* Names beside the rule, by the names they would have inside. */
static void try_beside(struct policy_checks *c, const struct path_rule *rule)
{
    const struct policy *p = &c->o->policy;
    char host[PATH_MAX], guest[PATH_MAX], at[PATH_MAX], in[PATH_MAX];
    const char *item = arena_printf(c->arena, "beside %s", rule->guest);
    struct stat st;
    int found = 0;

    if (!item || snprintf(host, sizeof host, "%s", rule->host) >= (int)sizeof host ||
        snprintf(guest, sizeof guest, "%s", rule->guest) >= (int)sizeof guest)
        return;
    char *h = strrchr(host, '/'), *g = strrchr(guest, '/');
    if (!h || h == host || !g || strcmp(h, g) != 0)
        return; /* under another name, what is beside it is not what is beside it here */
    *h = *g = '\0';
    DIR *dir = opendir(host);
    struct dirent *e;
    for (int n = 0; dir && found < BESIDE && n < NAMES_MAX && (e = readdir(dir)); n++) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !strcmp(e->d_name, h + 1) ||
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !(S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size)) ||
            snprintf(at, sizeof at, "%s/%s", host, e->d_name) >= (int)sizeof at ||
            snprintf(in, sizeof in, "%s/%s", guest, e->d_name) >= (int)sizeof in || is_granted(paths_find(p, in)) ||
            is_above_a_rule(p, in))
            continue;
        try(c, item, false, S_ISDIR(st.st_mode) ? "list" : "read", at, in, "quiet");
        found++;
    }
    if (dir)
        closedir(dir);
}

static void try_place(struct policy_checks *c, const char *item, const char *verb, const char *path, const char *more)
{
    if (!is_granted(paths_find(&c->o->policy, path)))
        try(c, item, false, verb, path, path, more);
}

static void try_nobodys(struct policy_checks *c)
{
    static const char *const secrets[] = {"/etc/shadow", "/etc/passwd-", "/etc/machine-id"};
    const struct passwd *pw = getpwuid(geteuid());
    const char *home = pw ? pw->pw_dir : NULL;
    struct sample s;

    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        try_place(c, "a place of the host", "read", secrets[i], "quiet");
    if (home && find_file(&(struct search){c, NULL, false}, home, home, 1, &s))
        try(c, "your home directory", false, "read", s.host, s.guest, "quiet");
    try_place(c, "a place of the host", "list", "/var/log", "quiet");
    try_place(c, "a place of the host", "open", "/dev/kmsg", "r");
    try_place(c, "the host's /tmp", "read", c->planted, "quiet");
}

int probe_policy_paths(struct policy_checks *c, struct err *err)
{
    const struct policy *p = &c->o->policy;

    (void)err;
    for (uint32_t i = 0; i < p->n_paths; i++) {
        if (p->paths[i].optional)
            continue; /* of the defaults */
        try_rule(c, &p->paths[i]);
        if (is_granted(&p->paths[i]))
            try_beside(c, &p->paths[i]);
    }
    try_nobodys(c);
    return 0;
}
