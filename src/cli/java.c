/* SPDX-License-Identifier: Apache-2.0 */
/* See java.h: its options, and what a policy of a Java program begins with. Looks at the host (the JDK, links); changes
 * nothing. No jar is opened but for a look at its beginning and its end. */
#include "boundary/jvm/words.h"
#include "cli/java_internal.h"
#include "cli/java_jdk.h"
#include "cli/java_options.h"
#include "cli/program.h"
#include "cli/run_options_internal.h"
#include "host/helper.h"
#include "policy/defaults.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENGINE    "moat-jvm"
#define ZIP_END   22 /* bytes */
#define TEMPORARY "nosuid,nodev,noexec,mode=1777"

#if defined(__x86_64__)
#define TRIPLET "x86_64-linux-gnu"
#else
#define TRIPLET "aarch64-linux-gnu"
#endif

/* What a virtual machine and its class library read of the host. No programs: those of /usr/bin would be of use to an
 * attacker alone. */
static const struct {
    const char *path;
    uint32_t access;
} shown[] = {
    {"/lib", PATH_EXECUTE}, /* where it is a link */
    {"/lib64", PATH_EXECUTE},
    {"/usr/lib64", PATH_EXECUTE},
    {"/lib/" TRIPLET, PATH_EXECUTE},
    {"/usr/lib/" TRIPLET, PATH_EXECUTE},
#if defined(__aarch64__)
    {"/lib/ld-linux-aarch64.so.1", PATH_EXECUTE},
    {"/usr/lib/ld-linux-aarch64.so.1", PATH_EXECUTE},
#endif
    {"/usr/lib/locale", 0}, /* without it file names are not UTF-8 */
    {"/usr/share", 0},      /* time zones, fonts, and the libraries in Java of the system's own packages */
    {"/etc/ld.so.cache", 0},
    {"/etc/localtime", 0},
    {"/etc/nsswitch.conf", 0},
    {"/etc/fonts", 0},
    {"/etc/alternatives", 0}, /* which of several versions a name in /usr/share/java is */
};

/* ---- the command line ------------------------------------------------------------------------------------------- */

static int add_machine(struct arena *a, struct java_options *o, const char *option, struct err *err)
{
    return policy_strv_push(a, &o->machine, option) < 0 ? err_set(err, -ENOMEM, "the command line is too long") : 0;
}

static int take_option(struct arena *a, void *own, int id, const char *value, struct err *err)
{
    struct java_options *o = own;
    static const struct {
        const char *name;
        size_t field;
    } texts[] = {
        [JAVA_MAIN_CLASS] = {"main-class", offsetof(struct java_options, main_class)},
        [JAVA_CLASS_PATH] = {"class-path", offsetof(struct java_options, class_path)},
        [JAVA_MODULE] = {"module", offsetof(struct java_options, module)},
        [JAVA_MODULE_PATH] = {"module-path", offsetof(struct java_options, module_path)},
        [JAVA_JDK] = {"jdk", offsetof(struct java_options, jdk)},
    };
    int r;

    o->given = true;
    if (id == JAVA_MACHINE)
        return (r = java_option_check(value, err)) < 0 ? r : add_machine(a, o, value, err);
    if (id == JAVA_DEFINE) {
        const char *define = arena_printf(a, "-D%s", value);
        if ((r = java_define_check(value, err)) < 0)
            return r;
        return define ? add_machine(a, o, define, err) : err_set(err, -ENOMEM, "the command line is too long");
    }
    if (id == JAVA_ARCHIVE)
        return java_archive_option(&o->archive, value, err);
    if (!*value)
        return err_set(err, -EINVAL, "--%s: the value is empty", texts[id].name);
    *(const char **)((char *)o + texts[id].field) = value;
    return 0;
}

/* The record that ends an archive, with a comment behind it of at most 64 KiB (APPNOTE 4.3.16). */
static bool ends_as_zip(int fd, off_t size)
{
    static char tail[ZIP_END + UINT16_MAX];
    off_t n = size < (off_t)sizeof tail ? size : (off_t)sizeof tail;

    if (pread(fd, tail, (size_t)n, size - n) != n)
        return false;
    for (off_t at = n - ZIP_END; at >= 0; at--)
        if (!memcmp(tail + at, "PK\5\6", 4))
            return true;
    return false;
}

/* A jar is a file NAME.jar that holds a zip archive: at its beginning, or, as java finds it, at its end, behind a
 * script for example. */
