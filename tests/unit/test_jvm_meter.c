/* SPDX-License-Identifier: Apache-2.0 */
/* The meter page of moat-jvm: its layout, what a reader refuses, and the page that moat-jvm fills. */
#include "base/mem.h"
#include "jvm/engine.h"
#include "jvm/metering.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIST_ROOM 64

static const struct jvm_meter good = {
    .magic = {'m', 'o', 'a', 't', 'j', 'v', 'm', '1'}, .state = JVM_STATE_RUNNING, .heap_used = 5, .heap_committed = 8};

static void test_page_has_its_fields_where_readers_look(void **state)
{
    static const struct {
        const char *name;
        size_t at, expected;
    } fields[] = {
#define AT(field, n) {#field, offsetof(struct jvm_meter, field), n}
        AT(magic, 0),        AT(asked, 8),           AT(answered, 12),    AT(state, 16),    AT(end_reason, 20),
        AT(heap_used, 24),   AT(heap_committed, 32), AT(heap_max, 40),    AT(threads, 48),  AT(classes, 56),
        AT(collections, 64), AT(collection_ns, 72),  AT(list_length, 80), AT(list_cut, 84), AT(exhausted, 88),
    };

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i].at != fields[i].expected)
            fail_msg("%s is at %zu, expected at %zu", fields[i].name, fields[i].at, fields[i].expected);
    }
    assert_true(sizeof(struct jvm_meter) <= JVM_METER_SIZE);
}

static void test_page_that_was_scribbled_over_is_refused(void **state)
{
    struct jvm_meter p = good;

    assert_true(jvm_meter_valid(&p, JVM_METER_SIZE));
    assert_false(jvm_meter_valid(&p, JVM_METER_SIZE - 1));
    p.list_length = LIST_ROOM;
    assert_true(jvm_meter_valid(&p, JVM_METER_SIZE + LIST_ROOM));
    assert_false(jvm_meter_valid(&p, JVM_METER_SIZE + LIST_ROOM - 1));
#define SPOIL(field, value) (p = good, p.field = (value), jvm_meter_valid(&p, JVM_METER_SIZE))
    assert_false(SPOIL(magic[7], '2'));
    assert_false(SPOIL(state, JVM_STATES));
    assert_false(SPOIL(state, UINT32_MAX));
    assert_false(SPOIL(end_reason, JVM_ENDS));
    assert_false(SPOIL(exhausted, JVM_ENDS));
    assert_false(SPOIL(list_cut, 2));
    assert_false(SPOIL(list_length, UINT32_MAX));
    assert_false(SPOIL(heap_used, 9));
    assert_false(SPOIL(heap_max, UINT64_MAX));
    assert_false(SPOIL(classes, UINT64_MAX));
}

/* ---- the side of moat-jvm: once in a process, so each in a child ------------------------------------------------- */

static int page_file(size_t size)
{
    int fd = memfd_create("page", 0);

    assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    return fd;
}

