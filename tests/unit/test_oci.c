/* SPDX-License-Identifier: Apache-2.0 */
/* The OCI reader and writer: each refusal by its path, each member into its field, and the way back. */
#include "base/json.h"
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oci_samples.h"

struct doc {
    struct arena a;
    char *text;
    struct policy p;
    struct err err;
};

/* Reads and checks a copy of exactly len + 1 bytes. */
static int doc_read(struct doc *d, const char *text)
{
    size_t len = strlen(text);

    *d = (struct doc){0};
    assert_int_equal(arena_init(&d->a, (size_t)16 << 20), 0);
    d->text = malloc(len + 1);
    assert_non_null(d->text);
    memcpy(d->text, text, len);
    policy_init(&d->p, &d->a, POLICY_FROM_OCI);
    int r = policy_read_oci(&d->p, d->text, len, &d->err);
    return r < 0 ? r : policy_check(&d->p, &d->err);
}

static void doc_free(struct doc *d)
{
    free(d->text);
    arena_free(&d->a);
}

#define TOP(members)     "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"}" members "}"
#define LINUX(members)   TOP(",\"linux\":{" members "}")
#define PROCESS(members) TOP(",\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]" members "}")
#define RES(members)     LINUX("\"resources\":{" members "}")
#define SECCOMP(members) LINUX("\"seccomp\":{" members "}")

struct refusal {
    const char *text, *says;
};

static void expect_refusals(const struct refusal *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct doc d;
        int r = doc_read(&d, cases[i].text);
        if (r != -EINVAL || !strstr(d.err.text, cases[i].says) || strchr(d.err.text, '\n'))
            fail_msg("case %zu %s: got %d \"%s\", expected \"%s\"", i, cases[i].text, r, d.err.text, cases[i].says);
        doc_free(&d);
    }
}

static void test_oci_top_level_faults_are_refused_by_path(void **state)
{
    static const struct refusal cases[] = {
        {"[]", "config.json: expected an object, found an array"},
        {"{}", "ociVersion: is required"},
        {"{\"ociVersion\":1}", "ociVersion: expected a string, found an integer"},
        {"{\"ociVersion\":\"1.0\"}", "ociVersion: \"1.0\" is no version"},
        {"{\"ociVersion\":\"01.0.0\"}", "is no version"},
        {"{\"ociVersion\":\"1.0.0-\"}", "is no version"},
        {"{\"ociVersion\":\"1.0.0-a..b\"}", "is no version"},
        {"{\"ociVersion\":\"1.0.0+\"}", "is no version"},
        {"{\"ociVersion\":\"1.0.0 \"}", "is no version"},
        {"{\"ociVersion\":\"2.0.0\"}", "ociVersion: \"2.0.0\" is not supported; this runtime reads 1.x"},
        {"{\"ociVersion\":\"1.0.0\"}", "root: is required"},
        {"{\"ociVersion\":\"1.0.0\",\"root\":{}}", "root.path: is required"},
        {"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"\"}}", "root.path: must not be empty"},
        {"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\",\"readonly\":1}}",
         "root.readonly: expected a boolean, found an integer"},
        {TOP(",\"windows\":{}"), "windows: this document is for Windows"},
        {TOP(",\"solaris\":{}"), "solaris: this document is for Solaris"},
        {TOP(",\"freebsd\":{}"), "freebsd: this document is for FreeBSD"},
        {TOP(",\"zos\":{}"), "zos: this document is for z/OS"},
        {TOP(",\"vm\":{\"hwConfig\":{}}"), "vm: this document is for virtual machines"},
        {TOP(",\"hostname\":7"), "hostname: expected a string"},
        {TOP(",\"hostname\":\"h\""), "hostname: needs a uts namespace"},
        {TOP(",\"domainname\":\"h\""), "domainname: needs a uts namespace"},
        {TOP(",\"annotations\":{\"\":\"x\"}"), "annotations: a key must not be empty"},
        {TOP(",\"annotations\":{\"k\":1}"), "annotations.k: expected a string, found an integer"},
        {TOP(",\"annotations\":{\"a\\nb\":1}"), "annotations.a?b: expected a string"},
        {TOP(",\"annotations\":{\"org.opencontainers.image.stopSignal\":\"SIGX\"}"), "stopSignal: expected a signal"},
        {TOP(",\"hooks\":{\"prestart\":[{}]}"), "hooks.prestart[0].path: is required"},
        {TOP(",\"hooks\":{\"poststop\":[{\"path\":\"/a\"},{\"path\":\"b\"}]}"),
         "hooks.poststop[1].path: must be an absolute path"},
        {TOP(",\"hooks\":{\"createRuntime\":[{\"path\":\"/a\",\"timeout\":0}]}"),
         "hooks.createRuntime[0].timeout: 0 is not between"},
        {TOP(",\"hooks\":{\"startContainer\":{}}"), "hooks.startContainer: expected an array"},
        {TOP(",\"hooks\":{\"poststart\":[1]}"), "hooks.poststart[0]: expected an object"},
        {TOP(",\"root\":{\"path\":\"other\"}"), "member \"root\" is given twice"},
    };

    (void)state;
    expect_refusals(cases, sizeof cases / sizeof cases[0]);
}

