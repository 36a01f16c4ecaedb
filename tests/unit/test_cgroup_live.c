/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole life of a group on this host: made, limited, joined, frozen, killed, removed, with nothing left behind. Needs
 * root and writable control groups, else each test is skipped with the reason. The devices' probe (/dev/kmsg) is first
 * seen to open where the rules do not hold.
 */
#include "host/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool live(struct cgroup_host *host)
{
    struct err err = {0};

    if (getuid() != 0 || cgroup_host_probe(host, &err) < 0 || host->n == 0 || access(host->h[0].mountpoint, W_OK) < 0) {
        print_message("# SKIP: needs root and writable control groups\n");
        return false;
    }
    return true;
}

/* Nothing may be left below any mount. */
static void absent_check(const struct cgroup_host *host, const char *path)
{
    char abs[CGROUP_ABSOLUTE_MAX];

    for (uint32_t h = 0; h < host->n; h++) {
        cgroup_absolute(abs, host, h, path, strlen(path));
        if (access(abs, F_OK) == 0)
            fail_msg("%s is left behind", abs);
    }
}

/* Counts for ever, tries a device that the rules deny, and starts nothing else. */
struct shared {
    volatile unsigned long count;
    volatile int joined, kmsg, null;
};

static void child_run(const struct cgroup *cg, struct shared *s)
{
    for (uint32_t h = 0; h < cg->host->n; h++)
        if (cg->join_fds[h] >= 0 && write(cg->join_fds[h], "0", 1) < 0)
            s->joined = -errno;
    s->kmsg = open("/dev/kmsg", O_RDONLY) < 0 ? -errno : 0;
    s->null = open("/dev/null", O_RDWR) < 0 ? -errno : 0;
    s->joined = s->joined ? s->joined : 1;
    for (;; usleep(200))
        s->count++;
}

static bool count_moves(const struct shared *s)
{
    unsigned long before = s->count;

    for (int i = 0; i < 100 && s->count == before; i++)
        usleep(2000);
    return s->count != before;
}

static pid_t child_start(const struct cgroup *cg, struct shared *s)
{
    memset(s, 0, sizeof *s);
    pid_t pid = fork();
    if (pid == 0)
        child_run(cg, s);
    assert_true(pid > 0);
    for (int i = 0; i < 5000 && s->joined == 0; i++)
        usleep(1000);
    assert_int_equal(s->joined, 1);
    return pid;
}

static struct shared *shared_map(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(p != MAP_FAILED);
    return p;
}

static void living_group_check(struct cgroup *cg, struct shared *s, pid_t pid)
{
    struct err err = {0};
    struct cgroup_stats st;
    struct arena a;
    pid_t *pids;
    size_t n;
    bool frozen;

    assert_int_equal(s->kmsg, -EPERM);
    assert_int_equal(s->null, 0);
    assert_int_equal(arena_init(&a, 1 << 20), 0);
    assert_int_equal(cgroup_pids(cg, &a, &pids, &n, &err), 0);
    assert_true(n == 1 && pids[0] == pid);
    arena_free(&a);
    assert_int_equal(cgroup_read_stats(cg, &st, &err), 0);
    assert_true(st.cpu_usage_ns.set && st.cpu_usage_ns.v > 0);
    assert_true(st.memory_limit.set && st.memory_limit.v == 64 << 20);
    assert_true(st.pids_current.set && st.pids_current.v == 1);
    assert_true(st.pids_limit.set && st.pids_limit.v == 20);
    assert_true(count_moves(s));
    assert_int_equal(cgroup_freeze(cg, true, &err), 0);
    assert_int_equal(cgroup_is_frozen(cg, &frozen, &err), 0);
    assert_true(frozen);
    assert_false(count_moves(s));
    assert_int_equal(cgroup_freeze(cg, false, &err), 0);
    assert_true(count_moves(s));
}

static struct device_access deny_all[] = {{false, 'a', -1, -1, true, true, true}};

