/* SPDX-License-Identifier: Apache-2.0 */
/* System V IPC: message queues, semaphores, shared segments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/msgbuf.h>
#include <asm/sembuf.h>
#include <asm/shmbuf.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/ipc.h>
#include <linux/msg.h>
#include <linux/sem.h>
#include <linux/shm.h>
#include <linux/time_types.h>
#include <string.h>

#define SECOND 1000000000ull
#define KEY    0x1234

/* ---- keys and ids ---- */

static void guest_keys(void)
{
    int64_t id = sys(__NR_msgget, KEY, IPC_CREAT | 0600);
    assert_true(id >= 0);
    assert_int_equal(sys(__NR_msgget, KEY, 0), id);
    assert_int_equal(sys(__NR_msgget, KEY, IPC_CREAT | IPC_EXCL | 0600), -EEXIST);
    assert_int_equal(sys(__NR_msgget, KEY + 1, 0), -ENOENT);
    assert_int_not_equal(sys(__NR_msgget, IPC_PRIVATE, 0600), sys(__NR_msgget, IPC_PRIVATE, 0600));
    assert_int_equal(sys(__NR_msgctl, id, IPC_RMID, NULL), 0);
    assert_int_equal(sys(__NR_msgctl, id, IPC_RMID, NULL), -EINVAL);
    assert_int_equal(sys(__NR_msgget, KEY, 0), -ENOENT);
    assert_int_not_equal(sys(__NR_msgget, KEY, IPC_CREAT | 0600), id);
    assert_int_equal(sys(__NR_msgctl, -1, IPC_RMID, NULL), -EINVAL);
}

static void test_key_names_an_object_until_it_is_removed(void **state)
{
    assert_int_equal(harness_run(NULL, guest_keys), 0);
}

static void guest_many_objects(void)
{
    int64_t last = 0;
    for (int i = 0; i < 2000 && last >= 0; i++)
        last = sys(__NR_semget, IPC_PRIVATE, 1, 0600);
    assert_int_equal(last, -ENOSPC);
}

static void test_objects_are_limited(void **state)
{
    assert_int_equal(harness_run(NULL, guest_many_objects), 0);
}

static void guest_permissions(void)
{
    struct msqid64_ds d;
    int64_t id = sys(__NR_msgget, KEY, IPC_CREAT | 0200);
    assert_int_equal(sys(__NR_msgctl, id, IPC_STAT, &d), 0);
    assert_int_equal(sys(__NR_setresuid, 1000, 1000, 1000), 0);
    assert_int_equal(sys(__NR_msgctl, id, IPC_STAT, &d), -EACCES);
    assert_int_equal(sys(__NR_msgget, KEY, 0400), -EACCES);
    assert_int_equal(sys(__NR_msgctl, id, IPC_RMID, NULL), -EPERM);
    id = sys(__NR_msgget, IPC_PRIVATE, 0200);
    assert_int_equal(sys(__NR_msgctl, id, IPC_STAT, &d), -EACCES);
    assert_int_equal(sys(__NR_msgctl, id, IPC_RMID, NULL), 0);
}

static void test_mode_and_owner_decide(void **state)
{
    assert_int_equal(harness_run(NULL, guest_permissions), 0);
}

/* ---- messages ---- */

struct message {
    int64_t type;
    char text[32];
};

static void put(int64_t id, int64_t type, const char *text)
{
    struct message m = {.type = type};
    strcpy(m.text, text);
    assert_int_equal(sys(__NR_msgsnd, id, &m, strlen(text), 0), 0);
}

static void expect(int64_t id, int64_t type, int flags, const char *text)
{
    struct message m = {0};
    assert_int_equal(sys(__NR_msgrcv, id, &m, sizeof(m.text), type, flags | IPC_NOWAIT), strlen(text));
    assert_string_equal(m.text, text);
}