static void test_oci_process_faults_are_refused_by_path(void **state)
{
    static const struct refusal cases[] = {
        {TOP(",\"process\":[]"), "process: expected an object, found an array"},
        {TOP(",\"process\":{}"), "process.cwd: is required"},
        {TOP(",\"process\":{\"cwd\":\"tmp\",\"args\":[\"sh\"]}"),
         "process.cwd: must be an absolute path, found \"tmp\""},
        {TOP(",\"process\":{\"cwd\":\"\",\"args\":[\"sh\"]}"), "process.cwd: must not be empty"},
        {TOP(",\"process\":{\"cwd\":\"/\"}"), "process.args: needs at least one entry"},
        {TOP(",\"process\":{\"cwd\":\"/\",\"args\":[]}"), "process.args: needs at least one entry"},
        {TOP(",\"process\":{\"cwd\":\"/\",\"args\":[\"\"]}"), "process.args[0]: must not be empty"},
        {TOP(",\"process\":{\"cwd\":\"/\",\"args\":[\"a\",null]}"), "process.args[1]: expected a string, found null"},
        {PROCESS(",\"env\":[\"A=1\",2]"), "process.env[1]: expected a string, found an integer"},
        {PROCESS(",\"terminal\":\"yes\""), "process.terminal: expected a boolean, found a string"},
        {PROCESS(",\"consoleSize\":{\"height\":1}"), "process.consoleSize.width: is required"},
        {PROCESS(",\"consoleSize\":{\"height\":70000,\"width\":1}"), "process.consoleSize.height: 70000 is beyond"},
        {PROCESS(",\"commandLine\":\"cmd\""), "process.commandLine: is for windows"},
        {PROCESS(",\"user\":{\"uid\":-1}"), "process.user.uid: must not be negative"},
        {PROCESS(",\"user\":{\"uid\":4294967295}"), "process.user.uid: 4294967295 is beyond"},
        {PROCESS(",\"user\":{\"gid\":1.0}"), "process.user.gid: expected an integer, found a fraction"},
        {PROCESS(",\"user\":{\"umask\":512}"), "process.user.umask: 512 is beyond"},
        {PROCESS(",\"user\":{\"additionalGids\":[1,-2]}"), "process.user.additionalGids[1]: a group id is between"},
        {PROCESS(",\"user\":{\"username\":\"bob\"}"), "process.user.username: is for windows"},
        {PROCESS(",\"capabilities\":[\"CAP_KILL\"]"), "process.capabilities: expected an object, found an array"},
        {PROCESS(",\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_FLY\"]}"),
         "process.capabilities.bounding[1]: unknown capability \"CAP_FLY\""},
        {PROCESS(",\"capabilities\":{\"ambient\":[\"KILL\"]}"),
         "process.capabilities.ambient[0]: unknown capability \"KILL\""},
        {PROCESS(",\"capabilities\":{\"effective\":[\"CAP_KILL\"]}"),
         "process.capabilities.effective: CAP_KILL is not in permitted"},
        {PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]"),
         "process.rlimits[0].type: unknown resource limit"},
        {PROCESS(",\"rlimits\":[{\"type\":\"nofile\",\"soft\":1,\"hard\":1}]"),
         "process.rlimits[0].type: unknown resource limit"},
        {PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1}]"), "process.rlimits[0].soft: is required"},
        {PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":2,\"hard\":1}]"),
         "process.rlimits[0].soft: 2 is above hard, 1"},
        {PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":1},"
                 "{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":1}]"),
         "process.rlimits[1].type: RLIMIT_NOFILE is given twice"},
        {PROCESS(",\"oomScoreAdj\":1001"), "process.oomScoreAdj: 1001 is not between -1000 and 1000"},
        {PROCESS(",\"scheduler\":{}"), "process.scheduler.policy: is required"},
        {PROCESS(",\"scheduler\":{\"policy\":\"SCHED_ISO\"}"), "process.scheduler.policy: SCHED_ISO is reserved"},
        {PROCESS(",\"scheduler\":{\"policy\":\"FIFO\"}"), "process.scheduler.policy: unknown value \"FIFO\""},
        {PROCESS(",\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":20}"),
         "process.scheduler.nice: 20 is not between"},
        {PROCESS(",\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"flags\":[\"X\"]}"),
         "process.scheduler.flags[0]: unknown flag \"X\""},
        {PROCESS(",\"ioPriority\":{\"priority\":1}"), "process.ioPriority.class: is required"},
        {PROCESS(",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}"),
         "process.ioPriority.priority: 8 is beyond"},
        {PROCESS(",\"execCPUAffinity\":{\"initial\":\"a\"}"),
         "process.execCPUAffinity.initial: \"a\" is no list of CPUs"},
    };

    (void)state;
    expect_refusals(cases, sizeof cases / sizeof cases[0]);
}

