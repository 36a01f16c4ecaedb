/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds a Java program: the broker's lowering, and the rows that are the JVM's own. Those are read back from the
 * command line of moat-jvm, since that is what is executed. Pure.
 */
#include "boundary/jvm/lower.h"
#include "boundary/container/container.h"
#include "boundary/jvm/words.h"

#define HOTSPOT "HotSpot: an OutOfMemoryError, which ends a program that does not catch it"

static const struct {
    const char *option, *item, *mechanism;
} limits[] = {
    {"-Xmx", "Java heap", HOTSPOT},
    {"-XX:MaxMetaspaceSize=", "classes (metaspace)", HOTSPOT},
    {"-XX:MaxDirectMemorySize=", "direct memory", HOTSPOT},
    {"-XX:ReservedCodeCacheSize=", "compiled code", "HotSpot: what does not fit is interpreted"},
    {"-XX:ActiveProcessorCount=", "processors that Java sees", "HotSpot"},
};

static int add(struct lowering *l, enum lower_how how, const char *item, const char *value, const char *mechanism)
{
    return lowering_add(l, how, item, value, mechanism, NULL);
}

int jvm_lower(const struct policy *p, struct lowering *out, struct err *err)
{
    const struct strv *argv = &p->process.argv;
    int r = container_lower_brokered(p, out, err);

    for (size_t i = 0; i < ARRAY_LEN(limits) && r == 0; i++) {
        const char *value = jvm_option_value(argv, limits[i].option);
        if (value)
            r = add(out, LOWER_ENFORCED, limits[i].item, value, limits[i].mechanism);
    }
    if (r == 0 && argv->n)
        r = jvm_has_word(argv, "--no-exec")
                ? add(out, LOWER_ENFORCED, "programs and processes", "none", "seccomp filter of moat-jvm's own")
                : add(out, LOWER_GRANTED, "programs and processes", "where a rule gives x", "execve(2) and Landlock");
    if (r == 0 && argv->n)
        r = add(out, LOWER_ENFORCED, "native libraries", "in files: where a rule gives x", "mounts without execution");
    return r < 0 && !err->code ? err_set(err, r, "no memory for the explanation") : r;
}
