/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups: parsers on texts of each layout, v2 figures, the device program run by a small BPF interpreter
 * against a plain reading of the rules, and files written in a temporary directory that stands for a mount. The life of
 * a group on the real thing is in test_cgroup_live.c.
 */
#include "host/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define check(label, condition)                                                                                        \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("case \"%s\": %s", label, #condition);                                                            \
    } while (0)

/* ---- probe --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *label, *self, *mountinfo;
    enum cgroup_layout layout;
    uint32_t n, at; /* hierarchies, and the one looked at */
    const char *mountpoint, *own;
    uint32_t controllers;
} layouts[] = {
    {"v2", "0::/user.slice/a\n", "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n", CGROUP_V2,
     1, 0, "/pre/sys/fs/cgroup", "/user.slice/a",
     CGROUP_BIT(CG_DEVICES) | CGROUP_BIT(CG_FREEZER) | CGROUP_BIT(CG_CPUACCT) | CGROUP_BIT(CG_PERF)},
    {"v1 alone: cgroup2 is mounted nowhere", "3:memory:/\n2:cpu,cpuacct:/x\n1:name=systemd:/\n0::/\n",
     "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
     "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
     "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
     "34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n",
     CGROUP_V1, 3, 1, "/pre/sys/fs/cgroup/cpu,cpuacct", "/x", CGROUP_BIT(CG_CPU) | CGROUP_BIT(CG_CPUACCT)},
    {"hybrid", "2:devices:/\n1:name=systemd:/\n0::/y\n",
     "33 31 0:30 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
     "34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
     "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
     CGROUP_HYBRID, 3, 2, "/pre/sys/fs/cgroup/unified", "/y",
     CGROUP_BIT(CG_FREEZER) | CGROUP_BIT(CG_CPUACCT) | CGROUP_BIT(CG_PERF)},
    {"bind of a part: own is below the part", "1:pids:/docker/abc/in\n",
     "33 31 0:30 /docker/abc /sys/fs/cgroup/pids ro master:11 - cgroup cgroup rw,pids\n", CGROUP_V1, 1, 0,
     "/pre/sys/fs/cgroup/pids", "/in", CGROUP_BIT(CG_PIDS)},
    {"the part itself", "1:pids:/docker/abc\n",
     "33 31 0:30 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n", CGROUP_V1, 1, 0,
     "/pre/sys/fs/cgroup/pids", "/", CGROUP_BIT(CG_PIDS)},
    {"a space in the mount point", "1:pids:/\n", "33 31 0:30 / /a\\040b rw - cgroup cgroup rw,pids\n", CGROUP_V1, 1, 0,
     "/pre/a b", "/", CGROUP_BIT(CG_PIDS)},
    {"cpuset is not cpu", "1:cpu:/\n", "33 31 0:30 / /c rw - cgroup cgroup rw,cpuset\n", CGROUP_NONE, 0, 0, NULL, NULL,
     0},
    {"nothing", "", "", CGROUP_NONE, 0, 0, NULL, NULL, 0},
    {"lines without sense", "1:pids:/\n", "33\n\n- - -\n33 31 0:30 / /p rw - cgroup\n", CGROUP_NONE, 0, 0, NULL, NULL,
     0},
};

static void test_probe_texts_of_each_layout_are_understood(void **state)
{
    static struct cgroup_host host;
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
        const char *l = layouts[i].label;
        check(l, cgroup_self_parse(&host, layouts[i].self, &err) == 0);
        check(l, cgroup_mountinfo_parse(&host, layouts[i].mountinfo, "/pre", &err) == 0);
        cgroup_host_settle(&host);
        check(l, host.layout == layouts[i].layout);
        check(l, host.n == layouts[i].n);
        if (!layouts[i].mountpoint)
            continue;
        check(l, strcmp(host.h[layouts[i].at].mountpoint, layouts[i].mountpoint) == 0);
        check(l, strcmp(host.h[layouts[i].at].own, layouts[i].own) == 0);
        check(l, host.h[layouts[i].at].controllers == layouts[i].controllers);
    }
}

static void test_probe_hostile_text_is_refused(void **state)
{
    static struct cgroup_host host;
    static char many[4096], wide[4096];
    struct err err = {0};

    for (int i = 0; i < 20; i++)
        sprintf(many + strlen(many), "%d:name=x%d:/\n", i, i);
    memset(wide, 'a', 2000);
    memcpy(wide, "1:pids:/", 8);
    assert_int_equal(cgroup_self_parse(&host, many, &err), -E2BIG);
    assert_int_equal(cgroup_self_parse(&host, wide, &err), -ENAMETOOLONG);
    assert_int_equal(cgroup_self_parse(&host, "1 pids\n", &err), -EINVAL);
}

