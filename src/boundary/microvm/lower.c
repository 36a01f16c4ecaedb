/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds a microVM: the broker's lowering, and the rows of the machine and of the Linux inside, read back from the
 * command line of moat-vmm, since that is what is executed. Pure.
 */
#include "boundary/microvm/lower.h"
#include "boundary/container/container.h"
#include "boundary/microvm/words.h"

#include <stdlib.h>
#include <string.h>

#define MACHINE "the machine (src/machine)"
#define INSIDE  "the guest's own kernel"

static int add(struct lowering *l, const char *item, const char *value, const char *mechanism)
{
    return lowering_add(l, LOWER_ENFORCED, item, value, mechanism, NULL);
}

static int say_words(const struct policy *p, struct lowering *l)
{
    const struct strv *argv = &p->process.argv;
    const char *word, *value;
    uint32_t at = 0;
    int r = 0;

    while ((word = microvm_next_word(argv, &at, &value)) && r == 0) {
        if (!strcmp(word, "--memory") && value) {
            const char *text = arena_printf(l->arena, "%llu MiB", strtoull(value, NULL, 10) >> 20);
            r = text ? add(l, "guest's memory", text, MACHINE ": there is no more of it") : -1;
        } else if (!strcmp(word, "--disk") && value) {
            r = add(l, "disk", microvm_word_file(p, value), MACHINE ": virtio-blk; the file is the I/O process's");
        } else if (!strcmp(word, "--accel") && value) {
            r = add(l, "processor", value, !strcmp(value, "soft") ? "our own (src/cpu)" : "KVM, or our own (src/cpu)");
        }
    }
    return r;
}

int microvm_lower_engine(const struct policy *p, struct lowering *out, struct err *err)
{
    int r = container_lower_brokered(p, out, err);

    if (r < 0)
        return r;
    if (!p->seccomp.set)
        lowering_instead(out, "system calls", "of two processes, by list",
                         "seccomp filters of moat-vmm's own, by number and arguments");
    r = say_words(p, out);
    return r < 0 ? err_set(err, r, "no memory for the explanation") : 0;
}

int microvm_lower(const struct policy *p, struct lowering *out, struct err *err)
{
    int r = microvm_lower_engine(p, out, err);

    if (r < 0)
        return r;
    lowering_instead(out, "root file system", "the initramfs in the guest's memory", INSIDE);
    r = add(out, "program's system calls", "answered inside", INSIDE "; none of them reaches the host");
    return r < 0 ? err_set(err, r, "no memory for the explanation") : 0;
}