static void guest_messages(void)
{
    struct message m = {.type = 0};
    struct msqid64_ds d;
    int64_t id = sys(__NR_msgget, IPC_PRIVATE, 0600);
    assert_int_equal(sys(__NR_msgrcv, id, &m, 32, 0, IPC_NOWAIT), -ENOMSG);
    put(id, 3, "three"), put(id, 1, "one"), put(id, 2, "two"), put(id, 3, "again");
    assert_int_equal(sys(__NR_msgctl, id, IPC_STAT, &d), 0);
    assert_int_equal(d.msg_qnum, 4);
    assert_int_equal(d.msg_cbytes, 16);
    expect(id, 2, 0, "two");
    expect(id, -2, 0, "one");
    assert_int_equal(sys(__NR_msgrcv, id, &m, 3, 0, IPC_NOWAIT), -E2BIG);
    assert_int_equal(sys(__NR_msgrcv, id, &m, 3, 0, IPC_NOWAIT | MSG_NOERROR), 3);
    assert_memory_equal(m.text, "thr", 3);
    assert_int_equal(sys(__NR_msgrcv, id, &m, 32, 3, IPC_NOWAIT | MSG_EXCEPT), -ENOMSG);
    expect(id, 1, MSG_EXCEPT, "again");
    m.type = 0;
    assert_int_equal(sys(__NR_msgsnd, id, &m, 1, 0), -EINVAL);
    assert_int_equal(sys(__NR_msgsnd, id, &m, 8193, 0), -EINVAL);
    assert_int_equal(sys(__NR_msgsnd, id, NULL, 1, 0), -EFAULT);
}

static void test_messages_come_by_order_and_type(void **state)
{
    assert_int_equal(harness_run(NULL, guest_messages), 0);
}

static int64_t queue;
static int64_t results[4];

static void thread_receives(void *of)
{
    struct message m = {0};
    results[0] = sys(__NR_msgrcv, queue, &m, 32, 7, 0);
    results[1] = sys(__NR_msgrcv, queue, &m, 32, 7, 0);
}

static void guest_waits_for_message(void)
{
    uint32_t *word = user_alloc(sizeof(*word));
    queue = sys(__NR_msgget, IPC_PRIVATE, 0600);
    guest_thread(thread_receives, NULL, word);
    sys(__NR_sched_yield);
    put(queue, 6, "other");
    sys(__NR_sched_yield);
    put(queue, 7, "this");
    sys(__NR_sched_yield);
    assert_int_equal(results[0], 4);
    assert_int_equal(sys(__NR_msgctl, queue, IPC_RMID, NULL), 0);
    guest_join(word);
    assert_int_equal(results[1], -EIDRM);
}

static void test_receiver_waits_until_its_message_or_the_end_of_the_queue(void **state)
{
    assert_int_equal(harness_run(NULL, guest_waits_for_message), 0);
}

static void thread_fills(void *of)
{
    struct message *m = user_alloc(9000);
    int64_t r = 0;
    m->type = 1;
    for (int i = 0; i < 3 && !r; i++)
        r = sys(__NR_msgsnd, queue, m, 8000, 0);
    results[0] = r;
}

static void guest_full_queue(void)
{
    uint32_t *word = user_alloc(sizeof(*word));
    struct message *m = user_alloc(9000);
    queue = sys(__NR_msgget, IPC_PRIVATE, 0600), results[0] = -1;
    guest_thread(thread_fills, NULL, word);
    sys(__NR_sched_yield);
    m->type = 1;
    assert_int_equal(sys(__NR_msgsnd, queue, m, 8000, IPC_NOWAIT), -EAGAIN);
    assert_int_equal(results[0], -1);
    assert_int_equal(sys(__NR_msgrcv, queue, m, 8000, 0, 0), 8000);
    guest_join(word);
    assert_int_equal(results[0], 0);
}

static void test_sender_waits_for_room(void **state)
{
    assert_int_equal(harness_run(NULL, guest_full_queue), 0);
}

/* ---- semaphores ---- */

static int64_t operate(int64_t id, int number, int add, int flags)
{
    struct sembuf op = {.sem_num = (unsigned short)number, .sem_op = (short)add, .sem_flg = (short)flags};
    return sys(__NR_semop, id, &op, 1);
}