static void test_oci_mount_faults_are_refused_by_path(void **state)
{
    static const struct refusal cases[] = {
        {TOP(",\"mounts\":[{}]"), "mounts[0].destination: is required"},
        {TOP(",\"mounts\":[{\"destination\":\"\"}]"), "mounts[0].destination: must not be empty"},
        {TOP(",\"mounts\":[{\"destination\":\"/a\"}]"), "mounts[0].type: is required unless options has bind or rbind"},
        {TOP(",\"mounts\":[{\"destination\":\"/a\",\"options\":[\"bind\"]}]"),
         "mounts[0].source: is required for a bind mount"},
        {TOP(",\"mounts\":[{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",\"src-nofollow\"]}]"),
         "mounts[0].options[1]: src-nofollow is not supported"},
        {TOP(",\"mounts\":[{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"a,b\"]}]"),
         "mounts[0].options[0]: \"a,b\" is not one option"},
        {TOP(",\"mounts\":[{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":\"ro\"}]"),
         "mounts[0].options: expected an array"},
        {TOP(",\"mounts\":[{\"destination\":\"/a\",\"type\":\"proc\",\"options\":[\"tmpcopyup\"]}]"),
         "tmpcopyup needs type tmpfs"},
        {TOP(",\"mounts\":[{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",\"idmap\"]}]"),
         "mounts[0].options: idmap needs uidMappings and gidMappings, or a user namespace"},
        {TOP(",\"mounts\":[{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\"],"
             "\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}]"),
         "mounts[0].gidMappings: is required together"},
    };

    (void)state;
    expect_refusals(cases, sizeof cases / sizeof cases[0]);
}

static void test_oci_linux_faults_are_refused_by_path(void **state)
{
    static const struct refusal cases[] = {
        {LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]"),
         "linux.namespaces[1].type: pid is given twice"},
        {LINUX("\"namespaces\":[{\"type\":\"net\"}]"), "linux.namespaces[0].type: unknown namespace \"net\""},
        {LINUX("\"namespaces\":[{}]"), "linux.namespaces[0].type: is required"},
        {LINUX("\"namespaces\":[{\"type\":\"pid\",\"path\":\"ns/pid\"}]"),
         "linux.namespaces[0].path: must be an absolute path"},
        {LINUX("\"namespaces\":[{\"type\":\"user\"}]"), "linux.uidMappings: is required for a new user namespace"},
        {LINUX("\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]"),
         "linux.uidMappings: needs a user namespace"},
        {LINUX("\"gidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":0}]"),
         "linux.gidMappings[0].size: must be at least 1"},
        {LINUX("\"gidMappings\":[{\"containerID\":9,\"hostID\":0,\"size\":4294967295}]"),
         "linux.gidMappings[0].size: 4294967295 ids"},
        {LINUX("\"gidMappings\":[{\"containerID\":9,\"size\":1}]"), "linux.gidMappings[0].hostID: is required"},
        {LINUX("\"timeOffsets\":{\"monotonic\":{\"secs\":1}}"), "linux.timeOffsets: needs a new time namespace"},
        {LINUX("\"timeOffsets\":{\"realtime\":{\"secs\":1}}"), "linux.timeOffsets.realtime: unknown clock"},
        {LINUX("\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}"),
         "linux.timeOffsets.boottime.nanosecs: 1000000000 is beyond"},
        {LINUX("\"devices\":[{\"type\":\"x\",\"path\":\"/d\"}]"), "linux.devices[0].type: unknown device type \"x\""},
        {LINUX("\"devices\":[{\"type\":\"c\",\"path\":\"d\"}]"), "linux.devices[0].path: must be an absolute path"},
        {LINUX("\"devices\":[{\"type\":\"c\",\"path\":\"/d\",\"major\":1}]"), "linux.devices[0].minor: is required"},
        {LINUX("\"devices\":[{\"type\":\"c\",\"path\":\"/d\",\"major\":4096,\"minor\":1}]"),
         "linux.devices[0].major: 4096 is beyond"},
        {LINUX("\"netDevices\":{\"eth0\":{\"name\":23}}"),
         "linux.netDevices.eth0.name: expected a string, found an integer"},
        {LINUX("\"netDevices\":{\"eth0\":1}"), "linux.netDevices.eth0: expected an object"},
        {LINUX("\"netDevices\":{\"../x\":{}}"), "linux.netDevices.../x: is no interface name"},
        {LINUX("\"netDevices\":{\"eth0\":{\"name\":\"a name\"}}"),
         "linux.netDevices.eth0.name: \"a name\" is no interface name"},
        {LINUX("\"cgroupsPath\":\"/a/../b\""), "linux.cgroupsPath: \"/a/../b\" leaves its place"},
        {LINUX("\"rootfsPropagation\":\"both\""), "linux.rootfsPropagation: unknown value \"both\""},
        {LINUX("\"maskedPaths\":[\"/a\",\"b\"]"), "linux.maskedPaths[1]: must be an absolute path"},
        {LINUX("\"readonlyPaths\":[\"\"]"), "linux.readonlyPaths[0]: must not be empty"},
        {LINUX("\"sysctl\":{\"net.core.somaxconn\":256}"), "linux.sysctl.net.core.somaxconn: expected a string"},
        {LINUX("\"sysctl\":{\"net.core.somaxconn\":\"256\"}"),
         "linux.sysctl.net.core.somaxconn: needs a network namespace"},
        {LINUX("\"sysctl\":{\"vm.swappiness\":\"1\"}"), "linux.sysctl.vm.swappiness: belongs to no namespace"},
        {LINUX("\"sysctl\":{\"net/../vm\":\"1\"}"), "linux.sysctl.net/../vm: is no kernel parameter"},
        {LINUX("\"intelRdt\":{\"closID\":\"a/b\"}"), "linux.intelRdt.closID: \"a/b\" is no single name"},
        {LINUX("\"intelRdt\":{\"memBwSchema\":\"L3:0=f\"}"), "linux.intelRdt.memBwSchema: must begin with MB:"},
        {LINUX("\"intelRdt\":{\"schemata\":[\"a\\nb\"]}"), "linux.intelRdt.schemata[0]: must not hold a newline"},
        {LINUX("\"intelRdt\":{\"enableCMT\":true}"), "linux.intelRdt.enableCMT: is gone from the specification"},
        {LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_X\"}"), "linux.memoryPolicy.mode: unknown value \"MPOL_X\""},
        {LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\"}"), "linux.memoryPolicy.nodes: is required for this mode"},
        {LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_LOCAL\",\"nodes\":\"0\"}"),
         "linux.memoryPolicy.nodes: this mode takes no nodes"},
        {LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_LOCAL\",\"flags\":[\"MPOL_F_X\"]}"),
         "linux.memoryPolicy.flags[0]: unknown flag"},
        {LINUX("\"personality\":{\"domain\":\"BSD\"}"), "linux.personality.domain: unknown value \"BSD\""},
        {LINUX("\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"X\"]}"),
         "linux.personality.flags[0]: unknown flag \"X\""},
    };

    (void)state;
    expect_refusals(cases, sizeof cases / sizeof cases[0]);
}

