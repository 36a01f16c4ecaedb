/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-jvm: runs one Java program, as `java` would, behind the walls that `moat run -b jvm` has put around it. The
 * program may own this process: it has no right that the program has not.
 */
#include "jvm/denials.h"
#include "jvm/engine.h"
#include "jvm/fence.h"
#include "jvm/metering.h"

#include <stdio.h>

static int run(const struct jvm_config *config, int *status, struct err *err)
{
    const struct jvm_engine *engine = &jvm_hotspot;
    void *vm;

    int r = jvm_metering_open(err);
    if (r < 0 || (config->no_exec && (r = jvm_fence_raise(err)) < 0))
        return r;
    denials_begin(config);
    if ((r = engine->create(config, &vm, err)) < 0)
        return r;
    if ((r = jvm_metering_serve(engine, vm, err)) == 0)
        r = engine->run(vm, status, err);
    engine->destroy(vm);
    return r;
}

int main(int argc, char **argv)
{
    struct jvm_config config;
    struct err err = {0};
    int status = 0;

    int r = jvm_config_read(&config, argc, argv, &err);
    if (r == 0)
        r = run(&config, &status, &err);
    if (r < 0)
        fprintf(stderr, "moat-jvm: %s\n", err.text);
    return r < 0 ? 1 : status;
}
