/* SPDX-License-Identifier: Apache-2.0 */
/* moat's side of the page that a Java virtual machine shares with it, against machines that answer, lie and say
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boundary/jvm/page.h"
#include "jvm/meter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char dir[] = "/tmp/test-jvm-page-XXXXXX";
static int state_fd = -1;
static struct jvm_meter *page;

/* A fresh page, as moat makes it and moat-jvm has mapped it. */
static int setup(void **state)
{
    int fd = -1;

    if (state_fd < 0 && (!mkdtemp(dir) || (state_fd = open(dir, O_RDONLY | O_DIRECTORY)) < 0))
        return -1;
    if (page_make(state_fd, &fd) < 0)
        return -1;
    page = mmap(NULL, JVM_METER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? -1 : 0;
}

static int teardown(void **state)
{
    munmap(page, JVM_METER_SIZE);
    unlinkat(state_fd, "jvm", 0);
    return 0;
}

static int teardown_group(void **state)
{
    close(state_fd);
    return rmdir(dir);
}

static void good_page(void)
{
    *page = (struct jvm_meter){.state = JVM_STATE_RUNNING,
                               .heap_used = 1,
                               .heap_committed = 2,
                               .heap_max = 3,
                               .threads = 4,
                               .classes = 5,
                               .collections = 6,
                               .collection_ns = 7};
    memcpy(page->magic, JVM_METER_MAGIC, sizeof page->magic);
}

/* Answers one question. */
static void *machine(void *unused)
{
    for (int i = 0; i < 100 && !__atomic_load_n(&page->asked, __ATOMIC_ACQUIRE); i++) {
        struct timespec ts = {0, 20000000};
        syscall(SYS_futex, &page->asked, FUTEX_WAIT, 0, &ts, NULL, 0);
    }
    __atomic_store_n(&page->answered, __atomic_load_n(&page->asked, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
    syscall(SYS_futex, &page->answered, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    return NULL;
}

static int ask_machine(struct meter *m)
{
    pthread_t t;

    assert_int_equal(pthread_create(&t, NULL, machine, NULL), 0);
    int r = page_ask(state_fd, m);
    pthread_join(t, NULL);
    return r;
}

static void test_page_is_made_for_the_owner_alone_and_outlives_an_exec(void **state)
{
    struct stat st;
    int fd = -1;

    assert_int_equal(page_make(state_fd, &fd), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, JVM_METER_SIZE);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    close(fd);
}

static void test_page_of_an_earlier_run_is_left_to_who_has_mapped_it(void **state)
{
    int fd = -1;

    good_page();
    assert_int_equal(page_make(state_fd, &fd), 0);
    assert_int_equal(page->heap_used, 1); /* would be a bus error, or 0 */
    assert_int_equal(page_end(state_fd), ENDED_OTHERWISE);
    close(fd);
}

static void test_page_that_is_a_link_is_not_followed(void **state)
{
    struct meter m;
    int fd = -1;

    assert_int_equal(unlinkat(state_fd, "jvm", 0), 0);
    assert_int_equal(symlinkat("/dev/zero", state_fd, "jvm"), 0);
    assert_int_equal(page_ask(state_fd, &m), -ELOOP);
    assert_int_equal(page_end(state_fd), ENDED_OTHERWISE);
    assert_int_equal(page_make(state_fd, &fd), 0);
    close(fd);
}

static void test_figures_come_from_a_machine_that_answers(void **state)
{
    struct meter m = {0};

    good_page();
    assert_int_equal(ask_machine(&m), 0);
    assert_true(m.heap_used.set && m.classes.set && m.collection_ns.set);
    assert_int_equal(m.heap_used.v, 1);
    assert_int_equal(m.heap_max.v, 3);
    assert_int_equal(m.classes.v, 5);
    assert_int_equal(m.collection_ns.v, 7);
}

static void test_answer_to_a_later_question_is_one(void **state)
{
    struct meter m = {0};

    good_page();
    page->asked = UINT32_MAX - 1; /* numbers go round */
    page->answered = 3;
    assert_int_equal(page_ask(state_fd, &m), 0);
}

static void test_silence_ends(void **state)
{
    struct meter m = {0};

    good_page();
    assert_int_equal(page_ask(state_fd, &m), -ETIMEDOUT);
    assert_false(m.heap_used.set);
}

static void test_a_machine_that_does_not_run_is_not_waited_for(void **state)
{
    static const uint32_t states[] = {JVM_STATE_NONE, JVM_STATE_STARTING, JVM_STATE_ENDED, UINT32_MAX};
    struct meter m = {0};

    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        good_page();
        page->state = states[i];
        assert_int_equal(page_ask(state_fd, &m), -ENODATA);
        assert_int_equal(page->asked, 0);
    }
}

static void test_figures_that_cannot_be_are_not_shown(void **state)
{
    struct meter m = {0};

    good_page();
    page->heap_used = UINT64_MAX;
    assert_int_equal(ask_machine(&m), -EPROTO);
    good_page();
    page->magic[7]++;
    assert_int_equal(ask_machine(&m), -EPROTO);
    good_page();
    page->list_length = 1;
    assert_int_equal(ask_machine(&m), -EPROTO);
    assert_false(m.heap_used.set);
}

static void test_file_that_is_too_short_is_no_page(void **state)
{
    struct meter m = {0};

    good_page();
    munmap(page, JVM_METER_SIZE);
    int fd = openat(state_fd, "jvm", O_RDWR);
    assert_int_equal(ftruncate(fd, JVM_METER_SIZE - 1), 0);
    assert_int_equal(page_ask(state_fd, &m), -ENODATA);
    assert_int_equal(page_end(state_fd), ENDED_OTHERWISE);
    assert_int_equal(ftruncate(fd, JVM_METER_SIZE), 0);
    page = mmap(NULL, JVM_METER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
}

static void test_reason_of_the_end_is_one_of_the_limits(void **state)
{
    static const struct {
        uint32_t end;
        enum boundary_end limit;
    } cases[] = {
        {JVM_END_NONE, ENDED_OTHERWISE},      {JVM_END_HEAP, ENDED_HEAP},
        {JVM_END_METASPACE, ENDED_METASPACE}, {JVM_END_DIRECT_MEMORY, ENDED_DIRECT_MEMORY},
        {JVM_END_THREADS, ENDED_THREADS},     {JVM_END_CODE_CACHE, ENDED_OTHERWISE},
        {JVM_ENDS, ENDED_OTHERWISE},          {UINT32_MAX, ENDED_OTHERWISE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        good_page();
        page->end_reason = cases[i].end;
        if (page_end(state_fd) != cases[i].limit)
            fail_msg("end %u is limit %d", cases[i].end, (int)page_end(state_fd));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_page_is_made_for_the_owner_alone_and_outlives_an_exec, setup, teardown),
        cmocka_unit_test_setup_teardown(test_page_of_an_earlier_run_is_left_to_who_has_mapped_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_page_that_is_a_link_is_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_figures_come_from_a_machine_that_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answer_to_a_later_question_is_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_machine_that_does_not_run_is_not_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_figures_that_cannot_be_are_not_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_that_is_too_short_is_no_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reason_of_the_end_is_one_of_the_limits, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, teardown_group);
}
