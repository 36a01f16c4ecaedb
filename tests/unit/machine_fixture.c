/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine that does nothing but say what was done to it. One machine at a time.
 */
#include "unit/machine_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct fixture *the;
static struct cpu_bus the_bus;
static const struct vcpu_ops fake;

static int fake_create(struct vcpu **out, const struct cpu_bus *bus, const struct cpu_model *model, struct gmem *memory,
                       char why[160])
{
    the_bus = *bus;
    the->vcpu.ops = &fake;
    *out = &the->vcpu;
    return 0;
}
static void fake_destroy(struct vcpu *v)
{
}
static enum vcpu_exit fake_run(struct vcpu *v, uint64_t budget, uint64_t ns)
{
    return the->exit;
}
static void fake_kick(struct vcpu *v)
{
    the->kicks++;
}
static void fake_set_intr(struct vcpu *v, bool up)
{
    the->intr = up;
}
static void fake_set_nmi(struct vcpu *v)
{
    the->nmis++;
}
static void fake_stop(struct vcpu *v)
{
    the->stops++;
}
static int fake_get(struct vcpu *v, struct vcpu_state *out)
{
    *out = the->state;
    return 0;
}
static int fake_set(struct vcpu *v, const struct vcpu_state *s)
{
    the->state = *s;
    return 0;
}
static void fake_written(struct vcpu *v, gpa_t gpa, uint64_t n)
{
    the->written++;
}
static int fake_map_changed(struct vcpu *v)
{
    the->map_changes++;
    return 0;
}
static int fake_counter_moved(struct vcpu *v)
{
    return 0;
}
static uint64_t fake_executed(struct vcpu *v)
{
    return 1;
}
static const char *fake_failure(struct vcpu *v)
{
    return "none";
}

static const struct vcpu_ops fake = {
    .name = "fake",
    .create = fake_create,
    .destroy = fake_destroy,
    .run = fake_run,
    .kick = fake_kick,
    .set_intr = fake_set_intr,
    .set_nmi = fake_set_nmi,
    .stop = fake_stop,
    .get = fake_get,
    .set = fake_set,
    .memory_written = fake_written,
    .map_changed = fake_map_changed,
    .counter_moved = fake_counter_moved,
    .executed = fake_executed,
    .failure = fake_failure,
};

static uint64_t count(void *owner)
{
    return ((struct fixture *)owner)->counter;
}

static void wait_for(void *owner, uint64_t ns)
{
    struct fixture *f = owner;
    f->waited = ns;
    if (ns == NEVER)
        machine_end(&f->machine, MACHINE_FAILED); /* nothing would ever come */
    else
        f->counter += ns;
}

static bool put(void *owner, uint8_t byte)
{
    struct fixture *f = owner;
    if (f->refuse > 0) {
        f->refuse--;
        return false;
    }
    if (f->n_sent < sizeof(f->sent) - 1)
        f->sent[f->n_sent++] = (char)byte;
    return true;
}

static void fail(const char *what)
{
    fprintf(stderr, "fixture: %s\n", what);
    abort();
}

static struct fixture *make(enum machine_kind kind, uint64_t bytes, const char *model, const struct pc_setup *pc)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct machine_setup setup = {.kind = kind, .engine = &fake, .wall_ns = UINT64_C(1000000000) * SECOND_NS};
    struct gmem_region regions[2];
    const char *names;
    if (f == NULL)
        fail("no memory");
    the = f;
    if (pc != NULL) {
        f->pc_setup = *pc;
        for (unsigned i = 0; i < PC_FLOPPIES; i++)
            if (f->pc_setup.floppies[i] == NULL)
                f->pc_setup.floppies[i] = &f->floppies[i];
        setup.pc = &f->pc;
        setup.pc_setup = &f->pc_setup;
    }
    f->bytes = bytes;
    f->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (f->memory == MAP_FAILED)
        fail("no memory for a guest");
    for (unsigned i = 0, n = machine_memory_layout(bytes, regions); i < n; i++) {
        regions[i].host = f->memory + regions[i].offset;
        if (gmem_add(&f->machine.memory, &regions[i]) != 0)
            fail("gmem_add");
    }
    if (cpu_model_find(model, &setup.model, &names) != 0)
        fail(names);
    setup.model.tsc_hz = FIXTURE_HZ;
    setup.host = (struct machine_host){.owner = f, .wait = wait_for};
    f->exit = VCPU_EXIT_HALT;
    if (machine_init(&f->machine, &setup) != 0)
        fail("machine_init");
    clock_source(&f->machine.clock, count, f);
    f->machine.clock.offset = 0;
    uart_connect(&f->machine.uart[0], put, NULL, f);
    return f;
}

struct fixture *fixture_make(enum machine_kind kind, uint64_t bytes, const char *model)
{
    return make(kind, bytes, model, NULL);
}

struct fixture *fixture_make_pc(uint64_t bytes, const char *model, const struct pc_setup *setup)
{
    return make(MACHINE_PC, bytes, model, setup);
}

void fixture_free(struct fixture *f)
{
    machine_finish(&f->machine);
    munmap(f->memory, f->bytes);
    free(f);
    the = NULL;
}

void fixture_pass(struct fixture *f, uint64_t ns)
{
    f->counter += ns;
    timers_run(&f->machine.timers, clock_now(&f->machine.clock));
}

static int read_memory(void *owner, uint64_t offset, void *to, uint64_t n)
{
    const struct fixture_file *file = owner;
    memcpy(to, file->bytes + offset, n);
    return 0;
}

struct boot_file fixture_file(struct fixture_file *file)
{
    return (struct boot_file){file, file->n, read_memory};
}

const struct cpu_bus *fixture_bus(void)
{
    return &the_bus;
}
