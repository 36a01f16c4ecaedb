/* SPDX-License-Identifier: Apache-2.0 */
/* See run_options_internal.h. Trust: the command line is the user's. */
#include "cli/program.h"
#include "cli/run_options_internal.h"

#include <errno.h>
#include <string.h>

/* Where an item was said: "--defaults", or "--policy FILE: defaults". */
static const char *said_by(const struct collect *c, enum policy_flag flag, const char *member)
{
    const struct run_options *o = c->out;
    const char *text = NULL;
    bool by_flag = !o->policy_file && !o->profile;

    for (uint32_t i = 0; i < c->n_waiting; i++)
        by_flag |= c->waiting[i].id == (int)flag;
    text = by_flag ? arena_printf(c->arena, "--%s", policy_flag_name(flag))
                   : arena_printf(c->arena, "--%s %s: %s", o->policy_file ? "policy" : "profile",
                                  o->policy_file ? o->policy_file : o->profile, member);
    return text ? text : member;
}

/* The boundary decides; without one the type, the options, and the looks of what is to run. */
static int choose_kind(struct run_options *o, int operands, char **operand, struct err *err)
{
    bool image = o->bundle || o->rootfs;

    if (o->boundary) {
        o->java = !strcmp(o->boundary, "jvm");
        o->wasm = !strcmp(o->boundary, "wasm");
        o->program = o->java || o->wasm || !strcmp(o->boundary, "broker");
        return 0;
    }
    enum java_looks looks =
        !o->type && !image && !o->jvm.given && operands > 0 ? java_looks(operand[0]) : JAVA_LOOKS_OTHER;
    if (looks == JAVA_LOOKS_NO_ZIP)
        return err_set(err, -EINVAL, "%s is no jar (no zip archive); for an image of that name: -b container",
                       operand[0]);
    o->java = o->type ? !strcmp(o->type, "java") : !image && (o->jvm.given || looks == JAVA_LOOKS_JAR);
    o->wasm = o->type ? !strcmp(o->type, "wasm")
                      : !image && !o->java && (o->module.given || (operands > 0 && wasm_is_module(operand[0])));
    int r = !o->type && !image && !o->java && !o->wasm && operands > 0 ? wasm_check_looks(operand[0], err) : 0;
    if (r < 0)
        return r;
    o->program = o->java || o->wasm || (o->type && !strcmp(o->type, "program"));
    if (o->program)
        o->boundary = o->java ? "jvm" : o->wasm ? "wasm" : "broker";
    return 0;
}

int run_program_choose(struct collect *c, int operands, char **operand, struct err *err)
{
    struct run_options *o = c->out;

    int r = choose_kind(o, operands, operand, err);
    if (r < 0)
        return r;
    const char *type = o->java ? "java" : o->wasm ? "wasm" : "program";
    bool other_type = o->type && strcmp(o->type, type) != 0;
    if (o->program && (o->bundle || o->rootfs || other_type))
        return err_set(err, -EINVAL, "%s: --%s is of other boundaries",
                       o->java   ? "behind -b jvm runs a Java program"
                       : o->wasm ? "behind -b wasm runs a WebAssembly module"
                                 : "the broker confines a program of the host",
                       o->bundle   ? "bundle"
                       : o->rootfs ? "rootfs"
                                   : "type");
    if (o->type && !strcmp(o->type, "program") && !o->program)
        return err_set(err, -EINVAL, "--type program: a program of the host runs behind -b broker, not %s",
                       o->boundary);
    if (o->type && !strcmp(o->type, "java") && !o->java)
        return err_set(err, -EINVAL, "--type java: a Java program runs behind -b jvm, not %s", o->boundary);
    if (o->jvm.given && !o->java)
        return err_set(err, -EINVAL,
                       "--main-class, --class-path, --module, --jdk, --java-option and -D are about Java "
                       "programs: -b jvm has them");
    if (o->type && !strcmp(o->type, "wasm") && !o->wasm)
        return err_set(err, -EINVAL, "--type wasm: a WebAssembly module runs behind -b wasm, not %s", o->boundary);
    if (o->module.listen.n && !o->wasm)
        return err_set(
            err, -EINVAL,
            "--publish is refused: it comes with moat's own networks, which are not in this build: --network "
            "none or host (-b wasm has it)");
    if (o->module.given && !o->wasm)
        return err_set(
            err, -EINVAL,
            "--invoke, --fuel, --clock, --seed and --engine are about WebAssembly modules: -b wasm has them");
    if (!o->program)
        return 0;
    return o->java   ? java_defaults(&o->policy, &o->jvm, err)
           : o->wasm ? wasm_defaults(&o->policy, err)
                     : program_defaults(&o->policy, err);
}

