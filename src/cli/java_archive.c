/* SPDX-License-Identifier: Apache-2.0 */
/* See java_archive.h: before the run. Looks at the host; makes the cache's directory only where a rule would let the
 * run make it. No jar is opened. */
#include "cli/java_archive.h"
#include "base/pathtext.h"
#include "boundary/jvm/classes.h"
#include "boundary/jvm/words.h"
#include "classcache/cache.h"
#include "classcache/making.h"
#include "cli/java_internal.h"
#include "cli/java_jdk.h"
#include "cli/java_limits.h"
#include "cli/keep_out.h"
#include "confine/paths.h"
#include "policy/defaults.h"
#include "policy/list.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INSIDE     "/.moat/classes.jsa" /* names of nobody's */
#define INSIDE_IN  "/.moat/classes.list"
#define JDK_LEAST  17
#define JARS_MAX   256 /* beside the class path */
#define LOOKED_MAX 4096
#define HEAP_MOST  (INT64_C(30) << 30) /* above it objects have wide addresses, and archives another layout */

int java_archive_option(struct java_archive *x, const char *value, struct err *err)
{
    static const char *const words[] = {
        [JAVA_ARCHIVE_AUTO] = "auto", [JAVA_ARCHIVE_READ] = "read", [JAVA_ARCHIVE_OFF] = "off"};

    if (!strncmp(value, "write:/", 7)) {
        x->use = JAVA_ARCHIVE_WRITE;
        x->directory = value + 6;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!strcmp(value, words[i])) {
            x->use = (enum java_archive_use)i;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "--class-archive %s: auto (use one, or make one after a run), read (use one) or off",
                   value);
}

/* ---- whether and of what ---------------------------------------------------------------------------------------- */

/* Options that an archive depends on are in its key, and given to the machine that writes it; with some there can be
 * none. All others are of no concern to it. */
static const struct {
    const char *begins;
    bool none;
} concerning[] = {
    {"-Xshare:", true},                   /* the user has his own mind */
    {"-javaagent:", true},                /* it changes classes as they are loaded */
    {"--limit-modules=", true},           /* the machine uses none then */
    {"-Djava.system.class.loader", true}, /* the same */
    {"-XX:+UseZGC", false},               /* wide addresses */
    {"-XX:+UseCompressed", false},        /* layout of objects */
    {"-XX:-UseCompressed", false},        /* the same */
    {"-XX:+UseCompactObject", false},     /* the same */
    {"-XX:-UseCompactObject", false},     /* the same */
    {"-XX:+UnlockExperimental", false},   /* what makes others be understood */
    {"-XX:+UnlockDiagnostic", false},     /* the same */
    {"--add-modules=", false},            /* the graph of modules */
    {"--add-opens=", false},              /* the same */
    {"--add-exports=", false},            /* the same */
    {"--add-reads=", false},              /* the same */
    {"--enable-native-access=", false},   /* the same */
    {"--enable-preview", false},          /* which classes are accepted */
};

static bool take_options(struct java_archive *x, struct arena *a, const struct java_options *o)
{
    for (uint32_t i = 0; i < o->machine.n; i++) {
        if (!strncmp(o->machine.v[i], "-D", 2) && policy_strv_push(a, &x->command, o->machine.v[i]) < 0)
            return false;
        for (size_t k = 0; k < ARRAY_LEN(concerning); k++) {
            if (strncmp(o->machine.v[i], concerning[k].begins, strlen(concerning[k].begins)) != 0)
                continue;
            if (concerning[k].none || policy_strv_push(a, &x->options, o->machine.v[i]) < 0)
                return false;
            break;
        }
    }
    return true;
}

