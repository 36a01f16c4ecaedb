/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See page.h. The file lies in a directory of ours, and nobody but us can change its size: moat-jvm closes its
 * descriptor before the first instruction of the program. Its contents are the program's to scribble over: they are
 * copied once, the copy is checked, and waiting for an answer has an end of ours.
 */
#include "boundary/jvm/page.h"
#include "base/clock.h"
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE_FILE "jvm" /* in the state directory */

int page_make(int state_fd, int *fd)
{
    /* Never the file of an earlier run, which a reader may have mapped: it would be cut under him. */
    unlinkat(state_fd, PAGE_FILE, 0);
    int file = openat(state_fd, PAGE_FILE, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    /* Open over the exec of moat-enter, which closes it for all but the workload itself. */
    if (ftruncate(file, JVM_METER_SIZE) < 0 || fcntl(file, F_SETFD, 0) < 0) {
        int r = -errno;
        close(file);
        return r;
    }
    *fd = file;
    return 0;
}

static int page_open(int state_fd, int flags, uint64_t *size)
{
    struct stat st;
    int fd = openat(state_fd, PAGE_FILE, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)JVM_METER_SIZE) {
        close(fd);
        return -ENODATA;
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

static uint32_t load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Another reader's question counts as ours when it came later. */
static int wait_answer(struct jvm_meter *page, uint32_t question)
{
    const int64_t until = clock_ms() + JVM_METER_WAIT_MS;

    for (;;) {
        uint32_t answered = load(&page->answered);
        int64_t left = until - clock_ms();
        if ((int32_t)(answered - question) >= 0)
            return 0;
        if (left <= 0)
            return -ETIMEDOUT;
        struct timespec ts = {left / 1000, left % 1000 * 1000000};
        sys(SYS_futex, &page->answered, FUTEX_WAIT, answered, &ts, NULL, 0);
    }
}

static void fill(const struct jvm_meter *copy, struct meter *out)
{
    *out = (struct meter){
        .heap_used = {true, copy->heap_used},
        .heap_committed = {true, copy->heap_committed},
        .heap_max = {true, copy->heap_max},
        .threads = {true, copy->threads},
        .classes = {true, copy->classes},
        .collections = {true, copy->collections},
        .collection_ns = {true, copy->collection_ns},
    };
}

int page_ask(int state_fd, struct meter *out)
{
    uint64_t size;
    _cleanup_fd_ int fd = page_open(state_fd, O_RDWR, &size);

    if (fd < 0)
        return fd;
    struct jvm_meter *page = mmap(NULL, JVM_METER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), copy;
    if (page == MAP_FAILED)
        return -errno;
    int r = load(&page->state) == JVM_STATE_RUNNING ? 0 : -ENODATA;
    if (r == 0) {
        uint32_t question = __atomic_add_fetch(&page->asked, 1, __ATOMIC_ACQ_REL);
        sys(SYS_futex, &page->asked, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        r = wait_answer(page, question);
    }
    copy = *page;
    munmap(page, JVM_METER_SIZE);
    if (r == 0 && !jvm_meter_valid(&copy, size))
        r = -EPROTO;
    if (r == 0)
        fill(&copy, out);
    return r;
}

int page_copy(int state_fd, struct jvm_meter *copy)
{
    uint64_t size;
    int fd = page_open(state_fd, O_RDONLY, &size);

    if (fd < 0 || (pread(fd, copy, sizeof *copy, 0) == sizeof *copy && jvm_meter_valid(copy, size)))
        return fd;
    close(fd);
    return -EPROTO;
}

enum boundary_end page_end(int state_fd)
{
    static const enum boundary_end limits[JVM_ENDS] = {
        [JVM_END_HEAP] = ENDED_HEAP,
        [JVM_END_METASPACE] = ENDED_METASPACE,
        [JVM_END_DIRECT_MEMORY] = ENDED_DIRECT_MEMORY,
        [JVM_END_THREADS] = ENDED_THREADS,
    };
    struct jvm_meter copy;
    _cleanup_fd_ int fd = page_copy(state_fd, &copy);

    return fd < 0 ? ENDED_OTHERWISE : limits[copy.end_reason];
}