/* ---- figures ------------------------------------------------------------------------------------------------- */

static void test_v2_figures_follow_the_agreed_conversion(void **state)
{
    static const struct {
        uint64_t in, out;
    } shares[] = {{2, 1}, {1024, 39}, {262144, 10000}, {1, 1}, {900000, 10000}, {512, 20}};
    static const struct {
        uint64_t in, out;
    } weights[] = {{10, 1}, {1000, 10000}, {500, 4950}, {1, 1}, {4000, 10000}};
    static const struct {
        int64_t total;
        bool set;
        int64_t limit;
        int rc;
        const char *out;
    } swaps[] = {
        {-1, false, 0, 0, "max"},      {-1, true, 5, 0, "max"},        {100, true, 100, 0, "0"},
        {150, true, 100, 0, "50"},     {50, true, 100, -EINVAL, NULL}, {50, false, 0, -EINVAL, NULL},
        {50, true, -1, -EINVAL, NULL},
    };
    struct err err = {0};
    char v[64];

    for (size_t i = 0; i < ARRAY_LEN(shares); i++)
        assert_int_equal(cgroup_weight_from_shares(shares[i].in), shares[i].out);
    for (size_t i = 0; i < ARRAY_LEN(weights); i++)
        assert_int_equal(cgroup_io_weight_from_blkio(weights[i].in), weights[i].out);
    for (size_t i = 0; i < ARRAY_LEN(swaps); i++) {
        assert_int_equal(cgroup_swap_from_total(v, swaps[i].total, swaps[i].set, swaps[i].limit, &err), swaps[i].rc);
        if (swaps[i].out)
            assert_string_equal(v, swaps[i].out);
        else
            assert_non_null(strstr(err.text, "linux.resources.memory.swap"));
    }
}

/* ---- devices ------------------------------------------------------------------------------------------------- */

/* The plain reading: each kind of access by itself, the last rule that speaks of it. */
static bool rules_allow(const struct device_access *v, uint32_t n, char type, int64_t major, int64_t minor,
                        unsigned want)
{
    for (unsigned bit = 1; bit <= 4; bit <<= 1) {
        bool allowed = false;
        if (!(want & bit))
            continue;
        for (uint32_t i = 0; i < n; i++) {
            bool speaks = bit == BPF_DEVCG_ACC_READ ? v[i].read : bit == BPF_DEVCG_ACC_WRITE ? v[i].write : v[i].mknod;
            if (speaks && (v[i].type == 'a' || v[i].type == type) && (v[i].major == -1 || v[i].major == major) &&
                (v[i].minor == -1 || v[i].minor == minor))
                allowed = v[i].allow;
        }
        if (!allowed)
            return false;
    }
    return true;
}

/* What the program answers; fails on an instruction it should not have, a jump out of it, or a fall off its end. */
static bool program_run(const struct bpf_insn *p, int n, uint32_t access_type, uint32_t major, uint32_t minor)
{
    uint64_t r[11] = {77}; /* an answer must be given, not left over */
    uint32_t ctx[3] = {access_type, major, minor};

    for (int pc = 0, steps = 0;; pc++, steps++) {
        assert_true(pc >= 0 && pc < n && steps < n);
        const struct bpf_insn *i = &p[pc];
        uint64_t imm = (uint64_t)(int64_t)i->imm;
        switch (i->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            assert_true(i->src_reg == 1 && i->off >= 0 && i->off <= 8 && i->off % 4 == 0);
            r[i->dst_reg] = ctx[i->off / 4];
            break;
        case BPF_ALU64 | BPF_MOV | BPF_X:
            r[i->dst_reg] = r[i->src_reg];
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            r[i->dst_reg] = imm;
            break;
        case BPF_ALU64 | BPF_RSH | BPF_K:
            r[i->dst_reg] >>= imm;
            break;
        case BPF_ALU64 | BPF_AND | BPF_K:
            r[i->dst_reg] &= imm;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
            pc += r[i->dst_reg] != imm ? i->off : 0;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            pc += r[i->dst_reg] & imm ? i->off : 0;
            break;
        case BPF_JMP | BPF_JA:
            pc += i->off;
            break;
        case BPF_JMP | BPF_EXIT:
            assert_true(r[0] <= 1);
            return r[0] != 0;
        default:
            fail_msg("instruction 0x%02x at %d", i->code, pc);
        }
    }
}