static void test_oci_resource_faults_are_refused_by_path(void **state)
{
    static const struct refusal cases[] = {
        {RES("\"memory\":{\"limit\":\"1g\"}"), "linux.resources.memory.limit: expected an integer, found a string"},
        {RES("\"memory\":{\"limit\":-2}"), "linux.resources.memory.limit: -2 is not between -1"},
        {RES("\"memory\":{\"limit\":18446744073709551615}"),
         "linux.resources.memory.limit: 18446744073709551615 is beyond"},
        {RES("\"memory\":{\"swappiness\":101}"), "linux.resources.memory.swappiness: 101 is beyond the maximum of 100"},
        {RES("\"memory\":{\"limit\":100,\"swap\":50}"), "linux.resources.memory.swap: counts memory and swap together"},
        {RES("\"cpu\":{\"idle\":2}"), "linux.resources.cpu.idle: 2 is not between 0 and 1"},
        {RES("\"cpu\":{\"quota\":10,\"burst\":11}"), "linux.resources.cpu.burst: 11 is above quota, 10"},
        {RES("\"cpu\":{\"cpus\":\"0\\n1\"}"), "linux.resources.cpu.cpus: must not hold a newline"},
        {RES("\"pids\":{}"), "linux.resources.pids.limit: is required"},
        {RES("\"devices\":[{\"access\":\"rwm\"}]"), "linux.resources.devices[0].allow: is required"},
        {RES("\"devices\":[{\"allow\":true}]"), "linux.resources.devices[0].access: is required where allow is true"},
        {RES("\"devices\":[{\"allow\":true,\"access\":\"rx\"}]"),
         "linux.resources.devices[0].access: unknown letter 'x'"},
        {RES("\"devices\":[{\"allow\":false,\"type\":\"z\"}]"),
         "linux.resources.devices[0].type: unknown device type \"z\""},
        {RES("\"blockIO\":{\"weight\":65536}"), "linux.resources.blockIO.weight: 65536 is beyond"},
        {RES("\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0}]}"),
         "blockIO.weightDevice[0]: needs weight, leafWeight"},
        {RES("\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0}]}"),
         "throttleReadBpsDevice[0].rate: is required"},
        {RES("\"hugepageLimits\":[{\"pageSize\":\"64kB\",\"limit\":1}]"),
         "hugepageLimits[0].pageSize: \"64kB\" is no page size"},
        {RES("\"hugepageLimits\":[{\"pageSize\":\"../2MB\",\"limit\":1}]"), "is no page size"},
        {RES("\"network\":{\"priorities\":[{\"name\":\"eth0\"}]}"),
         "linux.resources.network.priorities[0].priority: is required"},
        {RES("\"rdma\":{\"mlx\":{}}"), "linux.resources.rdma.mlx: needs hcaHandles, hcaObjects or both"},
        {RES("\"rdma\":{\"mlx\":{\"hcaHandles\":\"x\"}}"), "linux.resources.rdma.mlx.hcaHandles: expected an integer"},
        {RES("\"unified\":{\"../x\":\"1\"}"), "linux.resources.unified.../x: is no file of a control group"},
        {RES("\"unified\":{\"memory.high\":1}"), "linux.resources.unified.memory.high: expected a string"},
    };

    (void)state;
    expect_refusals(cases, sizeof cases / sizeof cases[0]);
}