static int recognise(const char *word, struct err *err)
{
    size_t n = strlen(word);
    struct stat st;
    char begins[4];

    if (n < 5 || strcmp(word + n - 4, ".jar") != 0)
        return 0;
    _cleanup_fd_ int fd = open(word, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    bool zip = (pread(fd, begins, 4, 0) == 4 && !memcmp(begins, "PK\3\4", 4)) || ends_as_zip(fd, st.st_size);
    return zip ? 1
               : err_set(err, -EINVAL, "%s is no jar (no zip archive); for an image of that name: -b container", word);
}

static struct java_options *own(const struct run_options *o)
{
    return o->own[KIND_JAVA];
}

/* A path, and neither a class nor a module of it: what was meant is guessed from what follows. */
static int refuse_path(const struct java_options *o, int argc, char **argv, struct err *err)
{
    const char *option = o->class_path ? "class-path" : "module-path",
               *path = o->class_path ? o->class_path : o->module_path;
    const char *names = o->class_path ? "main-class" : "module", *what = o->class_path ? "class" : "module";
    bool jar = o->class_path && java_names_jar(path) && !strchr(path, ':');

    if (argc > 0 && java_names_jar(argv[0]))
        return err_set(err, -EINVAL,
                       "--%s %s with %s: a jar that is run has its own path: leave it out, or --%s NAME --%s %s:%s",
                       option, path, argv[0], names, option, path, argv[0]);
    if (argc > 0 && argv[0][0] != '-')
        return err_set(err, -EINVAL, "--%s %s: which %s of it is to run: --%s %s, and -- before its arguments", option,
                       path, what, names, argv[0]);
    return err_set(err, -EINVAL, "--%s %s: which %s of it is to run: --%s NAME%s%s", option, path, what, names,
                   jar ? ", or the jar alone: moat run -b jvm " : "", jar ? path : "");
}

static int take_operand(struct run_options *run, int argc, char **argv, bool lenient, struct err *err)
{
    struct java_options *o = own(run);

    if (o->main_class && o->module)
        return err_set(err, -EINVAL, "--main-class %s: with --module the class is named there: --module %s/CLASS",
                       o->main_class, o->module);
    const bool nowhere = o->archive.use == JAVA_ARCHIVE_WRITE; /* its class is never looked for */

    if (o->main_class && !o->class_path && !o->module_path && !nowhere)
        return err_set(err, -EINVAL, "--main-class %s: where is it: --class-path PATH, as --class-path . for here",
                       o->main_class);
    if (o->main_class || o->module)
        return 0;
    if (o->class_path || o->module_path)
        return argc < 1 && lenient ? 0 : refuse_path(o, argc, argv, err);
    if (argc < 1)
        return lenient ? 0
                       : err_set(err, -EINVAL,
                                 "what is to run is missing: moat run -b jvm [OPTIONS] FILE.jar [ARG...], "
                                 "or --main-class NAME --class-path PATH, or --module NAME");
    size_t n = strlen(argv[0]);
    if (argv[0][0] == '-')
        return err_set(err, -EINVAL,
                       "%s: options of java are moat's own here: FILE.jar, --main-class NAME, -D NAME=VALUE, "
                       "--java-option OPTION",
                       argv[0]);
    if (n > 5 && !strcmp(argv[0] + n - 5, ".java"))
        return err_set(err, -EINVAL, "%s: source text is not compiled here: javac first, then --main-class NAME",
                       argv[0]);
    o->jar = argv[0];
    return 1;
}

/* ---- what is there ---------------------------------------------------------------------------------------------- */

/* Where /lib is a link, what is in it has another name. */
static int show_system(struct policy *p, struct err *err)
{
    struct stat st;
    bool merged = lstat("/lib", &st) == 0 && S_ISLNK(st.st_mode);
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(shown) && r == 0; i++) {
        bool lib = !strcmp(shown[i].path, "/lib"), in_lib = !strncmp(shown[i].path, "/lib/", 5);
        if ((lib && !merged) || (in_lib && merged))
            continue;
        r = program_show(p, shown[i].path, PATH_STAT | PATH_READ | shown[i].access, err);
    }
    return r;
}

static int find_engine(struct arena *a, const char **engine, struct err *err)
{
    char real[PATH_MAX];
    int r = libexec_find(a, ENGINE, engine, err);

    if (r < 0)
        return r;
    if (realpath(*engine, real) && !(*engine = arena_strdup(a, real)))
        return policy_no_memory(err);
    return 0;
}

