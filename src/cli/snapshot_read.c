/* SPDX-License-Identifier: Apache-2.0 */
/* See snapshot.h: where they lie, and what one says of itself. Reads; makes the directory of all at most. */
#include "base/io.h"
#include "base/json.h"
#include "cli/snapshot.h"
#include "image/store.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "snapshots"
#define TEXT_MOST (1u << 20)
#define NAME_MOST 200

int snapshots_open(struct arena *a, bool make, const char **path, struct err *err)
{
    const char *data;
    int r = store_default_dir(a, &data, err);

    if (r < 0)
        return r;
    *path = arena_printf(a, "%s/" DIRECTORY, data);
    if (!*path)
        return policy_no_memory(err);
    if (make && ((mkdir(data, 0711) < 0 && errno != EEXIST) || (mkdir(*path, 0700) < 0 && errno != EEXIST)))
        return err_sys(err, -errno, "make %s", *path);
    int fd = open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_sys(err, -errno, "%s", *path) : fd;
}

int snapshot_check_name(const char *name, struct err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const size_t n = strlen(name);

    if (n < 1 || n > NAME_MOST || strspn(name, letters) != n || *name == '.' || *name == '-')
        return err_set(
            err, -EINVAL,
            "snapshot name '%.80s': 1 to %d letters, digits, '_', '.' and '-', the first a letter, a digit or '_'",
            name, NAME_MOST);
    return 0;
}

static int read_words(struct arena *a, const struct json *list, struct strv *out)
{
    for (const struct json *j = list && list->type == JSON_ARRAY ? list->child : NULL; j; j = j->next)
        if (j->type != JSON_STRING || policy_strv_push(a, out, j->string.s) < 0)
            return -EINVAL;
    return out->n ? 0 : -EINVAL;
}

static bool is_file_option(struct snapshot_disk *d)
{
    static const char *const read[] = {"--cdrom", "--firmware", "--display-firmware"}, *const written[] = {"--disk",
                                                                                                           "--floppy",
                                                                                                           "--hda"};

    for (size_t i = 0; i < ARRAY_LEN(read); i++)
        d->only_read |= !strcmp(d->option, read[i]);
    for (size_t i = 0; i < ARRAY_LEN(written); i++)
        if (!strcmp(d->option, written[i]))
            return true;
    return d->only_read;
}

static int read_disks(struct arena *a, const struct json *list, struct snapshot *out)
{
    for (const struct json *j = list && list->type == JSON_ARRAY ? list->child : NULL; j; j = j->next) {
        struct snapshot_disk *d = policy_list_push(a, &out->disks, &out->n_disks, sizeof *d);
        if (!d)
            return -ENOMEM;
        *d = (struct snapshot_disk){.option = json_get_text(j, "option", "--disk"),
                                    .word = json_get_text(j, "word", ""),
                                    .host = json_get_text(j, "host", "")};
        if (!is_file_option(d) || (strcmp(d->word, "none") && (*d->word != '/' || *d->host != '/')))
            return -EINVAL;
    }
    return 0;
}

int snapshot_read(struct arena *a, const char *name, struct snapshot *out, struct err *err)
{
    const char *path, *file;
    struct json *j;
    char *text;
    size_t n;
    int r = snapshot_check_name(name, err);

    *out = (struct snapshot){0};
    if (r < 0)
        return r;
    _cleanup_fd_ int all = snapshots_open(a, false, &path, err);
    if (all == -ENOENT)
        return err_set(err, -ENOENT, "there is no snapshot %s: moat snapshot --list", name);
    if (all < 0)
        return all;
    file = arena_printf(a, "%s/" SNAPSHOT_DOCUMENT, name);
    out->state = arena_printf(a, "%s/%s/" SNAPSHOT_STATE, path, name);
    if (!file || !out->state)
        return policy_no_memory(err);
    r = io_read_file(a, all, file, TEXT_MOST, &text, &n);
    if (r == -ENOENT)
        return err_set(err, r, "there is no snapshot %s: moat snapshot --list", name);
    if (r < 0)
        return err_sys(err, r, "%s/%s", path, file);
    if ((r = json_parse(a, text, n, &j, err)) < 0)
        return err_wrap(err, "%s/%s", path, file);
    if (json_get_int(j, "version") < SNAPSHOT_VERSION || json_get_int(j, "version") > SNAPSHOT_LATER)
        return err_set(err, -EINVAL, "snapshot %s: its version is %lld, and this moat reads up to %d", name,
                       (long long)json_get_int(j, "version"), SNAPSHOT_LATER);
    out->boundary = json_get_text(j, "boundary", "microvm");
    out->image = json_get_text(j, "image", "");
    out->memory = json_get_int(j, "memory");
    if (out->memory <= 0 || read_words(a, json_get(j, "words"), &out->words) < 0 ||
        read_disks(a, json_get(j, "disks"), out) < 0)
        return err_set(err, -EINVAL, "snapshot %s: %s/%s is damaged", name, path, file);
    return 0;
}
