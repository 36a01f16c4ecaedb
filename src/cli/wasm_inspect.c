/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat wasm inspect`: what a module imports, and what it would be given under the options of `run`; what it exports;
 * sizes. The module is read by moat-wasm, shut in so that it can open nothing; what that says is hostile: it is parsed
 * strictly, bounded in size and time, and printed without control characters.
 */
#include "base/json.h"
#include "boundary/wasm/words.h"
#include "cli/commands.h"
#include "cli/run_options.h"
#include "cli/term.h"
#include "cli/wasm_cmd.h"
#include "confine/paths.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAID_MOST  ((size_t)64 << 20)
#define INSPECT_MS 30000
#define USAGE      "moat wasm inspect [OPTIONS OF run] FILE"
#define WASI       "wasi_snapshot_preview1"

/* What a function of WASI is of no use without. */
enum need { NEED_NOTHING, NEED_DIRECTORY, NEED_WRITABLE, NEED_LISTENER, NEEDS };

static const struct {
    const char *name;
    enum need need;
} needs[] = {
    {"fd_readdir", NEED_DIRECTORY},
    {"path_open", NEED_DIRECTORY},
    {"path_filestat_get", NEED_DIRECTORY},
    {"path_readlink", NEED_DIRECTORY},
    {"path_create_directory", NEED_WRITABLE},
    {"path_filestat_set_times", NEED_WRITABLE},
    {"path_link", NEED_WRITABLE},
    {"path_remove_directory", NEED_WRITABLE},
    {"path_rename", NEED_WRITABLE},
    {"path_symlink", NEED_WRITABLE},
    {"path_unlink_file", NEED_WRITABLE},
    {"sock_accept", NEED_LISTENER},
};

struct granted {
    uint32_t directories, writable;
    bool has[NEEDS];
};

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static int ask(struct arena *a, int module, const char *shown, char **text, size_t *length, struct err *err)
{
    char name[] = "moat-wasm", look[] = "--inspect", option[] = "--module", input[] = "-";
    char *word = arena_strdup(a, shown), *argv[] = {name, look, option, input, word, NULL};

    return word ? helper_ask(a, argv, module, INSPECT_MS, SAID_MOST, text, length, err)
                : err_set(err, -ENOMEM, "out of memory");
}

/* shown: how the user has named it */
static int describe(struct arena *a, const char *file, const char *shown, struct json **out, struct err *err)
{
    struct stat st;
    char *text = NULL;
    size_t length = 0;
    _cleanup_fd_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, -errno, "%s", file);
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EACCES, "exec: \"%s\": it is no file", file);
    int r = ask(a, fd, shown, &text, &length, err);
    if (r == 0 && (r = json_parse(a, text, length, out, err)) < 0)
        err_wrap(err, "moat-wasm said what cannot be read");
    if (r == 0 && json_get_text(*out, "error", NULL))
        r = err_set(err, -ENOEXEC, "%s", json_get_text(*out, "error", ""));
    if (r < 0)
        err_wrap(err, "%s", shown);
    return r;
}

/* ---- what is granted -------------------------------------------------------------------------------------------- */

/* The last one is where all names begin that lie in no other: it counts where it is a directory of the user's. */
static void count_granted(const struct strv *argv, struct granted *g)
{
    const char *word, *value, *last = "";
    uint32_t at = 0, all = 0;
    bool writable = false;

    while ((word = wasm_next_word(argv, &at, &value))) {
        if (strncmp(word, "--preopen", 9) != 0)
            continue;
        all++;
        writable |= !strcmp(word, "--preopen-writable");
        last = value;
    }
    if (wasm_word_value(argv, "--root")) /* the user's, too */
        last = "";
    g->directories = all > 1 || (all && strcmp(last, "/") != 0) ? all - (strcmp(last, "/") == 0) : 0;
    g->has[NEED_NOTHING] = true;
    g->has[NEED_DIRECTORY] = g->directories > 0;
    g->has[NEED_WRITABLE] = writable;
    g->has[NEED_LISTENER] = wasm_word_value(argv, "--listen") != NULL;
}

static enum need need_of(const struct json *import)
{
    const char *name = json_get_text(import, "name", "");

    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if (!strcmp(name, needs[i].name))
            return needs[i].need;
    return NEED_NOTHING;
}

/* Why it is not granted; NULL: it is. */
static const char *withheld(const struct json *import, const struct granted *g)
{
    static const char *const words[NEEDS] = {
        [NEED_DIRECTORY] = "no directory is given: --ro, --rw, --dir",
        [NEED_WRITABLE] = "no directory may be changed: --rw, --dir",
        [NEED_LISTENER] = "no listener is given: -p",
    };

    if (!json_get_bool(import, "given")) {
        const char *why = json_get_text(import, "why", "");
        return *why ? why : "WASI preview 1 has no such function";
    }
    enum need need = need_of(import);
    return g->has[need] ? NULL : words[need];
}

/* ---- printing --------------------------------------------------------------------------------------------------- */

static void print_json(const struct json *m, const char *file, const struct granted *g, struct json_writer *w)
{
    json_object_begin(w, NULL);
    json_string(w, "file", file);
    json_array_begin(w, "imports");
    const struct json *imports = json_get(m, "imports");
    for (const struct json *i = imports ? imports->child : NULL; i; i = i->next) {
        const char *why = withheld(i, g);
        json_object_begin(w, NULL);
        for (const char *const *key = (const char *const[]){"module", "name", "kind", "type", NULL}; *key; key++)
            json_string(w, *key, json_get_text(i, *key, ""));
        json_bool(w, "given", json_get_bool(i, "given"));
        json_bool(w, "granted", !why);
        if (why)
            json_string(w, "why", why);
        json_object_end(w);
    }
    json_array_end(w);
    for (const char *const *key = (const char *const[]){"exports", "memory", "sizes", NULL}; *key; key++)
        if (json_get(m, *key))
            json_value(w, *key, json_get(m, *key));
    json_object_end(w);
}

static void print_head(const struct json *m, const char *file)
{
    const struct json *sizes = json_get(m, "sizes"), *memory = json_get(m, "memory"), *exports = json_get(m, "exports");
    char line[256];

    term_cell(file, 0);
    snprintf(line, sizeof line, ": %lld bytes, %lld functions (%lld bytes of code), %lld bytes of data",
             (long long)json_get_int(sizes, "file"), (long long)json_get_int(sizes, "functions"),
             (long long)json_get_int(sizes, "code"), (long long)json_get_int(sizes, "data"));
    fputs(line, stdout);
    if (memory && json_get(memory, "maxPages"))
        printf("; memory of %lld to %lld pages of 64 KiB\n", (long long)json_get_int(memory, "pages"),
               (long long)json_get_int(memory, "maxPages"));
    else if (memory)
        printf("; memory of %lld pages of 64 KiB or more\n", (long long)json_get_int(memory, "pages"));
    else
        puts("; no memory");
    printf("exports:");
    for (const struct json *e = exports ? exports->child : NULL; e; e = e->next) {
        fputs(e == exports->child ? " " : ", ", stdout);
        term_cell(json_get_text(e, "name", ""), 0);
        if (strcmp(json_get_text(e, "kind", ""), "function") != 0)
            printf(" (%s)", json_get_text(e, "kind", ""));
    }
    puts("");
}

static void print_imports(struct arena *a, const struct json *m, const struct granted *g)
{
    const struct json *imports = json_get(m, "imports");
    const unsigned columns = term_columns();

    if (!imports || !imports->child) {
        puts("imports: none");
        return;
    }
    printf("\n  %sIMPORT                          GRANTED%s\n", term_on(TERM_BOLD), term_off());
    for (const struct json *i = imports->child; i; i = i->next) {
        const char *module = json_get_text(i, "module", ""), *name = json_get_text(i, "name", "");
        const char *whole = strcmp(module, WASI) ? arena_printf(a, "%s.%s", module, name) : name;
        const char *why = withheld(i, g);
        fputs("  ", stdout);
        unsigned at = 2 + term_cell(whole ? whole : name, 30) + 2;
        fputs(why ? term_on(json_get_bool(i, "given") ? TERM_WARN : TERM_BAD) : "", stdout);
        fputs("  ", stdout);
        term_wrap(why ? arena_printf(a, "no: %s", why) : "yes", at, 34, columns);
        fputs(why ? term_off() : "", stdout);
    }
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

/* What a run refuses, since the host has nothing there to be shown. */
static int check_rules(struct arena *a, const struct policy *p, struct err *err)
{
    char letters[8];

    for (uint32_t i = 0; i < p->n_paths; i++) {
        struct path_lowering l = {0};
        paths_lower(a, p, &p->paths[i], &l);
        if (!l.mechanism)
            return err_set(err, -ENOTSUP, "path %s %s: %s", p->paths[i].guest,
                           paths_access_text(p->paths[i].access, letters), l.refusal);
    }
    return 0;
}

/* The words of `explain -b wasm` for the same module. */
static char **make_words(struct arena *a, int argc, char **argv, int *n)
{
    char **words = arena_array(a, (size_t)argc + 3, sizeof *words);

    if (!words)
        return NULL;
    *n = 0;
    words[(*n)++] = (char *)(uintptr_t) "explain";
    words[(*n)++] = (char *)(uintptr_t) "-b";
    words[(*n)++] = (char *)(uintptr_t) "wasm";
    for (int i = 2; i < argc; i++)
        words[(*n)++] = argv[i];
    return words;
}

int wasm_inspect(struct arena *a, int argc, char **argv, struct err *err)
{
    static struct run_options o;
    struct granted g = {0};
    struct json *m;
    int n, all_given = 1;
    char **words = make_words(a, argc, argv, &n);
    int r = words ? run_options_parse(a, n, words, &o, err) : err_set(err, -ENOMEM, "out of memory");

    if (r < 0)
        return r;
    const char *module = o.kind->name(&o);
    if (!module || o.n_command)
        return err_set(err, -EINVAL, "name one module: " USAGE);
    const struct finding f = {.purpose = FIND_TO_WAIT};
    if ((r = o.kind->find(&o, &f, err)) < 0 || (r = check_rules(a, &o.policy, err)) < 0 ||
        (r = describe(a, wasm_word_value(&o.policy.process.argv, "--module"), module, &m, err)) < 0)
        return r;
    count_granted(&o.policy.process.argv, &g);
    const struct json *imports = json_get(m, "imports");
    for (const struct json *i = imports ? imports->child : NULL; i; i = i->next)
        all_given &= json_get_bool(i, "given");
    if (o.json) {
        struct json_writer w = {.indent = 2};
        print_json(m, module, &g, &w);
        r = command_print_json(&w, err);
    } else {
        print_head(m, module);
        print_imports(a, m, &g);
    }
    return r < 0 ? r : all_given ? 0 : EXIT_CANNOT_INVOKE;
}