/* The kernel's v1 answer from a default and its exceptions, for one kind of access. */
static bool list_allows(const struct cgroup_device_list *l, char type, int64_t major, int64_t minor, unsigned bit)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->v[i].type == type && (l->v[i].major == -1 || l->v[i].major == major) &&
            (l->v[i].minor == -1 || l->v[i].minor == minor) && (l->v[i].access & bit))
            return !l->allow;
    return l->allow;
}

#define RULES_MAX 24

/* Every request over a few numbers; returns whether the v1 list could say it. */
static bool rules_compare(const char *label, const struct device_access *rules, uint32_t n)
{
    static struct bpf_insn program[CGROUP_PROGRAM_MAX];
    static struct cgroup_device_list list;
    struct device_access all[RULES_MAX + 16];
    static const int64_t numbers[] = {0, 1, 3, 5, 136, 4000};
    struct err err = {0};
    uint32_t m;
    const struct device_access *defaults = cgroup_devices_default(&m);
    int len = cgroup_devices_program(program, rules, n, &err);

    check(label, len > 0);
    memcpy(all, rules, n * sizeof *rules);
    memcpy(all + n, defaults, m * sizeof *defaults);
    list.allow = false;
    list.n = 0;
    bool v1 = cgroup_devices_list(&list, all, n + m, &err) == 0;
    for (unsigned k = 0; k < 2 * 6 * 6 * 7; k++) {
        char type = k % 2 ? 'c' : 'b';
        int64_t major = numbers[k / 2 % 6], minor = numbers[k / 12 % 6];
        unsigned want = 1 + k / 72;
        bool expect = rules_allow(all, n + m, type, major, minor, want);
        uint32_t request = want << 16 | (type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK);
        if (program_run(program, len, request, (uint32_t)major, (uint32_t)minor) != expect)
            fail_msg("case \"%s\": program, %c %d:%d access %u, expected %d", label, type, (int)major, (int)minor, want,
                     expect);
        if (v1 && (want & (want - 1)) == 0 && list_allows(&list, type, major, minor, want) != expect)
            fail_msg("case \"%s\": list, %c %d:%d access %u, expected %d", label, type, (int)major, (int)minor, want,
                     expect);
    }
    return v1;
}