static void test_life_on_this_host_leaves_nothing_behind(void **state)
{
    static struct cgroup_host host;
    struct resources r = {.devices = deny_all,
                          .n_devices = 1,
                          .memory.limit = {true, 64 << 20},
                          .pids = {true, 20},
                          .cpu.shares = {true, 512},
                          .cpu.quota = {true, 50000},
                          .cpu.period = {true, 100000}};
    struct cgroup cg, again;
    struct err err = {0};
    char path[64], abs[CGROUP_ABSOLUTE_MAX], parent[48];

    if (!live(&host))
        skip();
    int kmsg = open("/dev/kmsg", O_RDONLY);
    assert_true(kmsg >= 0); /* the guard is off here: the probe can succeed */
    close(kmsg);
    snprintf(parent, sizeof parent, "/moat-test-%d", (int)getpid());
    snprintf(path, sizeof path, "%s/leaf", parent);
    struct shared *s = shared_map();
    if (cgroup_make(&cg, &host, path, &r, CGROUP_PART_ALL, &err) != 0 || cgroup_apply(&cg, &r, false, &err) != 0)
        fail_msg("%s", err.text);
    pid_t pid = child_start(&cg, s);
    living_group_check(&cg, s, pid);
    /* limits of a living group, both ways, and by another opener */
    assert_int_equal(cgroup_open(&again, &host, path, &err), 0);
    r.memory.limit.v = 128 << 20;
    r.memory.swap = (struct opt_i64){true, 128 << 20};
    r.cpu.quota.v = 10000;
    assert_int_equal(cgroup_apply(&again, &r, true, &err), 0);
    /* nested groups, one of them with a process that is frozen when it is killed */
    for (uint32_t h = 0; h < host.n; h++) {
        cgroup_absolute(abs, &host, h, path, strlen(path));
        strcat(abs, "/in");
        assert_int_equal(mkdir(abs, 0755), 0);
        strcat(abs, "/deeper");
        assert_int_equal(mkdir(abs, 0755), 0);
    }
    assert_int_equal(cgroup_freeze(&cg, true, &err), 0);
    if (cgroup_signal_all(&again, SIGKILL, &err) != 0)
        fail_msg("%s", err.text);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    if (cgroup_remove(&again, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(cgroup_remove(&cg, &err), 0); /* gone already */
    absent_check(&host, path);
    cgroup_close(&again);
    cgroup_close(&cg);
    assert_int_equal(cgroup_open(&cg, &host, parent, &err), 0);
    assert_int_equal(cgroup_remove(&cg, &err), 0);
    cgroup_close(&cg);
    absent_check(&host, parent);
}

static void test_life_v2_device_program_holds(void **state)
{
    static struct cgroup_host host;
    struct resources r = {.devices = deny_all, .n_devices = 1};
    struct cgroup cg;
    struct err err = {0};
    char path[64];

    if (!live(&host))
        skip();
    for (uint32_t h = host.n; h-- > 0;)
        if (host.h[h].v2)
            host.h[0] = host.h[h];
    if (!host.h[0].v2) {
        print_message("# SKIP: no cgroup2 mounted\n");
        skip();
    }
    host.n = 1;
    host.h[0].controllers = CGROUP_BIT(CG_DEVICES) | CGROUP_BIT(CG_FREEZER);
    snprintf(path, sizeof path, "/moat-test-%d", (int)getpid());
    struct shared *s = shared_map();
    if (cgroup_make(&cg, &host, path, &r, CGROUP_PART_ALL, &err) != 0)
        fail_msg("%s", err.text);
    int rc = cgroup_apply(&cg, &r, false, &err);
    if (rc == -EPERM || rc == -ENOSYS) {
        assert_non_null(strstr(err.text, "CAP_BPF"));
        print_message("# SKIP: %s\n", err.text);
    } else {
        if (rc != 0)
            fail_msg("%s", err.text);
        /* a second time replaces, and what is looser must not be held back by the former */
        pid_t pid = child_start(&cg, s);
        assert_int_equal(s->kmsg, -EPERM);
        assert_int_equal(s->null, 0);
        assert_int_equal(cgroup_signal_all(&cg, SIGKILL, &err), 0);
        waitpid(pid, NULL, 0);
        struct device_access allow_all[] = {{true, 'a', -1, -1, true, true, true}};
        r.devices = allow_all;
        if (cgroup_apply(&cg, &r, true, &err) != 0)
            fail_msg("%s", err.text);
        pid = child_start(&cg, s);
        assert_int_equal(s->kmsg, 0);
        assert_int_equal(cgroup_signal_all(&cg, SIGKILL, &err), 0);
        waitpid(pid, NULL, 0);
    }
    assert_int_equal(cgroup_remove(&cg, &err), 0);
    cgroup_close(&cg);
    absent_check(&host, path);
}

static void test_make_that_fails_midway_takes_back_what_it_made(void **state)
{
    static struct cgroup_host host;
    struct resources r = {.memory.limit = {true, 64 << 20}};
    struct cgroup cg;
    struct err err = {0};
    char path[64], parent[48];

    if (!live(&host))
        skip();
    uint32_t last = host.n < CGROUP_HIERARCHIES_MAX ? host.n : host.n - 1;
    for (uint32_t h = 0; h < last; h++)
        host.h[h].controllers &= ~CGROUP_BIT(CG_MEMORY);
    host.h[last] = (struct cgroup_hierarchy){false, CGROUP_BIT(CG_MEMORY), "memory", "/proc/self/fdinfo", "/"};
    host.n = last + 1;
    snprintf(parent, sizeof parent, "/moat-test-%d", (int)getpid());
    snprintf(path, sizeof path, "%s/leaf", parent);
    assert_true(cgroup_make(&cg, &host, path, &r, CGROUP_PART_ALL, &err) < 0);
    assert_non_null(
        strstr(err.text, "linux.resources.memory.limit: cannot make the group /proc/self/fdinfo/moat-test"));
    assert_non_null(strstr(err.text, "delegate the memory controller"));
    absent_check(&host, parent);
    /* nothing asked of it: skipped */
    assert_int_equal(cgroup_make(&cg, &host, parent, NULL, CGROUP_PART_ALL, &err), 0);
    assert_int_equal(cg.dir_fds[last], -1);
    assert_int_equal(cgroup_remove(&cg, &err), 0);
    cgroup_close(&cg);
    absent_check(&host, parent);
}

static void test_signal_all_of_our_own_group_is_refused(void **state)
{
    static struct cgroup_host host;
    struct cgroup cg;
    struct err err = {0};

    if (!live(&host))
        skip();
    assert_int_equal(cgroup_open(&cg, &host, "/", &err), 0);
    assert_int_equal(cgroup_signal_all(&cg, SIGKILL, &err), -EINVAL);
    assert_int_equal(cgroup_remove(&cg, &err), 0); /* the root is nobody's to remove: left alone */
    cgroup_close(&cg);
    assert_int_equal(cgroup_open(&cg, &host, "/moat-test-that-is-not-there", &err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life_on_this_host_leaves_nothing_behind),
        cmocka_unit_test(test_life_v2_device_program_holds),
        cmocka_unit_test(test_make_that_fails_midway_takes_back_what_it_made),
        cmocka_unit_test(test_signal_all_of_our_own_group_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