static int check_java(const struct collect *c, struct err *err)
{
    struct run_options *o = c->out;

    if (policy_flag_given(&o->build, FLAG_DEFAULTS))
        return err_set(err, -EINVAL, "%s: a JVM does not run without its JDK and the C library: leave it out",
                       said_by(c, FLAG_DEFAULTS, "defaults"));
    return java_layers(&o->build, &o->jvm, err);
}

static int check_wasm(const struct collect *c, struct err *err)
{
    struct run_options *o = c->out;
    uint64_t typed = 0;

    if (policy_flag_given(&o->build, FLAG_DEFAULTS))
        return err_set(err, -EINVAL, "%s: a module is shown nothing of the host by default: leave it out",
                       said_by(c, FLAG_DEFAULTS, "defaults"));
    for (uint32_t i = 0; i < c->n_waiting; i++)
        typed |= UINT64_C(1) << c->waiting[i].id;
    const struct wasm_refusal *no = wasm_refused(&o->build, typed);
    return no ? err_set(err, -EINVAL, "%s: %s", said_by(c, no->flag, no->member), no->why)
              : wasm_layers(&o->build, &o->module, err);
}

int run_program_check(const struct collect *c, struct err *err)
{
    const struct run_options *o = c->out;

    if (!o->program && policy_flag_given(&o->build, FLAG_DEFAULTS))
        return err_set(err, -EINVAL, "%s is about programs of the host: -b broker has them",
                       said_by(c, FLAG_DEFAULTS, "defaults"));
    if (!o->program)
        return 0;
    if (o->pull || o->platform)
        return err_set(err, -EINVAL, "--%s is about images, and a program of the host has none: leave it out",
                       o->pull ? "pull" : "platform");
    if (o->detach_keys && !o->detach && o->restart.policy == RESTART_NO)
        return err_set(err, -EINVAL,
                       "--detach-keys: a program of the host ends with its caller: start it with -d, and give the keys "
                       "to moat attach");
    if (policy_flag_given(&o->build, FLAG_READ_ONLY) && !o->policy.root_readonly)
        return err_set(err, -EINVAL, "%s=false: the broker's root holds names alone: --rw PATH, --tmpfs PATH",
                       said_by(c, FLAG_READ_ONLY, "readOnlyRoot"));
    if (policy_flag_given(&o->build, FLAG_DEVICE_CGROUP_RULE))
        return err_set(err, -EINVAL, "%s: no device works behind the broker but those of --device",
                       said_by(c, FLAG_DEVICE_CGROUP_RULE, "deviceRules"));
    if (!o->policy.masked_paths.n)
        return err_set(err, -EINVAL,
                       "--security-opt systempaths=unconfined: the broker's /proc is read-only as a whole: "
                       "-b container has it");
    return o->java ? check_java(c, err) : o->wasm ? check_wasm(c, err) : 0;
}

int run_program_operands(struct run_options *o, int operands, char **operand, bool lenient, struct err *err)
{
    if (o->java)
        return java_operand(&o->jvm, operands, operand, lenient, err);
    if (o->wasm)
        return wasm_operand(&o->module, operands, operand, lenient, err);
    if (operands < 1 && !lenient)
        return err_set(err, -EINVAL, "what is to run is missing: moat run -b broker [OPTIONS] -- PROGRAM [ARG...]");
    return 0;
}
