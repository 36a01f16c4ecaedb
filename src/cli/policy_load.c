/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the name of a policy file or profile to a policy. Reads the file once; a YAML file is converted by moat-yaml or
 * taken from the cache below the data directory. Profiles are converted when moat is built, so no start waits for that.
 * Trust: a policy file may be others'; profiles came with moat.
 */
#include "cli/policy_load.h"

#include "base/io.h"
#include "base/json.h"
#include "base/nearest.h"
#include "host/helper.h"
#include "image/store.h"
#include "policy/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define PROFILES_MOST    256
#define PROFILE_NAME_SET "abcdefghijklmnopqrstuvwxyz0123456789-"

static bool ends_in(const char *path, const char *end)
{
    size_t len = strlen(path), n = strlen(end);

    return len > n && !strcmp(path + len - n, end);
}

static bool looks_like_yaml(const char *path, const char *text)
{
    if (ends_in(path, ".yaml") || ends_in(path, ".yml"))
        return true;
    return !ends_in(path, ".json") && text[strspn(text, " \t\r\n")] != '{';
}

int policy_document_read(struct arena *a, const char *path, struct policy_document *out, struct err *err)
{
    const char *data = NULL;
    struct err no_data = {0};
    char *text;
    size_t len;
    int r = io_read_file(a, AT_FDCWD, path, POLICY_FILE_MAX, &text, &len);

    *out = (struct policy_document){.path = path};
    if (r == -EFBIG)
        return err_set(err, r, "larger than 4 MiB");
    if (r < 0)
        return err_sys(err, r, "cannot read the file");
    out->is_yaml = looks_like_yaml(path, text);
    if (!out->is_yaml) {
        out->json = text;
        out->json_len = len;
        out->before = arena_strndup(a, text, len);
        return out->before ? 0 : err_set(err, -ENOMEM, "out of memory");
    }
    store_default_dir(a, &data, &no_data); /* without one there is no cache */
    if ((r = yaml_read(a, text, len, data, &out->yaml, err)) < 0)
        return r;
    out->json = out->yaml.json;
    out->json_len = out->yaml.json_len;
    return 0;
}

void policy_document_place(const struct policy_document *d, size_t offset, unsigned *line, unsigned *column)
{
    if (d->is_yaml)
        yaml_position_of(&d->yaml, offset, line, column);
    else
        json_position(d->before, d->json_len, offset, line, column);
}

const char *policy_folder(struct arena *a, const char *cwd, const char *path)
{
    bool absolute = path[0] == '/';
    char *dir = arena_printf(a, "%s%s%s", absolute ? "" : cwd, absolute ? "" : "/", path);

    if (!dir)
        return NULL;
    char *slash = strrchr(dir, '/');
    slash[slash == dir] = '\0';
    return dir;
}

int policy_load(struct policy_build *b, const char *option, const char *path, struct err *err)
{
    struct arena *a = b->p->arena;
    struct policy_document d;
    struct policy_problem first;
    struct policy_problems problems = {.v = &first, .most = 1};
    const char *cwd = b->cwd, *folder = policy_folder(a, cwd, path);
    unsigned line, column;

    if (!folder)
        return err_set(err, -ENOMEM, "%s%s: out of memory", option, path);
    int r = policy_document_read(a, path, &d, err);
    if (r < 0)
        return err_wrap(err, "%s%s", option, path);
    if (d.yaml.n_problems) {
        const struct yaml_problem *p = &d.yaml.problems[0];
        return err_set(err, -EINVAL, "%s%s:%u:%u: %s; accepted: %s", option, path, p->line, p->column, p->text,
                       p->accepted);
    }
    b->cwd = folder;
    r = policy_file_check(b, d.json, d.json_len, &problems, err);
    b->cwd = cwd;
    if (r < 0 && problems.n) {
        policy_document_place(&d, first.offset, &line, &column);
        err_set(err, r, "%s%s:%u:%u: %s", option, path, line, column, first.text);
        return policy_accepted(err, first.accepted);
    }
    return r < 0 ? err_wrap(err, "%s%s", option, path) : 0;
}

/* ---- profiles -------------------------------------------------------------------------------------------------- */

static int by_name(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

int policy_profile_names(struct arena *a, char ***names, struct err *err)
{
    struct strv found = {0};
    const char *path;
    int r = share_find(a, "profiles", &path, err);
    DIR *dir;

    if (r < 0)
        return r;
    if (!(dir = opendir(path)))
        return err_sys(err, -errno, "read %s", path);
    for (struct dirent *e; r == 0 && found.n < PROFILES_MOST && (e = readdir(dir));) {
        if (!ends_in(e->d_name, ".json"))
            continue;
        char *name = arena_strndup(a, e->d_name, strlen(e->d_name) - 5);
        if (!name || policy_strv_push(a, &found, name) < 0)
            r = err_set(err, -ENOMEM, "out of memory");
    }
    closedir(dir);
    if (r == 0 && !found.n)
        r = err_set(err, -ENOENT, "no profile lies in %s: reinstall moat", path);
    if (r < 0)
        return r;
    qsort(found.v, found.n, sizeof *found.v, by_name);
    *names = found.v;
    return 0;
}

int policy_profile_find(struct arena *a, const char *name, const char *extension, const char **path, struct err *err)
{
    struct nearest near = {.wanted = name};
    struct err missing = {0};
    const char *list = "";
    char **names;
    bool plain = *name && name[strspn(name, PROFILE_NAME_SET)] == '\0';
    const char *file = arena_printf(a, "profiles/%.64s.%s", name, extension);

    if (!file)
        return err_set(err, -ENOMEM, "out of memory");
    if (plain && share_find(a, file, path, &missing) == 0)
        return 0;
    int r = policy_profile_names(a, &names, err);
    if (r < 0)
        return r;
    for (char **n = names; *n; n++) {
        nearest_try(&near, *n);
        list = arena_printf(a, "%s%s%s", list, n == names ? "" : ", ", *n);
    }
    if (near.best)
        return err_set(err, -ENOENT, "no profile is called '%.64s': did you mean %s?", name, near.best);
    return err_set(err, -ENOENT, "no profile is called '%.64s': there are %s; --policy FILE takes a file of your own",
                   name, list ? list : "");
}