/* What moat-jvm will give the machine, from its command line. False: a heap that is too large. */
static bool take_command(struct java_archive *x, const struct policy *p)
{
    const struct strv *argv = &p->process.argv;
    const char *word, *value;
    uint32_t at = 0, begins = 0;

    while ((word = jvm_next_word(argv, &at, &value))) {
        if (jvm_word_is_entry(word)) {
            if (!strcmp(word, "--jar"))
                x->class_path = value;
            x->jdk_alone |= !strcmp(word, "--module");
            break;
        }
        begins = at;
        if (strcmp(word, "--option") != 0)
            continue;
        if (!strncmp(value, "-Xmx", 4) && java_size_parse(value + 4) > HEAP_MOST)
            return false;
        x->jdk_alone |= !strncmp(value, "--module-path", 13);
        if (!strncmp(value, "-Djava.class.path=", 18))
            x->class_path = value + 18;
    }
    x->jdk_alone |= !x->class_path;
    for (uint32_t i = begins + 1; i < argv->n; i++)
        if (policy_strv_push(p->arena, &x->command, argv->v[i]) < 0)
            return false;
    return word != NULL;
}

/* Whether a run with these rules sees a host's file under its own name and cannot change it; one that is not there is
 * not there for both. What is shown is what the rule's own words lead to, where ".." may follow a link. */
static bool is_shown(const struct policy *p, struct arena *a, const char *path)
{
    const struct path_rule *rule = paths_find(p, path);
    struct stat st, shown;

    if (!rule)
        return stat(path, &st) < 0;
    const char *host = flag_path_clean(a, rule->host);
    bool same = host && !strcmp(host, rule->guest) && stat(host, &st) == 0 && stat(rule->host, &shown) == 0 &&
                st.st_dev == shown.st_dev && st.st_ino == shown.st_ino;
    return same && rule->verdict == PATH_ALLOW && rule->access & PATH_READ &&
           !(rule->access & (PATH_WRITE | PATH_CREATE));
}

