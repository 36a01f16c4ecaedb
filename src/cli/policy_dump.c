/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat policy dump --bpf`: the system-call filter that `moat run` would install for the same options, as a listing or
 * as the numbers themselves. Reads the files that are named; runs nothing.
 */
#include "cli/policy_dump.h"
#include "base/json.h"
#include "boundary/boundary.h"
#include "cli/commands.h"
#include "cli/run_options.h"
#include "confine/seccomp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DUMP_USAGE "moat policy dump --bpf [OPTIONS OF run] [FILE]"

static int look(void *ctx, int id, const char *value, struct err *err)
{
    (void)ctx, (void)id, (void)value, (void)err;
    return 0;
}

/* The words of `explain` for the same policy: without --bpf, and with the operand as --policy FILE. */
static int make_words(struct arena *a, int argc, char **argv, char ***out, int *n, struct err *err)
{
    char **words = arena_array(a, (size_t)argc + 3, sizeof *words);
    bool bpf = false, given = false;
    int at = 0, first;

    if (!words)
        return err_set(err, -ENOMEM, "out of memory");
    words[at++] = (char *)(uintptr_t) "explain";
    for (int i = 1; i < argc; i++) {
        bpf |= !strcmp(argv[i], "--bpf");
        given |= !strcmp(argv[i], "--policy") || !strncmp(argv[i], "--policy=", 9);
        if (strcmp(argv[i], "--bpf") != 0)
            words[at++] = argv[i];
    }
    if (!bpf)
        return err_set(err, -EINVAL, "say what to dump: %s", DUMP_USAGE);
    int r = options_parse(run_options_rows, n_explain_options_rows, at, words, true, &first, look, NULL, err);
    if (r < 0)
        return r;
    if (first < at) {
        if (first + 1 < at || given)
            return err_set(err, -EINVAL, "name one policy file, and nothing to run: %s", DUMP_USAGE);
        words[first + 1] = words[first];
        words[first] = (char *)(uintptr_t) "--policy";
        if (!strcmp(words[first - 1], "--")) { /* what follows it is no option */
            words[first - 1] = words[first];
            words[first] = words[first + 1];
            at--;
        }
        at++;
    }
    words[at] = NULL;
    *out = words;
    *n = at;
    return 0;
}

static const char *groups_text(uint32_t notify)
{
    static const char *const texts[] = {[NOTIFY_FILES] = "files",
                                        [NOTIFY_EXEC] = "programs",
                                        [NOTIFY_FILES | NOTIFY_EXEC] = "files and programs",
                                        [NOTIFY_NETWORK] = "network",
                                        [NOTIFY_FILES | NOTIFY_NETWORK] = "files and network",
                                        [NOTIFY_EXEC | NOTIFY_NETWORK] = "programs and network",
                                        [NOTIFY_FILES | NOTIFY_EXEC | NOTIFY_NETWORK] = "files, programs and network"};
    return texts[notify & (ARRAY_LEN(texts) - 1)];
}

static int print_json(const struct bpf_program *prog, struct err *err)
{
    struct json_writer w = {0};

    json_array_begin(&w, NULL);
    for (uint32_t i = 0; i < prog->n; i++) {
        json_object_begin(&w, NULL);
        json_uint(&w, "code", prog->insns[i].code);
        json_uint(&w, "jt", prog->insns[i].jt);
        json_uint(&w, "jf", prog->insns[i].jf);
        json_uint(&w, "k", prog->insns[i].k);
        json_object_end(&w);
    }
    json_array_end(&w);
    return command_print_json(&w, err);
}

static int print_listing(struct arena *a, const char *boundary, uint32_t notify, const struct bpf_program *prog,
                         struct err *err)
{
    const char *text = seccomp_disassemble(a, prog), *groups = groups_text(notify);

    if (!text)
        return err_set(err, -ENOMEM, "out of memory");
    printf("# %s: %u instructions", boundary, prog->n);
    if (groups)
        printf("; calls of %s go to the broker", groups);
    printf("\n%s", text);
    return 0;
}

int policy_dump(struct arena *a, int argc, char **argv, struct err *err)
{
    struct run_options *o = arena_alloc(a, sizeof *o);
    struct seccomp_policy rules = {0};
    struct bpf_program prog;
    const struct boundary *b;
    char **words = NULL;
    int n = 0, r;

    if (!o)
        return err_set(err, -ENOMEM, "out of memory");
    if ((r = make_words(a, argc, argv, &words, &n, err)) < 0 || (r = run_options_parse(a, n, words, o, err)) < 0 ||
        (r = boundary_choose(o->boundary, &b, err)) < 0)
        return r;
    if (o->bundle)
        return err_set(err, -EINVAL, "--bundle %s: give its linux.seccomp alone: --security-opt seccomp=FILE",
                       o->bundle);
    uint32_t notify = o->policy.private_root ? seccomp_policy_notify(&o->policy) : 0;
    if ((r = seccomp_policy_rules(a, &o->policy, o->policy.process.caps.bounding, notify, &rules, err)) < 0)
        return r;
    if (!rules.set && o->kind->no_filter)
        return err_set(err, -ENOENT, "%s", o->kind->no_filter);
    if (!rules.set)
        return err_set(err, -ENOENT,
                       "this policy has no system-call filter (seccomp=unconfined), so there is none to show");
    if ((r = seccomp_compile(a, &rules, &prog, err)) < 0)
        return r;
    return o->json ? print_json(&prog, err) : print_listing(a, b->name, notify, &prog, err);
}
