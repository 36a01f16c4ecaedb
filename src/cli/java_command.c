/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of libexec/moat-jvm (src/jvm/README.md), from the policy and the options. Pure, but for looks at
 * what rules name and at the number of processors. */
#include "cli/engine_command.h"
#include "cli/java_internal.h"
#include "cli/java_options.h"
#include "cli/program.h"
#include "confine/paths.h"
#include "policy/list.h"
#include "policy/net_rule.h"

#include <errno.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

/* Whether a rule of the user's lets a program be executed: a directory may hold one. */
static bool runs_programs(const struct policy *p)
{
    struct stat st;

    for (uint32_t i = 0; i < p->n_paths; i++) {
        const struct path_rule *rule = &p->paths[i];
        if (!rule->optional && rule->verdict == PATH_ALLOW && rule->access & PATH_EXECUTE &&
            stat(rule->host, &st) == 0 && (S_ISDIR(st.st_mode) || st.st_mode & 0111))
            return true;
    }
    return false;
}

/* What the defaults let be executed is the JDK's and its libraries: that is not for Java code to load or start. A file
 * that has another name on the host is to be named by that. */
static int put_path(struct policy *p, const struct path_rule *rule, struct err *err)
{
    return engine_put_path(p, rule, rule->access & (rule->optional ? ~(uint32_t)PATH_EXECUTE : ~0u), rule->guest, err);
}

static int put_mount(struct policy *p, const struct mount_rule *m, struct err *err)
{
    bool fresh = m->type && !strcmp(m->type, "tmpfs") && strcmp(m->destination, "/dev") != 0;
    const char *letters = !fresh ? "rw" : m->attr_set & MOUNT_ATTR_NOEXEC ? "rwc" : "rwxc";

    return engine_put_place(p, letters, m->destination, fresh, err);
}

/* What the policy shows, for the words about denials: what it does not name is not there. */
static int put_rules(struct policy *p, struct err *err)
{
    int r = 0;

    for (uint32_t i = 0; i < p->n_paths && r == 0; i++)
        r = put_path(p, &p->paths[i], err);
    for (uint32_t i = 0; i < p->n_mounts && r == 0; i++)
        if (!p->mounts[i].bind)
            r = put_mount(p, &p->mounts[i], err);
    for (uint32_t i = 0; i < p->n_made && r == 0; i++)
        r = engine_put_place(p, "r", p->made[i].path, false, err);
    return r;
}

static int put_net(struct policy *p, struct err *err)
{
    char text[NET_RULE_TEXT_MAX];
    int r = 0;

    for (uint32_t i = 0; i < p->n_net && r == 0; i++) {
        net_rule_text(&p->net[i], text);
        r = engine_put(p, "--net", arena_strdup(p->arena, text), err);
    }
    return r;
}

/* As -m takes it. */
static const char *size_text(struct arena *a, int64_t bytes)
{
    static const char units[] = "kmgt";
    char unit[2] = "";

    for (size_t i = 0; i < sizeof units - 1 && bytes && bytes % 1024 == 0; i++) {
        bytes /= 1024;
        unit[0] = units[i];
    }
    return arena_printf(a, "%lld%s", (long long)bytes, unit);
}

static int put_limits(struct policy *p, const struct java_options *o, struct err *err)
{
    const struct resources *rs = &p->resources;
    struct java_asked asked = {0};
    cpu_set_t mine;

    for (uint32_t i = 0; i < o->machine.n; i++)
        java_option_read(o->machine.v[i], &asked);
    struct java_limits l = {
        .memory = rs->memory.limit.set && rs->memory.limit.v > 0 ? rs->memory.limit.v : 0,
        .quota = rs->cpu.quota.set && rs->cpu.quota.v > 0 ? rs->cpu.quota.v : 0,
        .period = rs->cpu.period.set ? (int64_t)rs->cpu.period.v : 0,
        .tasks = rs->pids.set && rs->pids.v > 0 ? rs->pids.v : 0,
        .processors = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 0,
        .collector_chosen = asked.collector,
    };
    memcpy(l.area, asked.area, sizeof l.area);
    l.memory_text = size_text(p->arena, l.memory);
    int r = l.memory_text ? java_limits_fit(&l, err) : policy_no_memory(err);
    if (r < 0)
        return r;
    if (l.memory && asked.initial_heap > l.area[JAVA_HEAP])
        return err_set(err, -EINVAL, "--java-option -Xms%lldm: above the heap that -m %s leaves, which is -Xmx%lldm",
                       (long long)(asked.initial_heap >> 20), l.memory_text, (long long)(l.area[JAVA_HEAP] >> 20));
    if (l.serial)
        r = engine_put(p, "--option", "-XX:+UseSerialGC", err);
    if (r == 0 && l.active_processors && !asked.processors)
        r = engine_put(p, "--option", arena_printf(p->arena, "-XX:ActiveProcessorCount=%d", l.active_processors), err);
    for (int i = 0; i < JAVA_AREAS && r == 0 && l.memory; i++)
        if (!asked.area[i])
            r = engine_put(
                p, "--option",
                arena_printf(p->arena, "%s%lldm", java_area_option((enum java_area)i), (long long)(l.area[i] >> 20)),
                err);
    return r;
}