static struct jvm_meter *map(int fd)
{
    struct jvm_meter *p = mmap(NULL, JVM_METER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    assert_ptr_not_equal(p, MAP_FAILED);
    return p;
}

static void give(int fd)
{
    char text[16];

    snprintf(text, sizeof text, "%d", fd);
    setenv(JVM_METER_FD, text, 1);
}

/* The exit status of what a child does. */
static int in_a_child(int (*f)(int fd), int fd)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(f(fd));
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int open_and_fill(int fd)
{
    struct err err = {0};
    char name[40];

    give(fd);
    if (jvm_metering_open(&err) < 0 || getenv(JVM_METER_FD) || fcntl(fd, F_GETFD) >= 0 || !jvm_metering_on())
        return 1;
    jvm_metering_state(JVM_STATE_ENDED);
    jvm_metering_end(JVM_END_HEAP);
    jvm_metering_end(JVM_END_NONE);
    jvm_metering_exhausted(JVM_END_METASPACE);
    jvm_metering_list("a/B", 3);
    memset(name, 'x', sizeof name);
    jvm_metering_list(name, sizeof name);
    jvm_metering_list(name, sizeof name); /* does not fit */
    jvm_metering_list("c/D", 3);          /* does */
    return 0;
}

static void test_page_that_is_given_is_filled_and_its_descriptor_closed(void **state)
{
    int fd = page_file(JVM_METER_SIZE + LIST_ROOM);
    char list[LIST_ROOM + 1] = "";

    assert_int_equal(in_a_child(open_and_fill, fd), 0);
    struct jvm_meter *p = map(fd);
    assert_true(jvm_meter_valid(p, JVM_METER_SIZE + LIST_ROOM));
    assert_int_equal(p->state, JVM_STATE_ENDED);
    assert_int_equal(p->end_reason, JVM_END_HEAP);
    assert_int_equal(p->exhausted, JVM_END_METASPACE);
    assert_int_equal(p->list_length, 4 + 41 + 4);
    assert_int_equal(p->list_cut, 1);
    assert_int_equal(pread(fd, list, LIST_ROOM, JVM_METER_SIZE), LIST_ROOM);
    assert_memory_equal(list, "a/B\nxxx", 7);
    assert_memory_equal(list + 45, "c/D\n", 5);
    munmap(p, JVM_METER_SIZE);
    close(fd);
}

static int is_refused(int fd)
{
    struct err err = {0};

    return jvm_metering_open(&err) == -EINVAL && strstr(err.text, "page") && !jvm_metering_on() ? 0 : 1;
}

static int is_no_number(int fd)
{
    struct err err = {0};

    return jvm_metering_open(&err) == -EINVAL && strstr(err.text, getenv(JVM_METER_FD)) ? 0 : 1;
}

static int is_unmetered(int fd)
{
    struct err err = {0};

    unsetenv(JVM_METER_FD);
    int r = jvm_metering_open(&err);
    jvm_metering_state(JVM_STATE_RUNNING); /* nothing, and no crash */
    jvm_metering_end(JVM_END_HEAP);
    jvm_metering_list("x", 1);
    return r == 0 && !jvm_metering_on() && jvm_metering_serve(NULL, NULL, &err) == 0 ? 0 : 1;
}

static void test_page_that_cannot_be_one_is_refused(void **state)
{
    static const char *const numbers[] = {"", "x", "3x", "-1", "99999999999", " 3 "};
    int small = page_file(JVM_METER_SIZE - 1), ends[2];

    assert_int_equal(pipe(ends), 0);
    give(small);
    assert_int_equal(in_a_child(is_refused, small), 0);
    give(ends[0]);
    assert_int_equal(in_a_child(is_refused, ends[0]), 0);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        setenv(JVM_METER_FD, numbers[i], 1);
        if (in_a_child(is_no_number, -1) != 0)
            fail_msg("'%s' was taken", numbers[i]);
    }
    assert_int_equal(in_a_child(is_unmetered, -1), 0);
    unsetenv(JVM_METER_FD);
    close(small), close(ends[0]), close(ends[1]);
}

static int measure(void *vm, struct jvm_meter *page)
{
    page->heap_used += *(int *)vm;
    return 0;
}

static int answer(int fd)
{
    static const struct jvm_engine engine = {.meter = measure};
    static int step = 7;
    struct err err = {0};

    give(fd);
    if (jvm_metering_open(&err) < 0 || jvm_metering_serve(&engine, &step, &err) < 0)
        return 1;
    jvm_metering_state(JVM_STATE_RUNNING);
    for (;;)
        pause();
}

/* As meter.h says: a reader asks, and waits. */
static bool ask(struct jvm_meter *p)
{
    uint32_t asked = __atomic_add_fetch(&p->asked, 1, __ATOMIC_ACQ_REL), answered;

    syscall(SYS_futex, &p->asked, FUTEX_WAKE, 1, NULL, NULL, 0);
    for (int i = 0; i < 200; i++) {
        answered = __atomic_load_n(&p->answered, __ATOMIC_ACQUIRE);
        if (answered == asked)
            return true;
        syscall(SYS_futex, &p->answered, FUTEX_WAIT, answered, &(struct timespec){.tv_nsec = 100000000}, NULL, 0);
    }
    return false;
}

static void test_page_is_measured_once_for_each_question(void **state)
{
    int fd = page_file(JVM_METER_SIZE);
    struct jvm_meter *p = map(fd);

    p->asked = UINT32_MAX - 1; /* over the end of the count */
    p->answered = UINT32_MAX - 1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(answer(fd));
    assert_true(pid > 0);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_true(ask(p));
        assert_int_equal(p->heap_used, 7 * i);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    munmap(p, JVM_METER_SIZE);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_has_its_fields_where_readers_look),
        cmocka_unit_test(test_page_that_was_scribbled_over_is_refused),
        cmocka_unit_test(test_page_that_is_given_is_filled_and_its_descriptor_closed),
        cmocka_unit_test(test_page_that_cannot_be_one_is_refused),
        cmocka_unit_test(test_page_is_measured_once_for_each_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