static void test_oci_seccomp_faults_are_refused_by_path(void **state)
{
    static const struct refusal cases[] = {
        {SECCOMP(""), "linux.seccomp.defaultAction: is required"},
        {SECCOMP("\"defaultAction\":\"ALLOW\""), "linux.seccomp.defaultAction: unknown action \"ALLOW\""},
        {SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1"),
         "defaultErrnoRet: SCMP_ACT_ALLOW takes no errno"},
        {SECCOMP("\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096"),
         "defaultErrnoRet: 4096 is beyond the last errno"},
        {SECCOMP("\"defaultAction\":\"SCMP_ACT_NOTIFY\""), "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY would stop"},
        {SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"X86\"]"),
         "architectures[0]: unknown architecture \"X86\""},
        {SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"X\"]"),
         "linux.seccomp.flags[0]: unknown flag \"X\""},
        {SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerMetadata\":\"x\""),
         "listenerMetadata: needs listenerPath"},
        {SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_ALLOW\"}]"),
         "linux.seccomp.syscalls[0].names: needs at least one system call"},
        {SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"]}]"),
         "syscalls[0].action: is required"},
        {SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\","
                 "\"errnoRet\":1}]"),
         "linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_KILL takes no errno"},
        {SECCOMP(
             "\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_NOTIFY\"}]"),
         "syscalls[0].action: SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath"},
        {SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\","
                 "\"args\":[{\"index\":6,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}]"),
         "linux.seccomp.syscalls[0].args[0].index: 6 is beyond the maximum of 5"},
        {SECCOMP("\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\","
                 "\"args\":[{\"index\":0,\"value\":0,\"op\":\"EQ\"}]}]"),
         "linux.seccomp.syscalls[0].args[0].op: unknown operator \"EQ\""},
    };

    (void)state;
    expect_refusals(cases, sizeof cases / sizeof cases[0]);
}