static void test_devices_rule_lists_mean_the_same_everywhere(void **state)
{
    static const struct {
        const char *label;
        bool v1;
        uint32_t n;
        struct device_access rules[4];
    } cases[] = {
        {"deny all", true, 1, {{false, 'a', -1, -1, true, true, true}}},
        {"allow all", true, 1, {{true, 'a', -1, -1, true, true, true}}},
        {"deny all, allow one",
         true,
         2,
         {{false, 'a', -1, -1, true, true, true}, {true, 'c', 5, 1, true, true, false}}},
        {"allow one, deny all",
         true,
         2,
         {{true, 'c', 5, 1, true, true, false}, {false, 'a', -1, -1, true, true, true}}},
        {"allow all, deny one", true, 2, {{true, 'a', -1, -1, true, true, true}, {false, 'b', 3, 3, true, true, true}}},
        {"read here, write there",
         true,
         2,
         {{true, 'b', 3, 1, true, false, false}, {true, 'b', 3, 1, false, true, false}}},
        {"allow, then deny a part of the access",
         true,
         2,
         {{true, 'b', 3, 1, true, true, true}, {false, 'b', 3, 1, false, true, false}}},
        {"a range with a hole",
         false,
         2,
         {{true, 'b', 3, -1, true, true, true}, {false, 'b', 3, 1, false, true, false}}},
        {"type a with one major", true, 1, {{true, 'a', 3, -1, true, false, false}}},
        {"no access at all", true, 1, {{true, 'a', -1, -1, false, false, false}}},
        {"no rule", true, 0, {{0}}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(cases[i].label, rules_compare(cases[i].label, cases[i].rules, cases[i].n) == cases[i].v1);
}

static void test_devices_random_rules_mean_the_same_everywhere(void **state)
{
    static const int64_t numbers[] = {-1, 1, 3, 5};
    unsigned seed = 20240611, lists = 0;

    for (unsigned round = 0; round < 400; round++) {
        struct device_access rules[RULES_MAX];
        char label[32];
        uint32_t n = (uint32_t)rand_r(&seed) % RULES_MAX;
        snprintf(label, sizeof label, "random %u", round);
        for (uint32_t i = 0; i < n; i++) {
            unsigned x = (unsigned)rand_r(&seed);
            rules[i] = (struct device_access){x & 1,      "abc"[(x >> 1) % 3], numbers[x >> 3 & 3], numbers[x >> 5 & 3],
                                              x >> 7 & 1, x >> 8 & 1,          x >> 9 & 1};
        }
        lists += rules_compare(label, rules, n);
    }
    assert_true(lists > 20); /* else the lists were hardly looked at */
}

static void test_devices_too_many_rules_are_refused_by_name(void **state)
{
    static struct device_access rules[2000];
    static struct bpf_insn program[CGROUP_PROGRAM_MAX];
    static struct cgroup_device_list list;
    struct err err = {0};

    for (int i = 0; i < 2000; i++)
        rules[i] = (struct device_access){true, 'c', 7, i, true, true, false};
    assert_int_equal(cgroup_devices_program(program, rules, 2000, &err), -E2BIG);
    assert_non_null(strstr(err.text, "linux.resources.devices"));
    assert_int_equal(cgroup_devices_list(&list, rules, 2000, &err), -E2BIG);
    rules[0].major = INT64_C(1) << 40;
    assert_int_equal(cgroup_devices_program(program, rules, 1, &err), -EINVAL);
}

/* ---- files in a directory that stands for a mount ------------------------------------------------------------ */

static const char *const fake_files[] = {
    "cgroup.procs",
    "tasks",
    "memory.max",
    "memory.swap.max",
    "memory.low",
    "memory.high",
    "memory.current",
    "cpu.weight",
    "cpu.max",
    "cpu.max.burst",
    "cpu.idle",
    "cpuset.cpus",
    "cpuset.mems",
    "pids.max",
    "io.weight",
    "io.max",
    "hugetlb.2MB.max",
    "rdma.max",
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.soft_limit_in_bytes",
    "memory.swappiness",
    "memory.oom_control",
    "memory.kmem.limit_in_bytes",
    "memory.kmem.tcp.limit_in_bytes",
    "memory.use_hierarchy",
    "memory.usage_in_bytes",
    "cpu.shares",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
    "cpu.cfs_burst_us",
    "cpu.rt_period_us",
    "cpu.rt_runtime_us",
    "blkio.bfq.weight",
    "blkio.throttle.read_bps_device",
    "blkio.throttle.write_iops_device",
    "hugetlb.2MB.limit_in_bytes",
    "net_cls.classid",
    "net_prio.ifpriomap",
};

struct fake {
    char dir[64];
    struct cgroup_host host;
    struct cgroup cg;
};

static void fake_write(const struct fake *f, const char *file, const char *text)
{
    char path[128];

    snprintf(path, sizeof path, "%s/x/%s", f->dir, file);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
    close(fd);
}

static void fake_begin(struct fake *f, bool v2, uint32_t controllers)
{
    char path[80];
    struct err err = {0};

    memset(f, 0, sizeof *f);
    strcpy(f->dir, "/tmp/moat-test-cgroup-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(path, sizeof path, "%s/x", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < ARRAY_LEN(fake_files); i++)
        fake_write(f, fake_files[i], "");
    f->host.layout = v2 ? CGROUP_V2 : CGROUP_V1;
    f->host.n = 1;
    f->host.h[0].v2 = v2;
    f->host.h[0].controllers = controllers;
    snprintf(f->host.h[0].mountpoint, sizeof f->host.h[0].mountpoint, "%s", f->dir);
    strcpy(f->host.h[0].own, "/");
    assert_int_equal(cgroup_open(&f->cg, &f->host, "/x", &err), 0);
}

static void fake_end(struct fake *f)
{
    char path[128];

    cgroup_close(&f->cg);
    for (size_t i = 0; i < ARRAY_LEN(fake_files); i++) {
        snprintf(path, sizeof path, "%s/x/%s", f->dir, fake_files[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/x", f->dir);
    rmdir(path);
    assert_int_equal(rmdir(f->dir), 0);
}

#define ALL_CONTROLLERS (CGROUP_BIT(CG_CONTROLLERS) - 1)

static struct throttle_device one_throttle[] = {{8, 16, 1000}}, no_throttle[] = {{8, 16, 0}};
static struct hugepage_limit one_page[] = {{"2MB", 4194304}};
static struct rdma_limit one_rdma[] = {{"mlx5_1", {true, 3}, {true, 10}}};
static struct net_priority one_priority[] = {{"eth0", 5}};
static struct key_value one_unified[] = {{"memory.high", "12345"}};
static struct key_value slash_unified[] = {{"../memory.high", "1"}};
static struct key_value unknown_unified[] = {{"memory.nonsense", "1"}};
static struct blkio_device leaf_device[] = {{8, 0, {false, 0}, {true, 100}}};

static const struct {
    const char *label;
    bool v2;
    struct resources r;
    const char *file, *text;
} writes[] = {
    {"limit", true, {.memory.limit = {true, 4096}}, "memory.max", "4096"},
    {"no limit", true, {.memory.limit = {true, -1}}, "memory.max", "max"},
    {"swap", true, {.memory.limit = {true, 100}, .memory.swap = {true, 150}}, "memory.swap.max", "50"},
    {"no swap", true, {.memory.limit = {true, 100}, .memory.swap = {true, 100}}, "memory.swap.max", "0"},
    {"reservation", true, {.memory.reservation = {true, 77}}, "memory.low", "77"},
    {"shares", true, {.cpu.shares = {true, 1024}}, "cpu.weight", "39"},
    {"quota", true, {.cpu.quota = {true, 5000}}, "cpu.max", "5000"},
    {"quota and period", true, {.cpu.quota = {true, 5000}, .cpu.period = {true, 10000}}, "cpu.max", "5000 10000"},
    {"no quota", true, {.cpu.quota = {true, -1}, .cpu.period = {true, 10000}}, "cpu.max", "max 10000"},
    {"burst", true, {.cpu.burst = {true, 50}}, "cpu.max.burst", "50"},
    {"idle", true, {.cpu.idle = {true, 1}, .cpu.shares = {true, 5}}, "cpu.idle", "1"},
    {"idle leaves the weight", true, {.cpu.idle = {true, 1}, .cpu.shares = {true, 5}}, "cpu.weight", ""},
    {"cpus", true, {.cpu.cpus = "0-1"}, "cpuset.cpus", "0-1"},
    {"mems", true, {.cpu.mems = "0"}, "cpuset.mems", "0"},
    {"pids", true, {.pids = {true, 10}}, "pids.max", "10"},
    {"pids 0", true, {.pids = {true, 0}}, "pids.max", "0"},
    {"pids unlimited", true, {.pids = {true, -1}}, "pids.max", "max"},
    {"io weight", true, {.blkio.weight = {true, 500}}, "io.weight", "4950"},
    {"io.max", true, {.blkio.read_bps = one_throttle, .blkio.n_read_bps = 1}, "io.max", "8:16 rbps=1000"},
    {"io.max lifted", true, {.blkio.write_iops = no_throttle, .blkio.n_write_iops = 1}, "io.max", "8:16 wiops=max"},
    {"huge pages", true, {.hugepages = one_page, .n_hugepages = 1}, "hugetlb.2MB.max", "4194304"},
    {"rdma", true, {.rdma = one_rdma, .n_rdma = 1}, "rdma.max", "mlx5_1 hca_handle=3 hca_object=10"},
    {"unified", true, {.unified = one_unified, .n_unified = 1}, "memory.high", "12345"},
    {"v1 limit", false, {.memory.limit = {true, 4096}}, "memory.limit_in_bytes", "4096"},
    {"v1 no limit", false, {.memory.limit = {true, -1}}, "memory.limit_in_bytes", "-1"},
    {"v1 no limit lifts swap too", false, {.memory.limit = {true, -1}}, "memory.memsw.limit_in_bytes", "-1"},
    {"v1 swap", false, {.memory.limit = {true, 100}, .memory.swap = {true, 150}}, "memory.memsw.limit_in_bytes", "150"},
    {"v1 reservation", false, {.memory.reservation = {true, 77}}, "memory.soft_limit_in_bytes", "77"},
    {"v1 kernel", false, {.memory.kernel = {true, 77}}, "memory.kmem.limit_in_bytes", "77"},
    {"v1 kernel tcp", false, {.memory.kernel_tcp = {true, 78}}, "memory.kmem.tcp.limit_in_bytes", "78"},
    {"v1 swappiness", false, {.memory.swappiness = {true, 0}}, "memory.swappiness", "0"},
    {"v1 oom", false, {.memory.disable_oom_killer = {true, true}}, "memory.oom_control", "1"},
    {"v1 hierarchy", false, {.memory.use_hierarchy = {true, true}}, "memory.use_hierarchy", "1"},
    {"v1 shares", false, {.cpu.shares = {true, 1024}}, "cpu.shares", "1024"},
    {"v1 quota", false, {.cpu.quota = {true, 5000}}, "cpu.cfs_quota_us", "5000"},
    {"v1 period", false, {.cpu.period = {true, 6000}}, "cpu.cfs_period_us", "6000"},
    {"v1 burst", false, {.cpu.burst = {true, 50}}, "cpu.cfs_burst_us", "50"},
    {"v1 real time period", false, {.cpu.realtime_period = {true, 60}}, "cpu.rt_period_us", "60"},
    {"v1 real time", false, {.cpu.realtime_runtime = {true, 50}}, "cpu.rt_runtime_us", "50"},
    {"v1 weight goes to bfq", false, {.blkio.weight = {true, 500}}, "blkio.bfq.weight", "500"},
    {"v1 throttle",
     false,
     {.blkio.read_bps = one_throttle, .blkio.n_read_bps = 1},
     "blkio.throttle.read_bps_device",
     "8:16 1000"},
    {"v1 huge pages", false, {.hugepages = one_page, .n_hugepages = 1}, "hugetlb.2MB.limit_in_bytes", "4194304"},
    {"v1 class", false, {.net_class_id = {true, 7}}, "net_cls.classid", "7"},
    {"v1 priority", false, {.net_priorities = one_priority, .n_net_priorities = 1}, "net_prio.ifpriomap", "eth0 5"},
    {"v1 zero is not given", false, {.memory.limit = {true, 0}}, "memory.limit_in_bytes", ""},
};

static void test_apply_each_item_writes_the_right_text_to_the_right_file(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        struct fake f;
        struct err err = {0};
        char text[256] = "";

        fake_begin(&f, writes[i].v2, ALL_CONTROLLERS);
        if (cgroup_apply(&f.cg, &writes[i].r, false, &err) != 0)
            fail_msg("case \"%s\": %s", writes[i].label, err.text);
        io_read_small(f.cg.dir_fds[0], writes[i].file, text, sizeof text);
        if (strcmp(text, writes[i].text) != 0)
            fail_msg("case \"%s\": %s holds \"%s\", expected \"%s\"", writes[i].label, writes[i].file, text,
                     writes[i].text);
        fake_end(&f);
    }
}

static const struct {
    const char *label;
    bool v2;
    uint32_t controllers;
    struct resources r;
    const char *item, *remedy;
} refusals[] = {
    {"kernel", true, ALL_CONTROLLERS, {.memory.kernel = {true, 5}}, "memory.kernel:", "leave it out"},
    {"kernelTCP", true, ALL_CONTROLLERS, {.memory.kernel_tcp = {true, 5}}, "memory.kernelTCP:", "leave it out"},
    {"swappiness", true, ALL_CONTROLLERS, {.memory.swappiness = {true, 5}}, "memory.swappiness:", "leave it out"},
    {"oom", true, ALL_CONTROLLERS, {.memory.disable_oom_killer = {true, true}}, "disableOOMKiller:", "leave it out"},
    {"hierarchy", true, ALL_CONTROLLERS, {.memory.use_hierarchy = {true, false}}, "useHierarchy:", "leave it out"},
    {"real time", true, ALL_CONTROLLERS, {.cpu.realtime_runtime = {true, 5}}, "realtimeRuntime:", "leave it out"},
    {"leaf weight", true, ALL_CONTROLLERS, {.blkio.leaf_weight = {true, 5}}, "leafWeight:", "leave it out"},
    {"leaf of a device",
     true,
     ALL_CONTROLLERS,
     {.blkio.weight_devices = leaf_device, .blkio.n_weight_devices = 1},
     "leafWeight:",
     "leave it out"},
    {"class on v2",
     true,
     ALL_CONTROLLERS & ~CGROUP_BIT(CG_NET_CLS),
     {.net_class_id = {true, 5}},
     "network.classID:",
     "leave the item out"},
    {"swap without limit",
     true,
     ALL_CONTROLLERS,
     {.memory.swap = {true, 5}},
     "memory.swap:",
     "give linux.resources.memory.limit"},
    {"key with a slash",
     true,
     ALL_CONTROLLERS,
     {.unified = slash_unified, .n_unified = 1},
     "unified: key",
     "memory.high"},
    {"unknown key",
     true,
     ALL_CONTROLLERS,
     {.unified = unknown_unified, .n_unified = 1},
     "unified.memory.nonsense:",
     "leave the item out"},
    {"unified on v1", false, ALL_CONTROLLERS, {.unified = one_unified, .n_unified = 1}, "unified:", "instead"},
    {"no pids controller", false, CGROUP_BIT(CG_MEMORY), {.pids = {true, 5}}, "pids.limit:", "leave the item out"},
    {"v1 leaf weight",
     false,
     ALL_CONTROLLERS,
     {.blkio.leaf_weight = {true, 5}},
     "leafWeight: cannot write blkio.leaf_weight",
     "leave the item out"},
    {"above the use",
     true,
     ALL_CONTROLLERS,
     {.memory.limit = {true, 5}, .memory.check_before_update = {true, true}},
     "memory.limit: 5",
     "raise it"},
    {"v1 above the use",
     false,
     ALL_CONTROLLERS,
     {.memory.limit = {true, 5}, .memory.check_before_update = {true, true}},
     "memory.limit: 5",
     "raise it"},
};

static void test_apply_what_cannot_be_kept_is_refused_by_name(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct fake f;
        struct err err = {0};

        fake_begin(&f, refusals[i].v2, refusals[i].controllers);
        fake_write(&f, "memory.current", "4096\n");
        fake_write(&f, "memory.usage_in_bytes", "4096\n");
        check(refusals[i].label, cgroup_apply(&f.cg, &refusals[i].r, true, &err) < 0);
        if (strncmp(err.text, "linux.resources.", 16) != 0 || !strstr(err.text, refusals[i].item) ||
            !strstr(err.text, refusals[i].remedy))
            fail_msg("case \"%s\": \"%s\"", refusals[i].label, err.text);
        fake_end(&f);
    }
}

static void test_apply_swap_without_accounting_passes_only_when_it_means_none(void **state)
{
    for (int v2 = 0; v2 < 2; v2++) {
        struct resources r = {.memory.limit = {true, 100}, .memory.swap = {true, 100}};
        struct err err = {0};
        struct fake f;

        fake_begin(&f, v2, ALL_CONTROLLERS);
        unlinkat(f.cg.dir_fds[0], v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes", 0);
        assert_int_equal(cgroup_apply(&f.cg, &r, false, &err), 0);
        r.memory.swap.v = -1;
        assert_int_equal(cgroup_apply(&f.cg, &r, false, &err), 0);
        r.memory.swap.v = 150;
        assert_int_equal(cgroup_apply(&f.cg, &r, false, &err), -ENOENT);
        assert_non_null(strstr(err.text, "linux.resources.memory.swap"));
        assert_non_null(strstr(err.text, "swapaccount=1"));
        fake_end(&f);
    }
}

static void test_make_bad_path_is_refused(void **state)
{
    static struct cgroup_host host;
    static char longest[2000];
    static const char *const paths[] = {"", "x", "/../x", "/a/./b", "/a/..", longest};
    struct cgroup cg;

    memset(longest, 'a', sizeof longest - 1);
    longest[0] = '/';
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct err err = {0};
        check(paths[i], cgroup_make(&cg, &host, paths[i], NULL, CGROUP_PART_ALL, &err) < 0);
        check(paths[i], strstr(err.text, "cgroup path"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe_texts_of_each_layout_are_understood),
        cmocka_unit_test(test_probe_hostile_text_is_refused),
        cmocka_unit_test(test_v2_figures_follow_the_agreed_conversion),
        cmocka_unit_test(test_devices_rule_lists_mean_the_same_everywhere),
        cmocka_unit_test(test_devices_random_rules_mean_the_same_everywhere),
        cmocka_unit_test(test_devices_too_many_rules_are_refused_by_name),
        cmocka_unit_test(test_apply_each_item_writes_the_right_text_to_the_right_file),
        cmocka_unit_test(test_apply_what_cannot_be_kept_is_refused_by_name),
        cmocka_unit_test(test_apply_swap_without_accounting_passes_only_when_it_means_none),
        cmocka_unit_test(test_make_bad_path_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
