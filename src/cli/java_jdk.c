/* SPDX-License-Identifier: Apache-2.0 */
/* See java_jdk.h. Names and versions are the host's own; whoever may write a JDK's files is confined with it. */
#include "cli/java_jdk.h"
#include "base/io.h"
#include "base/pathtext.h"
#include "jvm/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTALLED   "/usr/lib/jvm"
#define RELEASE_MAX (64u << 10)
#define LOOKED_MAX  256 /* directories of INSTALLED */

static bool has_machine(const char *dir)
{
    static const char *const places[] = JVM_PLACES;
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int n = snprintf(path, sizeof path, "%s/%s/libjvm.so", dir, places[i]);
        if (n < (int)sizeof path && access(path, R_OK) == 0)
            return true;
    }
    return false;
}

/* Under its real name, if it is one: what is in it is found from there, and that is what java.home says. */
static const char *real_jdk(struct arena *a, const char *dir)
{
    char real[PATH_MAX];

    return *dir == '/' && realpath(dir, real) && real[1] && has_machine(real) ? arena_strdup(a, real) : NULL;
}

/* Of DIR/bin/java, or DIR/jre/bin/java. */
static const char *jdk_of_program(struct arena *a, const char *program)
{
    static const char *const tails[] = {"/jre/bin/java", "/bin/java"};
    char real[PATH_MAX];

    if (!realpath(program, real))
        return NULL;
    size_t n = strlen(real);
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        size_t tail = strlen(tails[i]);
        if (n > tail && !strcmp(real + n - tail, tails[i])) {
            char *dir = arena_strndup(a, real, n - tail);
            return dir ? real_jdk(a, dir) : NULL;
        }
    }
    return NULL;
}

static const char *jdk_in_path(struct arena *a)
{
    char program[PATH_MAX];
    const char *jdk = NULL, *path = getenv("PATH");

    for (const char *p = path ? path : ""; *p && !jdk; p += strspn(p, ":")) {
        size_t n = strcspn(p, ":");
        if (*p == '/' && snprintf(program, sizeof program, "%.*s/java", (int)n, p) < (int)sizeof program &&
            access(program, X_OK) == 0)
            return jdk_of_program(a, program); /* the one that a shell would take, or none */
        p += n;
    }
    return jdk;
}

const char *jdk_version(struct arena *a, const char *jdk)
{
    static const char key[] = "JAVA_VERSION=\"";
    const char *path = arena_printf(a, "%s/release", jdk);
    char *text;
    size_t len;

    if (!path || io_read_regular(a, path, RELEASE_MAX, &text, &len) < 0)
        return NULL;
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (strncmp(line, key, sizeof key - 1) != 0)
            continue;
        char *version = line + sizeof key - 1;
        size_t n = strspn(version, "0123456789._+-abcdefghijklmnopqrstuvwxyz");
        version[n] = '\0';
        return n && *version >= '0' && *version <= '9' ? version : NULL;
    }
    return NULL;
}

/* "17.0.15" is newer than "17.0.9", and "1.8.0_402" is 8. */
static int compare_versions(const char *a, const char *b)
{
    a += a[0] == '1' && a[1] == '.' ? 2 : 0;
    b += b[0] == '1' && b[1] == '.' ? 2 : 0;
    while (*a && *b) {
        char *next_a, *next_b;
        unsigned long x = strtoul(a, &next_a, 10), y = strtoul(b, &next_b, 10);
        if (x != y)
            return x < y ? -1 : 1;
        a = next_a + strcspn(next_a, "0123456789");
        b = next_b + strcspn(next_b, "0123456789");
    }
    return (*a != 0) - (*b != 0);
}

static const char *newest_installed(struct arena *a)
{
    const char *best = NULL, *best_version = NULL;
    DIR *dir = opendir(INSTALLED);
    int looked = 0;

    for (struct dirent *e; dir && looked < LOOKED_MAX && (e = readdir(dir)); looked++) {
        char path[PATH_MAX];
        if (e->d_name[0] == '.' || snprintf(path, sizeof path, INSTALLED "/%s", e->d_name) >= (int)sizeof path)
            continue;
        const char *jdk = real_jdk(a, path), *version = jdk ? jdk_version(a, jdk) : NULL;
        int order = !jdk ? -1 : !best ? 1 : compare_versions(version ? version : "0", best_version);
        if (order > 0 || (order == 0 && strcmp(jdk, best) > 0)) {
            best = jdk;
            best_version = version ? version : "0";
        }
    }
    if (dir)
        closedir(dir);
    return best;
}