static void test_oci_accepts_what_engines_write(void **state)
{
    static const char *const cases[] = {
        TOP(""),
        "{\"ociVersion\":\"1.0.2-dev\",\"root\":{\"path\":\"/r\"}}",
        "{\"ociVersion\":\"1.3.0-rc.1+build.5\",\"root\":{\"path\":\"/r\"}}",
        TOP(",\"unknown\":{\"member\":[1,2]},\"windows\":null,\"process\":null,\"linux\":null,\"mounts\":null"),
        TOP(",\"hostname\":\"\",\"mounts\":[],\"hooks\":{},\"annotations\":{}"),
        PROCESS(",\"env\":null,\"capabilities\":{},\"rlimits\":[],\"apparmorProfile\":\"\",\"selinuxLabel\":\"\""),
        PROCESS(",\"env\":[\"\",\"=\",\"NOVALUE\"],\"consoleSize\":{\"height\":0,\"width\":0}"),
        LINUX("\"namespaces\":[{\"type\":\"pid\",\"path\":\"\"}],\"cgroupsPath\":\"\",\"rootfsPropagation\":\"\""),
        LINUX("\"cgroupsPath\":\"system.slice:docker:a..b\",\"rootfsPropagation\":\"rslave\""),
        LINUX("\"devices\":[{\"type\":\"c\",\"path\":\"/dev/fuse\",\"major\":10,\"minor\":229,\"fileMode\":8630}]"),
        LINUX("\"devices\":[{\"type\":\"p\",\"path\":\"/run/fifo\"}]"),
        RES("\"memory\":{},\"cpu\":{\"shares\":0},\"pids\":{\"limit\":0},\"devices\":[{\"allow\":false}]"),
        RES("\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":-1,\"minor\":-1,\"access\":\"m\"}]"),
        LINUX("\"namespaces\":[{\"type\":\"network\"}],\"sysctl\":{\"net.ipv4.ip_unprivileged_port_start\":\"0\",\"net/"
              "core/a\":\"1\"}"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct doc d;
        if (doc_read(&d, cases[i]) != 0)
            fail_msg("case %zu %s: %s", i, cases[i], d.err.text);
        doc_free(&d);
    }
}

static void test_oci_members_reach_their_fields(void **state)
{
    struct doc d;

    (void)state;
    if (doc_read(&d, oci_sample_everything) != 0)
        fail_msg("%s", d.err.text);
    const struct policy *p = &d.p;
    const struct process *pr = &p->process;
    assert_string_equal(p->oci_version, "1.2.0");
    assert_true(p->has_process && pr->terminal && pr->no_new_privs && p->root_readonly);
    assert_int_equal(pr->rows, 25);
    assert_int_equal(pr->cols, 80);
    assert_int_equal(pr->argv.n, 3);
    assert_string_equal(pr->argv.v[2], "echo \xc3\xa9");
    assert_null(pr->argv.v[3]);
    assert_int_equal(pr->user.umask.v, 077);
    assert_int_equal(pr->user.groups[1], 4294967294u);
    assert_true(pr->caps.set);
    assert_int_equal(pr->caps.bounding, 1ull << 5 | 1ull << 40);
    assert_int_equal(pr->caps.inheritable, 0);
    assert_int_equal(pr->rlimits[0].resource, 7);
    assert_true(pr->rlimits[1].hard == UINT64_MAX);
    assert_int_equal(pr->oom_score_adj.v, -500);
    assert_int_equal(pr->sched.policy, 6);
    assert_int_equal(pr->sched.flags, 3);
    assert_int_equal(pr->ioprio.v, 1 << 13 | 4);
    assert_string_equal(pr->cpu_affinity_final, "0-3,7");

    assert_int_equal(p->n_mounts, 5);
    assert_string_equal(p->mounts[0].destination, "/proc");
    assert_int_equal(p->mounts[1].attr_set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME);
    assert_int_equal(p->mounts[1].attr_clear, MOUNT_ATTR__ATIME);
    assert_int_equal(p->mounts[1].n_data, 2);
    assert_string_equal(p->mounts[1].data[0], "mode=755");
    assert_string_equal(p->mounts[1].data[1], "size=65536k");
    assert_null(p->mounts[1].data[2]);
    assert_true(p->mounts[2].bind && p->mounts[2].recursive);
    assert_null(p->mounts[2].type);
    assert_int_equal(p->mounts[2].propagation, MS_SLAVE | MS_REC);
    assert_int_equal(p->mounts[2].rec_attr_set, MOUNT_ATTR_RDONLY);
    assert_string_equal(p->mounts[3].destination, "/relative");
    assert_true(p->mounts[3].bind && !p->mounts[3].recursive);
    assert_int_equal(p->mounts[4].idmap, IDMAP_RECURSIVE);
    assert_int_equal(p->mounts[4].uid_maps.v[0].outside, 1000);

    assert_int_equal(p->ns[NS_PID].how, NS_NEW);
    assert_int_equal(p->ns[NS_NET].how, NS_JOIN);
    assert_string_equal(p->ns[NS_NET].path, "/run/netns/a");
    assert_int_equal(p->uid_maps.v[0].count, 65536);
    assert_int_equal(p->time_boottime.secs, -7);
    assert_int_equal(p->devices[0].minor, 229);
    assert_int_equal(p->devices[0].mode.v, 0666);
    assert_int_equal(p->devices[1].type, 'c');
    assert_string_equal(p->net_devices[1].host_name, "eth1");
    assert_null(p->net_devices[1].name);
    assert_int_equal(p->rootfs_propagation, MS_SHARED);
    assert_string_equal(p->sysctl[0].key, "net.ipv4.ip_forward");
    assert_int_equal(p->personality.domain, 8);
    assert_int_equal(p->memory_policy.mode, 3);
    assert_int_equal(p->memory_policy.flags, 1 << 15);
    assert_true(p->rdt.set && p->rdt.enable_monitoring);
    assert_int_equal(p->rdt.schemata.n, 2);

    assert_int_equal(p->hooks[HOOK_PRESTART].v[0].timeout.v, 5);
    assert_string_equal(p->hooks[HOOK_POSTSTOP].v[0].argv.v[0], "/usr/bin/plain");
    assert_int_equal(p->stop_signal, 3);
    assert_true(p->init && p->landlock);
    assert_int_equal(p->timeout_ms, 1500);
    assert_int_equal(p->n_annotations, 2);
    doc_free(&d);
}

static void test_oci_resources_reach_their_fields(void **state)
{
    struct doc d;

    (void)state;
    if (doc_read(&d, oci_sample_everything) != 0)
        fail_msg("%s", d.err.text);
    const struct resources *r = &d.p.resources;
    assert_int_equal(r->n_devices, 2);
    assert_false(r->devices[0].allow);
    assert_int_equal(r->devices[0].type, 'a');
    assert_int_equal(r->devices[0].major, -1);
    assert_true(r->devices[1].read && r->devices[1].write && !r->devices[1].mknod);
    assert_int_equal(r->memory.limit.v, 536870912);
    assert_int_equal(r->memory.kernel.v, -1);
    assert_true(r->memory.disable_oom_killer.set && !r->memory.disable_oom_killer.v);
    assert_true(r->memory.swappiness.set && r->memory.swappiness.v == 0);
    assert_int_equal(r->cpu.quota.v, 100000);
    assert_false(r->cpu.shares.set);
    assert_string_equal(r->cpu.cpus, "2-3");
    assert_int_equal(r->pids.v, 32771);
    assert_int_equal(r->blkio.weight_devices[0].leaf_weight.v, 300);
    assert_int_equal(r->blkio.write_iops[0].rate, 300);
    assert_string_equal(r->hugepages[0].page_size, "2MB");
    assert_int_equal(r->net_class_id.v, 1048577);
    assert_int_equal(r->net_priorities[0].priority, 500);
    assert_true(r->rdma[0].handles.set && !r->rdma[1].handles.set);
    assert_string_equal(r->unified[0].value, "1073741824");

    const struct seccomp_policy *s = &d.p.seccomp;
    assert_int_equal(s->default_action, SECCOMP_RET_ERRNO | EPERM);
    assert_int_equal(s->arches[0], AUDIT_ARCH_X86_64);
    assert_int_equal(s->flags, SECCOMP_FILTER_FLAG_LOG);
    assert_int_equal(s->rules[0].action, SECCOMP_RET_ALLOW);
    assert_int_equal(s->rules[1].action, SECCOMP_RET_ERRNO | 38);
    assert_true(s->rules[1].args[0].value == UINT64_MAX);
    assert_int_equal(s->rules[1].args[0].op, SECCOMP_OP_MASKED_EQ);
    assert_int_equal(s->rules[1].args[0].value_two, 7);
    assert_int_equal(s->rules[2].action, SECCOMP_RET_TRACE | EPERM);
    doc_free(&d);
}

static void test_oci_pids_zero_and_minus_one_mean_no_limit(void **state)
{
    struct doc d;

    (void)state;
    assert_int_equal(doc_read(&d, RES("\"pids\":{\"limit\":0}")), 0);
    assert_true(d.p.resources.pids.set && d.p.resources.pids.v == -1);
    doc_free(&d);
    assert_int_equal(doc_read(&d, RES("\"pids\":{\"limit\":-1}")), 0);
    assert_true(d.p.resources.pids.set && d.p.resources.pids.v == -1);
    doc_free(&d);
}

/* read -> write -> read -> write: both texts are the same, at both indents. */
static void test_oci_samples_come_back_equal(void **state)
{
    (void)state;
    for (size_t i = 0; oci_samples[i]; i++) {
        struct json_writer first = {.indent = 2}, second = {.indent = 2};
        struct doc d, again;
        if (doc_read(&d, oci_samples[i]) != 0)
            fail_msg("sample %zu: %s", i, d.err.text);
        policy_write_oci(&d.p, &first);
        assert_false(first.failed);
        if (doc_read(&again, first.buf) != 0)
            fail_msg("sample %zu, written: %s\n%s", i, again.err.text, first.buf);
        policy_write_oci(&again.p, &second);
        assert_string_equal(first.buf, second.buf);
        doc_free(&d);
        doc_free(&again);
        json_writer_free(&first);
        json_writer_free(&second);
    }
}

/* Nothing of the fullest sample is lost: its own text, normalised once, is a fixed point that still has every member.
 */
static void test_oci_written_document_keeps_every_member(void **state)
{
    static const char *const members[] = {
        "consoleSize",
        "additionalGids",
        "umask",
        "ambient",
        "RLIMIT_CORE",
        "oomScoreAdj",
        "apparmorProfile",
        "selinuxLabel",
        "SCHED_FLAG_RECLAIM",
        "ioPriority",
        "execCPUAffinity",
        "domainname",
        "ridmap",
        "rro",
        "rslave",
        "tmpcopyup",
        "prestart",
        "poststop",
        "stopSignal",
        "moat.init",
        "moat.landlock",
        "moat.timeout-ms",
        "com.example",
        "/run/netns/a",
        "boottime",
        "netDevices",
        "cgroupsPath",
        "kernelTCP",
        "checkBeforeUpdate",
        "burst",
        "throttleWriteIOPSDevice",
        "hugepageLimits",
        "classID",
        "hcaObjects",
        "unified",
        "rootfsPropagation",
        "valueTwo",
        "SECCOMP_FILTER_FLAG_LOG",
        "maskedPaths",
        "readonlyPaths",
        "mountLabel",
        "schemata",
        "enableMonitoring",
        "MPOL_F_STATIC_NODES",
        "LINUX32",
        "sysctl",
    };
    struct json_writer w = {0};
    struct doc d;

    (void)state;
    assert_int_equal(doc_read(&d, oci_sample_everything), 0);
    policy_write_oci(&d.p, &w);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (!strstr(w.buf, members[i]))
            fail_msg("%s is lost", members[i]);
    }
    json_writer_free(&w);
    doc_free(&d);
}

