/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads /etc/subuid, /etc/subgid and /etc/passwd, which are the administrator's; a line that does not read is passed
 * over. The helpers are programs of root's: they are taken from a fixed list of places, never looked for in PATH.
 */
#include "host/subid.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FILE_MAX_BYTES (4u << 20)
#define NAME_MAX_BYTES 256

/* A whole file, for free(3); NULL when it cannot be read or is larger than anybody's. */
static char *read_all(const char *path)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES)
        return NULL;
    size_t size = (size_t)st.st_size, n = 0;
    char *text = malloc(size + 1);
    while (text && n < size) {
        ssize_t k = read(fd, text + n, size - n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    if (text)
        text[n] = 0;
    return text;
}

/* The name of a uid, by /etc/passwd: other directories of users are reached by number in /etc/subuid. */
static bool user_name(uint32_t uid, char out[NAME_MAX_BYTES])
{
    _cleanup_free_ char *text = read_all("/etc/passwd");

    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        const char *end = line + strcspn(line, "\n"), *name_end = memchr(line, ':', (size_t)(end - line));
        const char *id = name_end ? memchr(name_end + 1, ':', (size_t)(end - name_end - 1)) : NULL;
        char *rest;
        size_t n = name_end ? (size_t)(name_end - line) : 0;
        if (!id || !n || n >= NAME_MAX_BYTES || id[1] < '0' || id[1] > '9')
            continue;
        if (strtoull(id + 1, &rest, 10) != uid || *rest != ':')
            continue;
        memcpy(out, line, n);
        out[n] = 0;
        return true;
    }
    return false;
}

/* "name:first:count" between line and end. */
static bool line_parse(const char *line, const char *end, const char *name, uint32_t id, uint64_t *first,
                       uint64_t *count)
{
    const char *colon = memchr(line, ':', (size_t)(end - line));
    char number[16], *rest;
    size_t n = colon ? (size_t)(colon - line) : 0;

    snprintf(number, sizeof number, "%u", id);
    if (!n ||
        !((name && strlen(name) == n && !memcmp(line, name, n)) || (strlen(number) == n && !memcmp(line, number, n))))
        return false;
    if (colon[1] < '0' || colon[1] > '9')
        return false;
    *first = strtoull(colon + 1, &rest, 10);
    if (*rest != ':' || rest >= end || rest[1] < '0' || rest[1] > '9')
        return false;
    *count = strtoull(rest + 1, &rest, 10);
    return rest == end;
}

bool subid_parse(const char *text, const char *name, uint32_t id, uint32_t *first, uint32_t *count)
{
    uint32_t most = 0;

    for (const char *line = text; *line;) {
        const char *end = line + strcspn(line, "\n");
        uint64_t from, n;
        /* The kernel takes no id twice in one map; root's is not one to be given away. */
        if (line_parse(line, end, name, id, &from, &n) && from > 0 && n > most && from < UINT32_MAX &&
            n < UINT32_MAX - from && !(id >= from && id < from + n)) {
            *first = (uint32_t)from;
            *count = most = (uint32_t)n;
        }
        line = *end ? end + 1 : end;
    }
    return most > 0;
}

static bool range_read(const char *path, const char *name, struct id_map map[2], uint32_t own)
{
    _cleanup_free_ char *text = read_all(path);
    uint32_t first, count;

    /* Of both files the entry is the user's, whose uid may stand for his name. */
    if (!text || !subid_parse(text, name, geteuid(), &first, &count) || (own >= first && own - first < count))
        return false;
    map[0] = (struct id_map){0, own, 1};
    map[1] = (struct id_map){1, first, count};
    return true;
}

int subid_helper(const char *name, const char **path, struct err *err)
{
    static const char *const folders[] = {"/usr/bin", "/bin", "/run/wrappers/bin"};
    static char found[2][64];
    char *out = found[!strcmp(name, "newgidmap")];

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        struct stat st;
        snprintf(out, sizeof found[0], "%s/%s", folders[i], name);
        if (stat(out, &st) < 0)
            continue;
        if (!S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_mode & 022)
            return err_set(err, -EPERM, "%s: is not a program that root alone can change: reinstall the package uidmap",
                           out);
        if (!(st.st_mode & S_ISUID) && getxattr(out, "security.capability", NULL, 0) <= 0)
            return err_set(err, -EPERM,
                           "%s: is neither set-uid nor has it CAP_SET%cID: reinstall the package uidmap, or chmod u+s "
                           "it",
                           out, name[3] == 'u' ? 'U' : 'G');
        *path = out;
        return 0;
    }
    return err_set(err, -ENOENT, "%s is not installed (package uidmap)", name);
}

void subid_find(struct subid *out)
{
    static char why[2 * ERR_TEXT_MAX];
    char name[NAME_MAX_BYTES];
    const char *path;
    struct err err = {0};

    *out = (struct subid){.why_not = why};
    bool named = user_name(geteuid(), name);
    if (subid_helper("newuidmap", &path, &err) < 0 || subid_helper("newgidmap", &path, &err) < 0)
        snprintf(why, sizeof why, "%s", err.text);
    else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        snprintf(why, sizeof why,
                 "no_new_privs is set for this process, so newuidmap has no privilege: start moat "
                 "from where it is not");
    else if (!range_read("/etc/subuid", named ? name : NULL, out->uid, geteuid()))
        snprintf(why, sizeof why, "/etc/subuid grants this user no ids: usermod --add-subuids 100000-165535 %s",
                 named ? name : "USER");
    else if (!range_read("/etc/subgid", named ? name : NULL, out->gid, getegid()))
        snprintf(why, sizeof why, "/etc/subgid grants this user no ids: usermod --add-subgids 100000-165535 %s",
                 named ? name : "USER");
    else
        out->why_not = NULL;
}
