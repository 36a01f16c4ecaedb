/* SPDX-License-Identifier: Apache-2.0 */
/* See engine_walls.h. */
#include "cli/engine_walls.h"

#include "cli/program.h"
#include "cli/run_options_internal.h"
#include "host/helper.h"
#include "policy/defaults.h"
#include "policy/list.h"

#include <errno.h>

#define PTS_OPTIONS "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"

int engine_operand(int argc, char **argv, bool lenient, const char *usage, const char **what, struct err *err)
{
    if (argc < 1)
        return lenient ? 0 : err_set(err, -EINVAL, "what is to run is missing: moat run %s", usage);
    *what = argv[0];
    return 1;
}

void engine_no_variables(struct policy *p)
{
    p->process.env.n = 0;
    if (p->process.env.v)
        p->process.env.v[0] = NULL;
}

int engine_walls(struct policy *p, const char *helper, struct err *err)
{
    const char *path;
    int r = libexec_find(p->arena, helper, &path, err);

    if (r < 0 || (r = program_walls(p, err)) < 0)
        return r;
    p->n_mounts = 0;
    engine_no_variables(p);
    p->init = false; /* it ends by the signals that ask it to, and makes no process */
    return 0;
}

static bool has_anyway(const struct policy *p, enum policy_flag flag, uint64_t anyway)
{
    return flag == FLAG_NETWORK ? p->ns[NS_NET].how == NS_NEW : anyway >> flag & 1;
}

int engine_refuse(const struct collect *c, const struct engine_refusal *rows, size_t n, uint64_t anyway,
                  struct err *err)
{
    const struct policy_build *b = &c->out->build;

    for (uint32_t i = 0; i < c->n_waiting; i++)
        anyway &= ~(UINT64_C(1) << c->waiting[i].id); /* typed */
    for (size_t i = 0; i < n; i++)
        if (policy_flag_given(b, rows[i].flag) && !has_anyway(b->p, rows[i].flag, anyway))
            return err_set(err, -EINVAL, "%s: %s", kind_said_by(c, (int)rows[i].flag, rows[i].member), rows[i].why);
    return 0;
}

/* An engine's own filter is stricter than any that could stand around its start, and there is no /proc. */
void engine_layers(struct policy *p)
{
    p->init = false;
    if (p->seccomp.moat_default)
        p->seccomp = (struct seccomp_policy){0};
    p->masked_paths.n = p->readonly_paths.n = 0;
}

int engine_terminal(struct policy *p, struct err *err)
{
    struct made_file *console = policy_list_push(p->arena, &p->made, &p->n_made, sizeof *console);

    if (!console)
        return policy_no_memory(err);
    *console = (struct made_file){.path = "/dev/console", .content = ""};
    return policy_mount_add(p, "/dev/pts", "devpts", "devpts", PTS_OPTIONS, err);
}