static void test_oci_process_document_starts_from_what_is_there(void **state)
{
    char text[] = "{\"args\":[\"ls\"],\"user\":{\"uid\":5}}", bad[] = "{\"args\":[\"ls\"],\"cwd\":\"x\"}";
    struct process pr = {.cwd = "/old", .user = {.gid = 9}, .no_new_privs = true};
    struct arena a;
    struct err err = {0};

    (void)state;
    assert_int_equal(arena_init(&a, 1 << 20), 0);
    assert_int_equal(policy_read_oci_process(&a, &pr, text, strlen(text), &err), 0);
    assert_string_equal(pr.cwd, "/old");
    assert_string_equal(pr.argv.v[0], "ls");
    assert_int_equal(pr.user.uid, 5);
    assert_int_equal(pr.user.gid, 9);
    assert_true(pr.no_new_privs);
    assert_int_equal(policy_read_oci_process(&a, &pr, bad, strlen(bad), &err), -EINVAL);
    assert_string_equal(err.text, "process.cwd: must be an absolute path, found \"x\"");
    arena_free(&a);
}

static void test_oci_resources_document_changes_only_what_it_names(void **state)
{
    char text[] = "{\"memory\":{\"limit\":7},\"cpu\":{\"shares\":0}}", bad[] = "{\"pids\":{\"limit\":true}}";
    struct resources r = {.pids = {true, 5}, .cpu.shares = {true, 12}};
    struct arena a;
    struct err err = {0};

    (void)state;
    assert_int_equal(arena_init(&a, 1 << 20), 0);
    assert_int_equal(policy_read_oci_resources(&a, &r, text, strlen(text), &err), 0);
    assert_int_equal(r.memory.limit.v, 7);
    assert_int_equal(r.pids.v, 5);
    assert_int_equal(r.cpu.shares.v, 12);
    assert_int_equal(policy_read_oci_resources(&a, &r, bad, strlen(bad), &err), -EINVAL);
    assert_string_equal(err.text, "resources.pids.limit: expected an integer, found a boolean");
    arena_free(&a);
}