/* What a class path leads to is one file, or nothing, for as long as the key is the same. */
static bool is_settled(const char *path)
{
    struct stat st;

    return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

/* False: an entry is a directory, or may change while the run, or its archive, is made. */
static bool take_entries(struct java_archive *x, const struct policy_build *b)
{
    struct arena *a = b->p->arena;

    for (const char *c = x->class_path;; c++) {
        size_t n = strcspn(c, ":");
        const char *path = n && *c == '/' ? arena_strndup(a, c, n)
                           : n            ? arena_printf(a, "%s/%.*s", b->cwd, (int)n, c)
                                          : NULL;
        path = path ? flag_path_clean(a, path) : NULL; /* an empty entry is a directory */
        if (!path || !is_settled(path) || !is_shown(b->p, a, path) || policy_strv_push(a, &x->files, path) < 0)
            return false;
        c += n;
        if (!*c)
            break;
    }
    x->n_entries = x->files.n;
    return true;
}

static void take_jar(struct java_archive *x, const struct policy *p, const char *path)
{
    struct stat st;

    for (uint32_t i = 0; i < x->files.n; i++)
        if (!strcmp(x->files.v[i], path))
            return;
    if (x->files.n - x->n_entries <= JARS_MAX && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
        is_shown(p, p->arena, path))
        policy_strv_push(p->arena, &x->files, path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Of a directory with more in it than is looked at, none. */
static void take_jars_of(struct java_archive *x, const struct policy *p, const char *dir)
{
    struct strv jars = {0};
    DIR *d = opendir(dir);
    int seen = 0;

    for (struct dirent *e; d && seen <= LOOKED_MAX && (e = readdir(d)); seen++) {
        const char *path = java_names_jar(e->d_name) ? arena_printf(p->arena, "%s/%s", dir, e->d_name) : NULL;
        if (path && policy_strv_push(p->arena, &jars, path) < 0)
            seen = LOOKED_MAX;
    }
    if (d)
        closedir(d);
    if (jars.n)
        qsort(jars.v, jars.n, sizeof *jars.v, by_name);
    for (uint32_t i = 0; i < jars.n && seen <= LOOKED_MAX; i++)
        take_jar(x, p, jars.v[i]);
}

/* A manifest may name more jars (Class-Path), which count where the user's rules show them. Which ones it names stands
 * in the jar, and moat opens none: all that are shown are taken. */
static void take_more(struct java_archive *x, const struct policy *p)
{
    struct stat st;

    for (uint32_t i = 0; i < p->n_paths; i++) {
        const struct path_rule *rule = &p->paths[i];
        if (rule->optional || rule->verdict != PATH_ALLOW || stat(rule->guest, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode))
            take_jars_of(x, p, rule->guest);
        else if (java_names_jar(rule->guest))
            take_jar(x, p, rule->guest);
    }
    if (x->files.n - x->n_entries > JARS_MAX)
        x->files.n = x->n_entries; /* then manifests are not followed */
}

/* Both begin alike: an archive of a command depends on all that one of its program does. */
int java_archive_keys(const struct java_archive *x, struct arena *a, struct java_archive_keys *out)
{
    struct class_key k;

    class_key_begin(&k);
    int r = class_key_jdk(&k, a, x->jdk);
    class_key_text(&k, "class path", x->class_path ? x->class_path : "");
    for (uint32_t i = 0; i < x->files.n && r == 0; i++)
        r = class_key_file(&k, x->files.v[i]);
    for (uint32_t i = 0; i < x->options.n; i++)
        class_key_text(&k, "option", x->options.v[i]);
    struct class_key command = k;
    if (x->jdk_alone)
        class_key_text(&command, "JDK alone, in", x->directory_of_run);
    for (uint32_t i = 0; i < x->command.n; i++)
        class_key_text(&command, "command", x->command.v[i]);
    class_key_end(&command, out->command);
    class_key_end(&k, out->program);
    if (x->jdk_alone)
        *out->program = '\0';
    return r;
}

static bool is_old(struct arena *a, const char *jdk)
{
    const char *version = jdk_version(a, jdk);

    return !version || strtoul(version, NULL, 10) < JDK_LEAST;
}

/* False: there can be no archive for this run. */
static bool find_keys(struct java_archive *x, const struct policy_build *b, const struct java_options *o)
{
    struct arena *a = b->p->arena;

    x->jdk = o->jdk;
    x->directory_of_run = b->cwd;
    if (!take_command(x, b->p) || is_old(a, x->jdk) || !take_options(x, a, o))
        return false;
    x->jdk_alone = x->jdk_alone || !take_entries(x, b);
    if (x->jdk_alone) {
        x->files.n = 0;
        x->n_entries = 0;
    } else {
        take_more(x, b->p);
    }
    return java_archive_keys(x, a, &x->keys) == 0;
}

/* ---- the policy ------------------------------------------------------------------------------------------------- */

/* Behind "moat-jvm --jdk DIR". */
static int insert(struct policy *p, const char *const *words, uint32_t n, struct err *err)
{
    struct strv *argv = &p->process.argv;
    const uint32_t at = 3;

    for (uint32_t i = 0; i < n; i++)
        if (policy_strv_push(p->arena, argv, words[i]) < 0)
            return policy_no_memory(err);
    memmove(argv->v + at + n, argv->v + at, (argv->n - n - at) * sizeof *argv->v);
    memcpy(argv->v + at, words, n * sizeof *words);
    return 0;
}

static int show(struct policy_build *b, const char *host, const char *guest, uint32_t access, struct err *err)
{
    struct policy *p = b->p;

    b->n_earlier_paths = p->n_paths;
    b->n_earlier_mounts = p->n_mounts;
    int r = flag_add_bind(b, host, guest, !(access & PATH_WRITE), "noexec,rnoexec", err);
    if (r < 0)
        return r;
    p->paths[p->n_paths - 1].access = access;
    flag_rules_finish(b);
    return 0;
}

static int give(struct policy_build *b, const char *archive, struct err *err)
{
    /* Silent where it does not fit after all: the machine would say so on standard output. */
    static const char file[] = "-XX:SharedArchiveFile=" INSIDE;
    static const char *const words[] = {
        "--option", file, "--option", "-Xshare:auto", "--option", "-Xlog:cds=off", "--option", "-Xlog:cds+dynamic=off"};
    int r = show(b, archive, INSIDE, PATH_STAT | PATH_READ, err);

    if (r < 0)
        return r;
    /* A kept sandbox may start again when the archive has gone. */
    policy_mount_find(b->p, INSIDE)->optional = true;
    for (uint32_t i = 0; i < b->p->n_paths; i++)
        b->p->paths[i].optional |= !strcmp(b->p->paths[i].guest, INSIDE);
    return insert(b->p, words, ARRAY_LEN(words), err);
}

static int write_it(struct policy_build *b, const char *directory, struct err *err)
{
    static const char *const words[] = {"--option", "-Xshare:dump",
                                        "--option", "-XX:SharedClassListFile=" INSIDE_IN,
                                        "--option", "-XX:SharedArchiveFile=" INSIDE};
    struct arena *a = b->p->arena;
    const char *list = arena_printf(a, "%s/" CLASS_MAKING_LIST, directory);
    const char *archive = arena_printf(a, "%s/" CLASS_MAKING_ARCHIVE, directory);
    int r = list && archive ? show(b, list, INSIDE_IN, PATH_STAT | PATH_READ, err) : policy_no_memory(err);

    if (r == 0)
        r = show(b, archive, INSIDE, PATH_STAT | PATH_READ | PATH_WRITE, err);
    return r < 0 ? r : insert(b->p, words, ARRAY_LEN(words), err);
}

/* Which of the two archives there is, or may be made. */
static const char *look_up(struct java_archive *x, struct arena *a, const struct class_cache *c, bool *makes)
{
    const char *archive;
    enum class_cache_answer program =
        *x->keys.program ? class_cache_find(c, a, x->keys.program, &archive) : CLASS_CACHE_NONE;

    if (program == CLASS_CACHE_READY) {
        x->used = x->keys.program;
        return archive;
    }
    enum class_cache_answer command =
        program == CLASS_CACHE_NONE ? class_cache_find(c, a, x->keys.command, &archive) : CLASS_CACHE_USELESS;
    if (command == CLASS_CACHE_READY)
        x->used = x->keys.command;
    x->again = command == CLASS_CACHE_NOTED;
    *makes = x->again || command == CLASS_CACHE_NONE;
    return x->used ? archive : NULL;
}

int java_archive_choose(struct policy_build *b, struct java_options *o, bool waited_for, const char **warning,
                        struct err *err)
{
    static const char *const ask[] = {"--list-classes"};
    struct java_archive *x = &o->archive;
    struct arena *a = b->p->arena;
    const char *archive = NULL;
    struct err why = {0};
    struct class_cache c;
    bool makes = true;

    *warning = NULL;
    if (x->use == JAVA_ARCHIVE_WRITE)
        return write_it(b, x->directory, err);
    int r = keep_out_of_caches(b, err);
    if (r < 0 || x->use == JAVA_ARCHIVE_OFF || !find_keys(x, b, o))
        return r;
    r = class_cache_open(&c, a, false, &why);
    if (r < 0 && r != -ENOENT) {
        *warning = arena_strdup(a, why.text);
        return 0;
    }
    if (r == 0) {
        archive = look_up(x, a, &c, &makes);
        class_cache_close(&c);
    }
    if (archive)
        return give(b, archive, err);
    x->wanted = makes && waited_for && x->use == JAVA_ARCHIVE_AUTO;
    return x->wanted ? insert(b->p, ask, ARRAY_LEN(ask), err) : 0;
}

void java_archive_take(struct java_archive *x, struct arena *a, int state_fd)
{
    struct jvm_classes said;

    if ((!x->used && !x->wanted) || jvm_classes_take(state_fd, a, &said) < 0)
        return;
    x->useless = x->used && said.useless;
    x->list = x->wanted ? said.list : NULL;
    x->length = said.length;
}