/* Given by name alone, an agent's jar would be shown behind the user's back. */
static int check_agent(struct java_finding *f, const char *option, struct err *err)
{
    struct java_asked asked = {0};
    struct arena *a = f->b->p->arena;

    java_option_read(option, &asked);
    if (!asked.agent)
        return 0;
    const char *path = arena_strndup(a, asked.agent, asked.agent_length);
    const char *host = path && *path != '/' ? arena_printf(a, "%s/%s", f->b->cwd, path) : path;
    const char *clean = host ? flag_path_clean(a, host) : NULL;
    if (!clean)
        return policy_no_memory(err);
    const struct path_rule *rule = paths_find(f->b->p, clean);
    if (rule && rule->verdict != PATH_DENY && rule->access & PATH_READ)
        return 0;
    return err_set(err, -EINVAL, "--java-option %s: no rule shows the agent's jar: --ro %s", option, path);
}

static int put_machine(struct java_finding *f, const struct java_options *o, struct err *err)
{
    struct policy *p = f->b->p;
    const char *path;
    /* Its shared file is seen by nobody outside, and the control groups that it would look for are not there. */
    int r = engine_put(p, "--option", "-XX:-UsePerfData", err);

    if (r == 0)
        r = engine_put(p, "--option", "-XX:-UseContainerSupport", err);
    if (r == 0)
        r = put_limits(p, o, err);
    if (r == 0 && o->class_path && (r = java_grant_list(f, "--class-path", o->class_path, true, &path, err)) == 0)
        r = engine_put(p, "--option", arena_printf(p->arena, "-Djava.class.path=%s", path), err);
    if (r == 0 && o->module_path && (r = java_grant_list(f, "--module-path", o->module_path, false, &path, err)) == 0)
        r = engine_put(p, "--option", arena_printf(p->arena, "--module-path=%s", path), err);
    for (uint32_t i = 0; i < o->machine.n && r == 0; i++)
        if ((r = check_agent(f, o->machine.v[i], err)) == 0)
            r = engine_put(p, "--option", o->machine.v[i], err);
    return r;
}

int java_find(struct policy_build *b, const struct java_options *o, char *const *arguments, int n, struct err *err)
{
    static const char *const tells[] = {NULL, "--deny-log=all", "--deny-log=none"};
    struct policy *p = b->p;
    struct java_finding f = {.b = b};
    const char *jar = NULL;
    int r;

    if (!policy_flag_given(b, FLAG_WORKDIR))
        p->process.cwd = program_directory(p, b->cwd);
    f.here = !strcmp(p->process.cwd, b->cwd);
    p->process.argv = (struct strv){0};
    if ((o->jar && (r = java_grant_jar(&f, o->jar, &jar, err)) < 0) || (r = program_trim_path(p, err)) < 0 ||
        (r = engine_put(p, NULL, o->engine, err)) < 0 || (r = engine_put(p, "--jdk", o->jdk, err)) < 0 ||
        (!runs_programs(p) && (r = engine_put(p, NULL, "--no-exec", err)) < 0) ||
        (tells[o->tell] && (r = engine_put(p, NULL, tells[o->tell], err)) < 0) || (r = put_machine(&f, o, err)) < 0 ||
        (r = put_rules(p, err)) < 0 || (r = put_net(p, err)) < 0)
        return r;
    if (jar)
        r = engine_put(p, "--jar", jar, err);
    else if (o->module)
        r = engine_put(p, "--module", o->module, err);
    else if (o->main_class)
        r = engine_put(p, "--class", o->main_class, err);
    for (int i = 0; i < n && r == 0; i++)
        r = engine_put(p, NULL, arguments[i], err);
    /* What is shown by default lies deep, as the JDK: a user's --ro /usr is not to be mounted over it. */
    policy_mounts_sort(p, 0);
    return r;
}