static void guest_semaphores(void)
{
    int64_t id = sys(__NR_semget, KEY, 3, IPC_CREAT | 0600);
    uint16_t all[3] = {5, 0, 7};
    struct sembuf two[2] = {{0, -1, IPC_NOWAIT}, {1, -1, IPC_NOWAIT}};
    struct __kernel_timespec limit = {.tv_sec = 2};
    uint64_t before = harness_clock();
    assert_int_equal(sys(__NR_semget, KEY, 4, 0), -EINVAL);
    assert_int_equal(sys(__NR_semget, IPC_PRIVATE, 0, 0600), -EINVAL);
    assert_int_equal(sys(__NR_semctl, id, 0, SETALL, all), 0);
    assert_int_equal(sys(__NR_semop, id, two, 2), -EAGAIN);
    assert_int_equal(sys(__NR_semctl, id, 0, GETVAL, 0), 5);
    assert_int_equal(operate(id, 0, -5, 0), 0);
    assert_int_equal(operate(id, 0, 0, IPC_NOWAIT), 0);
    assert_int_equal(operate(id, 3, 1, 0), -EFBIG);
    assert_int_equal(operate(id, 2, 32767, 0), -ERANGE);
    assert_int_equal(sys(__NR_semctl, id, 1, SETVAL, 40000), -ERANGE);
    assert_int_equal(sys(__NR_semctl, id, 3, GETVAL, 0), -EINVAL);
    two[0] = (struct sembuf){0, -1, 0};
    assert_int_equal(sys(__NR_semtimedop, id, two, 1, &limit), -EAGAIN);
    assert_int_equal(harness_clock(), before + 2 * SECOND);
    assert_int_equal(sys(__NR_semctl, id, 0, GETALL, all), 0);
    assert_int_equal(all[0], 0);
    assert_int_equal(all[2], 7);
    assert_int_equal(sys(__NR_semop, id, two, 0), -EINVAL);
    assert_int_equal(sys(__NR_semop, id, two, 501), -E2BIG);
}

static void test_semaphore_operations_are_all_or_nothing(void **state)
{
    assert_int_equal(harness_run(NULL, guest_semaphores), 0);
}

static void thread_takes(void *of)
{
    results[0] = operate(queue, 0, -2, 0);
}

static void guest_waits_for_semaphore(void)
{
    uint32_t *word = user_alloc(sizeof(*word));
    queue = sys(__NR_semget, IPC_PRIVATE, 1, 0600), results[0] = -1;
    guest_thread(thread_takes, NULL, word);
    sys(__NR_sched_yield);
    assert_int_equal(sys(__NR_semctl, queue, 0, GETNCNT, 0), 1);
    assert_int_equal(operate(queue, 0, 1, 0), 0);
    sys(__NR_sched_yield);
    assert_int_equal(results[0], -1);
    assert_int_equal(operate(queue, 0, 1, 0), 0);
    guest_join(word);
    assert_int_equal(results[0], 0);
    assert_int_equal(sys(__NR_semctl, queue, 0, GETVAL, 0), 0);
    assert_int_equal(sys(__NR_semctl, queue, 0, GETNCNT, 0), 0);
}

static void test_waiter_goes_on_when_the_value_is_there(void **state)
{
    assert_int_equal(harness_run(NULL, guest_waits_for_semaphore), 0);
}

static void child_takes_with_undo(void *of)
{
    assert_int_equal(operate(queue, 0, -2, SEM_UNDO), 0);
    assert_int_equal(operate(queue, 0, 1, SEM_UNDO), 0);
    assert_int_equal(operate(queue, 0, -1, 0), 0);
}

static void guest_undo(void)
{
    queue = sys(__NR_semget, IPC_PRIVATE, 1, 0600);
    assert_int_equal(operate(queue, 0, 3, 0), 0);
    int64_t pid =
        guest_clone(0x100 | SIGCHLD /* CLONE_VM: a process of its own */, child_takes_with_undo, NULL, NULL, NULL);
    assert_true(pid > 0);
    assert_int_equal(sys(__NR_wait4, pid, NULL, 0, NULL), pid);
    assert_int_equal(sys(__NR_semctl, queue, 0, GETVAL, 0), 2);
    assert_int_equal(sys(__NR_semctl, queue, 0, GETPID, 0), pid);
}

