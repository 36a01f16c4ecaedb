/* SPDX-License-Identifier: Apache-2.0 */
/* An image, a directory or a bundle as the workload: behind the container, and whatever has no kind of its own. Trust:
 * what an image says of itself is its own; it chooses nothing that the policy does not grant. */
#include "cli/compare.h"
#include "cli/kinds.h"
#include "cli/run_options.h"
#include "policy/list.h"
#include "policy/names.h"

#include <errno.h>
#include <string.h>

static int merge_env(struct run_options *o, const struct image_config *image, struct err *err)
{
    struct arena *a = o->policy.arena;
    struct strv *env = &o->policy.process.env;
    int r = 0;

    for (uint32_t i = 0; !r && i < image->env.n; i++)
        r = policy_env_set(a, env, image->env.v[i]);
    for (uint32_t i = 0; !r && i < o->build.user_env.n; i++)
        r = policy_env_set(a, env, o->build.user_env.v[i]);
    return r < 0 ? err_set(err, r, "the environment is too large") : 0;
}

static int push_all(struct run_options *o, char *const *words, uint32_t n, struct err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        if (policy_strv_push(o->policy.arena, &o->policy.process.argv, words[i]) < 0)
            return err_set(err, -ENOMEM, "the command is too long");
    }
    return 0;
}

int run_options_image(struct run_options *o, const struct image_config *image, struct err *err)
{
    static const struct image_config none;
    bool own_entry = policy_flag_given(&o->build, FLAG_ENTRYPOINT);
    int r;

    image = image ? image : &none;
    if ((r = merge_env(o, image, err)) < 0)
        return r;
    if (!policy_flag_given(&o->build, FLAG_WORKDIR) && image->working_dir && *image->working_dir)
        o->policy.process.cwd = image->working_dir;
    if (!o->build.user && image->user && *image->user)
        o->build.user = image->user;
    if (!o->policy.stop_signal && image->stop_signal && *image->stop_signal) {
        int signo = signal_from_name(image->stop_signal);
        if (signo <= 0)
            return err_set(err, -EINVAL, "the image's stop signal '%s' is not known: --stop-signal names another",
                           image->stop_signal);
        o->policy.stop_signal = signo;
    }
    o->policy.process.argv = (struct strv){0};
    r = own_entry ? push_all(o, o->build.entrypoint.v, o->build.entrypoint.n, err)
                  : push_all(o, image->entrypoint.v, image->entrypoint.n, err);
    if (!r && o->n_command)
        r = push_all(o, o->command, (uint32_t)o->n_command, err);
    else if (!r && !own_entry) /* the image's command belongs to the image's entrypoint */
        r = push_all(o, image->cmd.v, image->cmd.n, err);
    if (!r && !o->policy.process.argv.n)
        return err_set(err, -EINVAL, "no command: neither the image nor you name one: moat run ... IMAGE COMMAND");
    return r;
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

static int take_operands(struct run_options *o, int n, char **operand, bool lenient, struct err *err)
{
    if (o->rootfs)
        return 0;
    if (n < 1)
        return lenient ? 0 /* the policy alone */
                       : err_set(err, -EINVAL,
                                 "what is to run is missing: moat run [OPTIONS] IMAGE|DIR [COMMAND] [ARG...]");
    o->image = operand[0];
    return *o->image ? 1 : err_set(err, -EINVAL, "the name of the image is empty");
}

/* What an image wants to run is not looked up to explain a policy. */
static int find(struct run_options *o, const struct finding *f, struct err *err)
{
    return f->purpose == FIND_TO_EXPLAIN ? 0 : run_options_image(o, f->image, err);
}

static const char *name_of(const struct run_options *o)
{
    return o->bundle ? o->bundle : o->rootfs ? o->rootfs : o->image;
}

static const struct compare_row compared = {.boundary = "container",
                                            .args = {"-v", "{libexec}:/moat:ro"},
                                            .work_args = {"-v", "{work}:/work"},
                                            .root = "busybox",
                                            .program_dir = "/moat",
                                            .work_dir = "/work",
                                            .image = true};

const struct workload_kind image_kind = {
    .types = {"image", "root", "bundle"},
    .words = "an image",
    .compare = &compared,
    .operands = take_operands,
    .find = find,
    .name = name_of,
};
