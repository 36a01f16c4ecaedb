/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's side of the meter page. One thread sleeps on a word of it, and measures when that word changes: nobody
 * asks, nothing costs. What a reader finds was written by a process that the guest may own.
 */
#include "jvm/metering.h"

#include "base/mem.h"
#include "jvm/engine.h"
#include "jvm/thread.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREAD_STACK ((size_t)256 << 10) /* HotSpot wants some 100 KiB below what its own code takes */

static struct {
    struct jvm_meter *page;
    size_t list_room;
    const struct jvm_engine *engine;
    void *vm;
} meter;

static int read_descriptor(const char *text, int *out)
{
    char *end;

    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno || *end || end == text || n < 0 || n > INT_MAX)
        return -EINVAL;
    *out = (int)n;
    return 0;
}

/* System.exit does not come back to anybody else. */
static void mark_end(void)
{
    jvm_metering_state(JVM_STATE_ENDED);
}

int jvm_metering_open(struct err *err)
{
    const char *text = getenv(JVM_METER_FD);
    _cleanup_fd_ int fd = -1;
    struct stat st;

    if (!text)
        return 0;
    if (read_descriptor(text, &fd) < 0)
        return err_set(err, -EINVAL, JVM_METER_FD "=%s: a descriptor is expected", text);
    unsetenv(JVM_METER_FD);
    if (fstat(fd, &st) < 0)
        return err_sys(err, -errno, "the meter page, descriptor %d", fd);
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)JVM_METER_SIZE)
        return err_set(err, -EINVAL, "the meter page, descriptor %d: a file of %u bytes or more is expected", fd,
                       JVM_METER_SIZE);
    size_t size = st.st_size > (off_t)(JVM_METER_SIZE + JVM_METER_LIST_MAX) ? JVM_METER_SIZE + JVM_METER_LIST_MAX
                                                                            : (size_t)st.st_size;
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return err_sys(err, -errno, "the meter page cannot be mapped");
    meter.page = page;
    meter.list_room = size - JVM_METER_SIZE;
    memcpy(meter.page->magic, JVM_METER_MAGIC, sizeof meter.page->magic);
    jvm_metering_state(JVM_STATE_STARTING);
    atexit(mark_end);
    return 0;
}

static void *serve(void *context)
{
    uint32_t *asked = &meter.page->asked, *answered = &meter.page->answered;

    for (;;) {
        uint32_t seen = __atomic_load_n(asked, __ATOMIC_ACQUIRE);
        if (seen == __atomic_load_n(answered, __ATOMIC_RELAXED)) {
            syscall(SYS_futex, asked, FUTEX_WAIT, seen, NULL, NULL, 0);
            continue;
        }
        meter.engine->meter(meter.vm, meter.page); /* too early or too late: the state says so */
        __atomic_store_n(answered, seen, __ATOMIC_RELEASE);
        syscall(SYS_futex, answered, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
    return NULL;
}

int jvm_metering_serve(const struct jvm_engine *engine, void *vm, struct err *err)
{
    if (!meter.page)
        return 0;
    meter.engine = engine;
    meter.vm = vm;
    int r = jvm_thread_start(serve, NULL, THREAD_STACK);
    return r < 0 ? err_sys(err, r, "the thread that answers the meter") : 0;
}

bool jvm_metering_on(void)
{
    return meter.page;
}

void jvm_metering_state(enum jvm_state state)
{
    if (meter.page)
        __atomic_store_n(&meter.page->state, (uint32_t)state, __ATOMIC_RELEASE);
}

void jvm_metering_end(enum jvm_end reason)
{
    if (meter.page && reason)
        __atomic_store_n(&meter.page->end_reason, (uint32_t)reason, __ATOMIC_RELEASE);
}

void jvm_metering_exhausted(enum jvm_end limit)
{
    if (meter.page && limit)
        __atomic_store_n(&meter.page->exhausted, (uint32_t)limit, __ATOMIC_RELEASE);
}

void jvm_metering_sharing(bool in_use)
{
    if (meter.page)
        __atomic_store_n(&meter.page->sharing, in_use ? 1u : 2u, __ATOMIC_RELEASE);
}

void jvm_metering_list(const char *name, size_t length)
{
    struct jvm_meter *p = meter.page;

    if (!p)
        return;
    char *list = (char *)p + JVM_METER_SIZE;
    size_t used = p->list_length; /* the guest may have scribbled over it */
    if (used > meter.list_room || length + 1 > meter.list_room - used) {
        p->list_cut = 1;
        return;
    }
    memcpy(list + used, name, length);
    list[used + length] = '\n';
    p->list_length = (uint32_t)(used + length + 1);
}
