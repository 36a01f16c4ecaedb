/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat policy`: check policy files, show what a file or a profile says, list the profiles, dump the filter that a
 * policy makes (policy_dump.c). Reads the files that are named and has no effect but an entry in the cache of
 * conversions. Words of files are printed with control characters made '?', since they may be others'.
 */
#include "base/io.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/policy_dump.h"
#include "cli/policy_load.h"
#include "cli/term.h"
#include "confine/paths.h"
#include "policy/defaults.h"
#include "policy/seccomp_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARENA_SIZE     (256u << 20)
#define PROBLEMS_MOST  128
#define PROFILE_LENGTH (1u << 20)

enum { OPTION_JSON, OPTION_PROFILE, OPTION_BPF };

const struct option_row policy_options[] = {
    {.name = "json", .help = "Print for programs", .id = OPTION_JSON},
    {.name = "profile", .argument = "NAME", .help = "show: a shipped profile instead of a file", .id = OPTION_PROFILE},
    {.name = "bpf", .help = "dump: the system-call filter; all options of run may follow", .id = OPTION_BPF},
};
const size_t n_policy_options = ARRAY_LEN(policy_options);

struct options {
    bool json, bpf;
    const char *profile;
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct options *o = ctx;

    (void)err;
    if (id == OPTION_JSON)
        o->json = !strcmp(value, "true");
    else if (id == OPTION_BPF)
        o->bpf = true;
    else
        o->profile = value;
    return 0;
}

/* ---- check: one file ------------------------------------------------------------------------------------------- */

struct place {
    unsigned line, column;
    const char *text, *accepted; /* accepted NULL: text says it all */
};

struct verdict {
    const char *file, *format;
    struct place places[PROBLEMS_MOST];
    uint32_t n;
    const char *summary; /* NULL unless all is well */
};

/* Sorted in, by place; what is wrong with one place is said once, by who saw it first. */
static void add_place(struct verdict *v, struct place p)
{
    uint32_t at = v->n;

    for (uint32_t i = 0; i < v->n; i++)
        if (v->places[i].line == p.line && v->places[i].column == p.column)
            return;
    if (v->n == PROBLEMS_MOST)
        return;
    while (at && (v->places[at - 1].line > p.line ||
                  (v->places[at - 1].line == p.line && v->places[at - 1].column > p.column)))
        at--;
    memmove(&v->places[at + 1], &v->places[at], (v->n - at) * sizeof *v->places);
    v->places[at] = p;
    v->n++;
}

static void add_problem(struct arena *a, struct verdict *v, const struct policy_document *d, size_t offset,
                        const char *text, const char *accepted)
{
    struct place p = {.text = arena_strdup(a, text), .accepted = accepted};

    policy_document_place(d, offset, &p.line, &p.column);
    if (!p.text)
        p.text = "out of memory";
    add_place(v, p);
}

/* What only the whole shows: contradictions between members. The ids are any, since `run` chooses them. */
static int check_whole(struct policy *p, struct policy_build *b, struct err *err)
{
    static struct id_map map = {0, 65536, 65536};
    int r = policy_build_finish(b, err);

    if (r < 0)
        return r;
    if (b->seccomp_object) {
        r = seccomp_profile_read(p->arena, b->seccomp_object, p->process.caps.bounding, &p->seccomp, err);
        if (r < 0)
            return err_wrap(err, "seccomp");
    }
    if (b->userns != USERNS_HOST) {
        p->ns[NS_USER] = (struct ns_rule){.how = NS_NEW};
        p->uid_maps = p->gid_maps = (struct id_maps){&map, 1};
    }
    r = policy_default_finish(p, err);
    return r < 0 ? r : policy_check(p, err);
}

static const char *bytes_text(struct arena *a, const struct opt_i64 *v)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    int64_t n = v->v;
    int u = 0;

    if (!v->set || n < 0)
        return "no limit of memory";
    for (; u < 4 && n >= 1024 && n % 1024 == 0; u++)
        n /= 1024;
    return arena_printf(a, "%lld %s of memory", (long long)n, units[u]);
}

/* What only the broker boundary enforces, or has. */
static bool is_for_broker(const struct policy *p, const struct policy_build *b)
{
    return p->n_net || p->deny_log || p->n_made || paths_brokered(p) || policy_flag_given(b, FLAG_DEFAULTS);
}

static const char *summarise(struct arena *a, const struct policy *p, const struct policy_build *b)
{
    const bool broker = is_for_broker(p, b);
    uint32_t binds = 0;

    for (uint32_t i = 0; i < p->n_mounts; i++)
        binds += p->mounts[i].bind;
    const char *pids = p->resources.pids.set && p->resources.pids.v > 0
                           ? arena_printf(a, "%lld processes", (long long)p->resources.pids.v)
                           : "no limit of processes";
    const char *time =
        p->timeout_ms ? arena_printf(a, "ends after %lld s", (long long)(p->timeout_ms + 999) / 1000) : "no time limit";
    const char *net = p->ns[NS_NET].how == NS_HOST ? "of the host"
                      : p->n_net ? arena_printf(a, "none but %u destination%s", p->n_net, p->n_net == 1 ? "" : "s")
                                 : "none";
    const char *files = broker || p->n_paths > binds
                            ? arena_printf(a, "%u host paths, %u path rules", binds, p->n_paths)
                            : arena_printf(a, "%u host paths", binds);
    /* The root and the capabilities are of the boundary, and the broker's are not the container's. */
    const char *boundary = broker ? "for -b broker"
                                  : arena_printf(a, "root %s and %d capabilities in a container",
                                                 p->root_readonly ? "read-only" : "writable",
                                                 __builtin_popcountll(p->process.caps.bounding));
    return arena_printf(a, "network %s, %s, %u devices, %s, %s, %s, %s%s", net, files, b->n_devices,
                        bytes_text(a, &p->resources.memory.limit), pids, time, boundary,
                        p->seccomp.set ? "" : ", no system-call filter");
}

static int check_document(struct arena *a, const struct policy_document *d, struct verdict *v, struct err *err)
{
    struct policy *p = arena_alloc(a, sizeof *p);
    struct policy_problem *found = arena_array(a, PROBLEMS_MOST, sizeof *found);
    struct policy_problems problems = {.v = found, .most = PROBLEMS_MOST};
    struct policy_build b;
    struct err why = {0};
    char here[PATH_MAX];
    int r;

    if (!p || !found)
        return err_set(err, -ENOMEM, "out of memory");
    if (!getcwd(here, sizeof here))
        return err_sys(err, -errno, "cannot tell the current directory");
    const char *folder = policy_folder(a, here, d->path);
    if (!folder)
        return err_set(err, -ENOMEM, "out of memory");
    policy_init(p, a, POLICY_FROM_FLAGS);
    if ((r = policy_default_container(p, POLICY_DEFAULTS_RUN, err)) < 0 ||
        (r = policy_build_init(&b, p, folder, err)) < 0)
        return r;
    if (d->json_len) {
        r = policy_file_check(&b, d->json, d->json_len, &problems, err);
        if (r < 0 && !problems.n)
            return r;
    }
    for (uint32_t i = 0; i < problems.n; i++)
        add_problem(a, v, d, found[i].offset, found[i].text, found[i].accepted);
    if (v->n)
        return 0;
    policy_build_next_layer(&b);
    if (check_whole(p, &b, &why) < 0)
        add_problem(a, v, d, b.seccomp_object ? b.seccomp_object->offset : 0, why.text, NULL);
    else
        v->summary = summarise(a, p, &b);
    return 0;
}

static int check_file(struct arena *a, const char *file, struct verdict *v, struct err *err)
{
    struct policy_document d;
    struct err why = {0};

    *v = (struct verdict){.file = file, .format = "json"};
    if (policy_document_read(a, file, &d, &why) < 0) {
        if (why.code == -ENOMEM)
            return err_set(err, why.code, "%s: %s", file, why.text);
        const char *text = arena_strdup(a, why.text);
        add_place(v, (struct place){.line = 1, .column = 1, .text = text ? text : "out of memory"});
        return 0;
    }
    if (d.is_yaml)
        v->format = "yaml";
    for (uint32_t i = 0; i < d.yaml.n_problems; i++) {
        const struct yaml_problem *p = &d.yaml.problems[i];
        add_place(v, (struct place){p->line, p->column, p->text, p->accepted});
    }
    return check_document(a, &d, v, err);
}

static void print_verdict(const struct verdict *v)
{
    char place[64];

    if (v->summary) {
        term_cell(v->file, 0);
        printf(": ok: %s\n", v->summary);
        return;
    }
    for (uint32_t i = 0; i < v->n; i++) {
        const struct place *p = &v->places[i];
        term_cell(v->file, 0);
        snprintf(place, sizeof place, ":%u:%u: ", p->line, p->column);
        fputs(place, stdout);
        term_cell(p->text, 0);
        if (p->accepted) {
            fputs("; accepted: ", stdout);
            term_cell(p->accepted, 0);
        }
        putchar('\n');
    }
}

static void write_verdict(struct json_writer *w, const struct verdict *v)
{
    json_object_begin(w, NULL);
    json_string(w, "file", v->file);
    json_string(w, "format", v->format);
    json_bool(w, "ok", v->summary != NULL);
    if (v->summary)
        json_string(w, "summary", v->summary);
    json_array_begin(w, "problems");
    for (uint32_t i = 0; i < v->n; i++) {
        json_object_begin(w, NULL);
        json_uint(w, "line", v->places[i].line);
        json_uint(w, "column", v->places[i].column);
        json_string(w, "problem", v->places[i].text);
        if (v->places[i].accepted)
            json_string(w, "accepted", v->places[i].accepted);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

/* ---- the verbs ------------------------------------------------------------------------------------------------- */

/* The exit status, or a negative errno. Each file has the memory to itself. */
static int check(struct options *o, char **files, int n, struct err *err)
{
    static struct verdict v;
    struct json_writer w = {.indent = 2};
    struct arena a;
    int status = 0, r = 0;

    if (!n)
        return err_set(err, -EINVAL, "no file given: moat policy check FILE...");
    json_array_begin(&w, NULL);
    for (int i = 0; i < n && r == 0; i++) {
        if (arena_init(&a, ARENA_SIZE) < 0)
            return err_set(err, -ENOMEM, "out of memory");
        r = check_file(&a, files[i], &v, err);
        status |= r == 0 && !v.summary;
        if (r == 0 && o->json)
            write_verdict(&w, &v);
        else if (r == 0)
            print_verdict(&v);
        arena_free(&a);
    }
    json_array_end(&w);
    if (r == 0 && o->json)
        r = command_print_json(&w, err);
    else
        json_writer_free(&w);
    return r < 0 ? r : status;
}

static int show_text(struct arena *a, const char *path, struct err *err)
{
    char *text;
    size_t len;
    int r = io_read_file(a, AT_FDCWD, path, PROFILE_LENGTH, &text, &len);

    if (r < 0)
        return err_sys(err, r, "%s", path);
    fwrite(text, 1, len, stdout);
    return 0;
}

/* The JSON that moat reads a file as. */
static int show_json(struct arena *a, const char *path, struct err *err)
{
    struct json_writer w = {.indent = 2};
    struct policy_document d;
    struct json *root;
    int r = policy_document_read(a, path, &d, err);

    if (r < 0)
        return err_wrap(err, "%s", path);
    if (d.yaml.n_problems)
        return err_set(err, -EINVAL, "%s:%u:%u: %s: moat policy check %s lists all", path, d.yaml.problems[0].line,
                       d.yaml.problems[0].column, d.yaml.problems[0].text, path);
    if ((r = json_parse(a, d.json, d.json_len, &root, err)) < 0)
        return err_wrap(err, "%s", path);
    json_value(&w, NULL, root);
    return command_print_json(&w, err);
}

static int show(struct arena *a, struct options *o, char **operands, int n, struct err *err)
{
    const char *path;
    int r;

    if (n != !o->profile)
        return err_set(err, -EINVAL, "name one thing: moat policy show --profile NAME, or moat policy show FILE");
    if (!o->profile)
        return show_json(a, operands[0], err);
    if ((r = policy_profile_find(a, o->profile, o->json ? "json" : "yaml", &path, err)) < 0)
        return r;
    return o->json ? show_json(a, path, err) : show_text(a, path, err);
}

/* The first comment of a profile that is not the licence. */
static const char *first_comment(struct arena *a, const char *name)
{
    const char *path;
    char *text, *save = NULL;
    size_t len;
    struct err ignored = {0};

    if (policy_profile_find(a, name, "yaml", &path, &ignored) < 0 ||
        io_read_file(a, AT_FDCWD, path, PROFILE_LENGTH, &text, &len) < 0)
        return "";
    for (char *line = strtok_r(text, "\n", &save); line && *line == '#'; line = strtok_r(NULL, "\n", &save)) {
        if (!strstr(line, "SPDX"))
            return line + strspn(line, "# ");
    }
    return "";
}

static int profiles(struct arena *a, struct options *o, int n, struct err *err)
{
    struct json_writer w = {.indent = 2};
    unsigned columns = term_columns();
    char **names;
    int r;

    if (n || o->profile)
        return err_set(err, -EINVAL, "`moat policy profiles` takes no operand");
    if ((r = policy_profile_names(a, &names, err)) < 0)
        return r;
    json_array_begin(&w, NULL);
    for (char **name = names; *name; name++) {
        const char *about = first_comment(a, *name);
        if (o->json) {
            json_object_begin(&w, NULL);
            json_string(&w, "name", *name);
            json_string(&w, "about", about);
            json_object_end(&w);
        } else {
            unsigned at = term_cell(*name, 10);
            term_wrap(about, at, 10, columns);
        }
    }
    json_array_end(&w);
    if (o->json)
        return command_print_json(&w, err);
    json_writer_free(&w);
    return 0;
}

int cmd_policy(int argc, char **argv)
{
    struct options o = {0};
    struct arena a;
    struct err err = {0};
    int at, r;

    /* What follows are options of `run`, which this table does not have. */
    if (argc > 1 && !strcmp(argv[1], "dump")) {
        r = arena_init(&a, ARENA_SIZE) < 0 ? err_set(&err, -ENOMEM, "out of memory")
                                           : policy_dump(&a, argc - 1, argv + 1, &err);
        return r < 0 ? command_fail("policy", &err) : 0;
    }
    if (options_parse(policy_options, n_policy_options, argc, argv, false, &at, apply, &o, &err) < 0)
        return command_fail("policy", &err);
    const char *verb = at < argc ? argv[at++] : "";
    if (arena_init(&a, ARENA_SIZE) < 0)
        r = err_set(&err, -ENOMEM, "out of memory");
    else if (o.bpf || !strcmp(verb, "dump"))
        r = err_set(&err, -EINVAL,
                    "--bpf goes with dump, and dump comes first: moat policy dump --bpf [OPTIONS OF run]");
    else if (!strcmp(verb, "check"))
        r = o.profile ? err_set(&err, -EINVAL, "--profile goes with `moat policy show`")
                      : check(&o, argv + at, argc - at, &err);
    else if (!strcmp(verb, "show"))
        r = show(&a, &o, argv + at, argc - at, &err);
    else if (!strcmp(verb, "profiles"))
        r = profiles(&a, &o, argc - at, &err);
    else
        r = err_set(&err, -EINVAL, "%s%s%s: check FILE..., show FILE, show --profile NAME, profiles, or dump --bpf",
                    *verb ? "unknown verb '" : "no verb given", verb, *verb ? "'" : "");
    return r < 0 ? command_fail("policy", &err) : r;
}