static void test_end_of_a_process_undoes_its_operations(void **state)
{
    assert_int_equal(harness_run(NULL, guest_undo), 0);
}

/* ---- shared segments ---- */

static void guest_segments(void)
{
    struct shmid64_ds d;
    int64_t id = sys(__NR_shmget, KEY, 5000, IPC_CREAT | 0600);
    assert_true(id >= 0);
    assert_int_equal(sys(__NR_shmget, KEY, 6000, 0), -EINVAL);
    assert_int_equal(sys(__NR_shmget, IPC_PRIVATE, 0, 0600), -EINVAL);
    int64_t one = sys(__NR_shmat, id, NULL, 0), two = sys(__NR_shmat, id, NULL, SHM_RDONLY);
    assert_true(one > 0 && two > 0 && one != two);
    strcpy((char *)(uintptr_t)one + 4990, "shared");
    assert_string_equal((char *)(uintptr_t)two + 4990, "shared");
    assert_int_equal(sys(__NR_shmctl, id, IPC_STAT, &d), 0);
    assert_int_equal(d.shm_nattch, 2);
    assert_int_equal(d.shm_segsz, 5000);
    assert_int_equal(sys(__NR_uname, two), -EFAULT);
    assert_int_equal(sys(__NR_shmat, id, one, 0), -EINVAL);
    assert_int_equal(sys(__NR_shmat, id, one + 1, 0), -EINVAL);
    assert_int_equal(sys(__NR_shmdt, one + 4096), -EINVAL);
    assert_int_equal(sys(__NR_shmctl, id, IPC_RMID, NULL), 0);
    assert_int_equal(sys(__NR_shmget, KEY, 0, 0), -ENOENT);
    assert_int_equal(sys(__NR_shmctl, id, IPC_STAT, &d), 0);
    assert_int_equal(sys(__NR_shmdt, one), 0);
    assert_string_equal((char *)(uintptr_t)two + 4990, "shared");
    assert_int_equal(sys(__NR_shmdt, two), 0);
    assert_int_equal(sys(__NR_shmdt, two), -EINVAL);
    assert_int_equal(sys(__NR_shmctl, id, IPC_STAT, &d), -EINVAL);
}

static void test_segment_is_the_same_memory_until_its_last_detach(void **state)
{
    assert_int_equal(harness_run(NULL, guest_segments), 0);
}

/* ---- by rows, by wished ids, in /proc ---- */