/* Every truncation and every changed byte gives an answer and an error of one line, whichever it is. */
static void test_oci_damaged_documents_are_answered(void **state)
{
    size_t len = strlen(oci_sample_everything);
    char *text = malloc(len + 1);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < len; i += 3) {
        static const char bytes[] = {0x01, '"', '0', '[', '}', (char)0xc3};
        for (size_t k = 0; k < sizeof bytes; k++) {
            struct doc d;
            memcpy(text, oci_sample_everything, len + 1);
            text[i] = bytes[k];
            int r = doc_read(&d, text);
            if (r < 0 && (d.err.code != r || !d.err.text[0] || strchr(d.err.text, '\n')))
                fail_msg("byte %zu <- 0x%02x: %d \"%s\"", i, (unsigned char)bytes[k], r, d.err.text);
            doc_free(&d);
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_top_level_faults_are_refused_by_path),
        cmocka_unit_test(test_oci_process_faults_are_refused_by_path),
        cmocka_unit_test(test_oci_mount_faults_are_refused_by_path),
        cmocka_unit_test(test_oci_linux_faults_are_refused_by_path),
        cmocka_unit_test(test_oci_resource_faults_are_refused_by_path),
        cmocka_unit_test(test_oci_seccomp_faults_are_refused_by_path),
        cmocka_unit_test(test_oci_accepts_what_engines_write),
        cmocka_unit_test(test_oci_members_reach_their_fields),
        cmocka_unit_test(test_oci_resources_reach_their_fields),
        cmocka_unit_test(test_oci_pids_zero_and_minus_one_mean_no_limit),
        cmocka_unit_test(test_oci_samples_come_back_equal),
        cmocka_unit_test(test_oci_written_document_keeps_every_member),
        cmocka_unit_test(test_oci_process_document_starts_from_what_is_there),
        cmocka_unit_test(test_oci_resources_document_changes_only_what_it_names),
        cmocka_unit_test(test_oci_damaged_documents_are_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