int jdk_find(struct arena *a, const char *asked, const char **jdk, const char **warning, struct err *err)
{
    const char *home = getenv("JAVA_HOME");
    char here[PATH_MAX];

    *jdk = *warning = NULL;
    if (asked) {
        if (realpath(asked, here))
            *jdk = real_jdk(a, here);
        return *jdk ? 0
                    : err_set(err, -ENOENT,
                              "--jdk %s: no JDK, since it has no lib/server/libjvm.so: name its directory, "
                              "as in --jdk /usr/lib/jvm/java-17-openjdk-amd64",
                              asked);
    }
    bool named = home && *home;
    if (named)
        *jdk = real_jdk(a, home);
    named &= !*jdk;
    if (!*jdk)
        *jdk = jdk_in_path(a);
    if (!*jdk)
        *jdk = real_jdk(a, INSTALLED "/default-java");
    if (!*jdk)
        *jdk = newest_installed(a);
    if (named && *jdk)
        *warning =
            arena_printf(a, "$JAVA_HOME %s is no JDK, since it has no lib/server/libjvm.so: %s is taken", home, *jdk);
    return *jdk ? 0 : err_set(err, -ENOENT, "no JDK found: apt install openjdk-17-jre-headless, or --jdk DIR");
}

/* ---- what lies outside ---------------------------------------------------------------------------------------- */

/* A directory of /etc whose name says that it is a JDK's, as /etc/java-17-openjdk or /etc/java: its length; 0: none. */
static size_t own_of_java(const char *path)
{
    const char *name = path + strlen("/etc/");

    if (strncmp(path, "/etc/", 5) != 0)
        return 0;
    bool own = !strncmp(name, "java", 4) || !strncmp(name, "jdk", 3) || !strncmp(name, "openjdk", 7);
    return own ? 5 + strcspn(name, "/") : 0;
}

/* Where packages put what their JDKs have in common. A link that leads elsewhere shows nothing: who may write to a JDK,
 * as a program that ran on it with --rw may have, would choose by it what of this host the next one sees. */
static bool is_of_system(const char *path)
{
    static const char *const places[] = {
        "/usr",
        "/etc/ssl/certs",
        "/etc/pki/java",
        "/etc/pki/ca-trust",
        "/etc/crypto-policies",
        "/nix/store",
        "/gnu/store",
        "/var/lib/ca-certificates",
    };

    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (path_lies_in(path, places[i]))
            return true;
    return own_of_java(path);
}

/* Where a link leads in one step, as an absolute name; NULL: no link, into the JDK, or to no place of the system's. */
static char *leads_outside(struct arena *a, const char *jdk, const char *name)
{
    char path[PATH_MAX], target[PATH_MAX], clean[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", jdk, name);
    ssize_t len = n < (int)sizeof path ? readlink(path, target, sizeof target - 1) : -1;

    if (len <= 0)
        return NULL;
    target[len] = '\0';
    if (*target != '/') {
        *strrchr(path, '/') = '\0';
        char *joined = arena_printf(a, "%s/%s", path, target);
        if (!joined || path_text_clean(joined, clean, sizeof clean) < 0)
            return NULL;
    } else if (path_text_clean(target, clean, sizeof clean) < 0) {
        return NULL;
    }
    if (path_lies_in(clean, jdk) || !is_of_system(clean))
        return NULL;
    size_t whole = own_of_java(clean); /* all of it, not what the one link names */
    return whole ? arena_strndup(a, clean, whole) : arena_strdup(a, clean);
}

int jdk_outside(struct arena *a, const char *jdk, const char *paths[JDK_LINKS_MAX])
{
    static const char *const names[] = {
        "conf",
        "conf/net.properties",
        "conf/security",
        "conf/security/java.security",
        "lib/security",
        "lib/security/cacerts",
        "lib/security/blocked.certs",
        "lib/jvm.cfg",
        "lib/tzdb.dat",
        "lib/modules",
    };
    _Static_assert(ARRAY_LEN(names) <= JDK_LINKS_MAX, "each has its place");
    int n = 0;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *path = leads_outside(a, jdk, names[i]);
        bool known = !path;
        for (int k = 0; k < n && !known; k++)
            known = path_lies_in(path, paths[k]);
        if (!known)
            paths[n++] = path;
    }
    return n;
}