static void write_text(const char *path, const char *text)
{
    int64_t fd = sys(__NR_open, user_string(path), O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(sys(__NR_write, fd, user_string(text), strlen(text)), strlen(text));
    sys(__NR_close, fd);
}

static void guest_rows(void)
{
    struct msqid64_ds d;
    struct msginfo info;
    int64_t first = sys(__NR_msgget, IPC_PRIVATE, 0600), id = sys(__NR_msgget, IPC_PRIVATE, 0600);
    put(id, 1, "four"), put(id, 1, "x");
    assert_int_equal(sys(__NR_msgctl, 0, MSG_INFO, &info), 1);
    assert_int_equal(info.msgpool, 2);
    assert_int_equal(info.msgmap, 2);
    assert_int_equal(info.msgtql, 5);
    assert_int_equal(sys(__NR_msgctl, 1, MSG_STAT, &d), id);
    assert_int_equal(d.msg_qnum, 2);
    assert_int_equal(sys(__NR_msgctl, 2, MSG_STAT, &d), -EINVAL);
    assert_int_equal(sys(__NR_msgctl, first, IPC_RMID, NULL), 0);
    assert_int_equal(sys(__NR_msgctl, 0, MSG_STAT, &d), -EINVAL);
    assert_int_equal(sys(__NR_setresuid, 1000, 1000, 1000), 0);
    assert_int_equal(sys(__NR_msgctl, 1, MSG_STAT, &d), -EACCES);
    assert_int_equal(sys(__NR_msgctl, 1, 13 /* MSG_STAT_ANY */, &d), id);
    struct shmid64_ds segment;
    id = sys(__NR_shmget, IPC_PRIVATE, 4096, 0600);
    assert_int_equal(sys(__NR_shmctl, 0, SHM_STAT, &segment), id);
    assert_int_equal(segment.shm_segsz, 4096);
    struct semid64_ds set;
    id = sys(__NR_semget, IPC_PRIVATE, 3, 0600);
    assert_int_equal(sys(__NR_semctl, 0, 0, SEM_STAT, &set), id);
    assert_int_equal(set.sem_nsems, 3);
}

static void test_objects_are_found_by_their_rows(void **state)
{
    assert_int_equal(harness_run(NULL, guest_rows), 0);
}

static void guest_wished_ids(void)
{
    write_text("/proc/sys/kernel/msg_next_id", "65539\n");
    assert_int_equal(sys(__NR_msgget, IPC_PRIVATE, 0600), 65539);
    assert_int_not_equal(sys(__NR_msgget, IPC_PRIVATE, 0600), 65539); /* for one object alone */
    write_text("/proc/sys/kernel/msg_next_id", "65539");
    int64_t other = sys(__NR_msgget, IPC_PRIVATE, 0600);
    assert_true(other >= 0 && other != 65539);
    write_text("/proc/sys/kernel/msgmni", "3");
    assert_int_equal(sys(__NR_msgget, IPC_PRIVATE, 0600), -ENOSPC);
    int64_t fd = sys(__NR_open, user_string("/proc/sysvipc/msg"), O_RDONLY);
    char *text = user_alloc(1024);
    assert_true(sys(__NR_read, fd, text, 1023) > 0);
    assert_non_null(strstr(text, " 65539   600 "));
    assert_int_equal(sys(__NR_setresuid, 1000, 1000, 1000), 0);
    assert_int_equal(sys(__NR_open, user_string("/proc/sys/kernel/msgmni"), O_WRONLY), -EACCES);
}

static void test_settings_choose_the_next_id_and_how_many(void **state)
{
    assert_int_equal(harness_run(NULL, guest_wished_ids), 0);
}

static void guest_copies(void)
{
    int64_t id = sys(__NR_msgget, IPC_PRIVATE, 0600);
    struct message m;
    put(id, 5, "first"), put(id, 4, "second");
    assert_int_equal(sys(__NR_msgrcv, id, &m, 32, 1, 040000 /* MSG_COPY */ | IPC_NOWAIT), 6);
    assert_int_equal(m.type, 4);
    assert_int_equal(sys(__NR_msgrcv, id, &m, 32, 2, 040000 | IPC_NOWAIT), -ENOMSG);
    assert_int_equal(sys(__NR_msgrcv, id, &m, 32, 1, 040000), -EINVAL);
    assert_int_equal(sys(__NR_msgrcv, id, &m, 32, 1, 040000 | IPC_NOWAIT | MSG_EXCEPT), -EINVAL);
    expect(id, 0, 0, "first");
    expect(id, 0, 0, "second");
}

static void test_copy_leaves_the_message(void **state)
{
    assert_int_equal(harness_run(NULL, guest_copies), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_names_an_object_until_it_is_removed),
        cmocka_unit_test(test_objects_are_limited),
        cmocka_unit_test(test_mode_and_owner_decide),
        cmocka_unit_test(test_messages_come_by_order_and_type),
        cmocka_unit_test(test_receiver_waits_until_its_message_or_the_end_of_the_queue),
        cmocka_unit_test(test_sender_waits_for_room),
        cmocka_unit_test(test_semaphore_operations_are_all_or_nothing),
        cmocka_unit_test(test_waiter_goes_on_when_the_value_is_there),
        cmocka_unit_test(test_end_of_a_process_undoes_its_operations),
        cmocka_unit_test(test_segment_is_the_same_memory_until_its_last_detach),
        cmocka_unit_test(test_objects_are_found_by_their_rows),
        cmocka_unit_test(test_settings_choose_the_next_id_and_how_many),
        cmocka_unit_test(test_copy_leaves_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