/* The broker's beginnings (program.h) with a JDK in the place of the host's programs. -ENOENT: there is none. */
static int apply_defaults(struct run_options *run, struct err *err)
{
    struct policy *p = &run->policy;
    struct java_options *o = own(run);
    const uint32_t read = PATH_STAT | PATH_READ, execute = read | PATH_EXECUTE;
    const char *outside[JDK_LINKS_MAX];
    int r;

    if ((r = jdk_find(p->arena, o->jdk, &o->jdk, &o->warning, err)) < 0 ||
        (r = find_engine(p->arena, &o->engine, err)) < 0 || (r = program_walls(p, err)) < 0 ||
        (r = policy_mount_add(p, "/tmp", "tmpfs", "tmpfs", TEMPORARY, err)) < 0 || (r = show_system(p, err)) < 0 ||
        (r = program_show(p, o->jdk, execute, err)) < 0)
        return r;
    int n = jdk_outside(p->arena, o->jdk, outside);
    for (int i = 0; i < n && r == 0; i++)
        r = program_show(p, outside[i], read, err);
    return r < 0 ? r : program_show(p, o->engine, execute, err);
}

static int check_layers(const struct collect *c, struct err *err)
{
    const struct policy_build *b = &c->out->build;
    struct java_options *o = own(c->out);
    struct policy *p = b->p;

    if (policy_flag_given(b, FLAG_DEFAULTS))
        return err_set(err, -EINVAL, "%s: a JVM does not run without its JDK and the C library: leave it out",
                       kind_said_by(c, FLAG_DEFAULTS, "defaults"));
    if (policy_flag_given(b, FLAG_ENTRYPOINT))
        return err_set(err, -EINVAL, "--entrypoint: a Java program is a FILE.jar, --main-class NAME or --module NAME");
    for (uint32_t i = 0; i < p->process.env.n; i++) {
        const char *entry = p->process.env.v[i];
        if (java_variable_is_hidden(entry))
            return err_set(err, -EINVAL, "--env %.*s: its options would not be checked: give each as --java-option",
                           (int)strcspn(entry, "="), entry);
    }
    /* moat-jvm says them, from inside the program's own process: no call need be shown to the broker for it. */
    if (policy_flag_given(b, FLAG_DENY_LOG))
        o->tell = p->deny_log ? JAVA_TELL_ALL : JAVA_TELL_NONE;
    p->deny_log = false;
    return 0;
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

static bool is_given(const void *options)
{
    return ((const struct java_options *)options)->given;
}

static int refuse(const void *options, struct err *err)
{
    return is_given(options) ? err_set(err, -EINVAL,
                                       "--main-class, --class-path, --module, --jdk, --java-option and -D are about "
                                       "Java programs: -b jvm has them")
                             : 0;
}

static int find(struct run_options *run, const struct finding *f, struct err *err)
{
    struct java_options *o = own(run);
    const char *warning = NULL;
    int r = java_find(&run->build, o, run->command, run->n_command, err);

    if (o->warning)
        f->warn(o->warning);
    if (r == 0 && run->policy.process.argv.n)
        r = java_archive_choose(&run->build, o, f->purpose == FIND_TO_WAIT, &warning, err);
    if (warning)
        f->warn(warning);
    return r;
}

static const char *name_of(const struct run_options *run)
{
    const struct java_options *o = own(run);

    return o->jar ? o->jar : o->module ? o->module : o->main_class;
}

static void take_list(struct run_options *run, struct arena *a, int state_fd)
{
    java_archive_take(&own(run)->archive, a, state_fd);
}

static void make_archive(struct run_options *run, struct arena *a, const sigset_t *mask)
{
    java_archive_make(&own(run)->archive, a, mask);
}

/* It was started with sizes that came from its memory, and keeps them. */
static const char *memory_note(struct arena *a, const struct strv *argv)
{
    const char *heap = jvm_option_value(argv, "-Xmx");

    return heap
               ? arena_printf(a,
                              "--memory changes the control group alone; the sizes of Java's memory stay, as -Xmx%s: a "
                              "new run has others",
                              heap)
               : NULL;
}

const struct workload_kind java_kind = {
    .types = {"java"},
    .boundary = "jvm",
    .words = "a Java program",
    .of_host = true,
    .no_programs = "a JVM runs none: -b broker has the same walls",
    .keeps = "class archives",
    .own_size = sizeof(struct java_options),
    .option = take_option,
    .is_given = is_given,
    .refuse = refuse,
    .recognise = recognise,
    .operands = take_operand,
    .defaults = apply_defaults,
    .no_execution = true,
    .check = check_layers,
    .find = find,
    .make_files = program_make_files,
    .name = name_of,
    .take = take_list,
    .after = make_archive,
    .command = jvm_command,
    .memory_note = memory_note,
};
