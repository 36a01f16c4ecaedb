/* SPDX-License-Identifier: Apache-2.0 */
/* Documents for test_oci.c: one with every member the reader knows, and one in the manner of each kind of writer. */
#ifndef TEST_OCI_SAMPLES_H
#define TEST_OCI_SAMPLES_H

#include <stddef.h>

/* clang-format off */
static const char oci_sample_everything[] =
    "{\"ociVersion\":\"1.2.0\",\"process\":{\"terminal\":true,\"consoleSize\":{\"height\":25,"
    "\"width\":80},\"user\":{\"uid\":1000,\"gid\":1001,\"umask\":63,\"additionalGids\":[5,429"
    "4967294]},\"args\":[\"sh\",\"-c\",\"echo \xc3\xa9\"],\"env\":[\"PATH=/bin\",\"EMPTY=\"],\"cwd\":\"/h"
    "ome\",\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_CHECKPOINT_RESTORE\"],\"effec"
    "tive\":[\"CAP_KILL\"],\"permitted\":[\"CAP_KILL\"],\"ambient\":[\"CAP_KILL\"]},\"rlimits"
    "\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":512},{\"type\":\"RLIMIT_CORE\",\"ha"
    "rd\":18446744073709551615,\"soft\":0}],\"noNewPrivileges\":true,\"oomScoreAdj\":-50"
    "0,\"apparmorProfile\":\"profile\",\"selinuxLabel\":\"system_u:system_r:x:s0\",\"sched"
    "uler\":{\"policy\":\"SCHED_DEADLINE\",\"nice\":-5,\"priority\":0,\"flags\":[\"SCHED_FLAG"
    "_RESET_ON_FORK\",\"SCHED_FLAG_RECLAIM\"],\"runtime\":1000000,\"deadline\":2000000,\""
    "period\":3000000},\"ioPriority\":{\"class\":\"IOPRIO_CLASS_RT\",\"priority\":4},\"exec"
    "CPUAffinity\":{\"initial\":\"7\",\"final\":\"0-3,7\"}},\"root\":{\"path\":\"rootfs\",\"reado"
    "nly\":true},\"hostname\":\"host\",\"domainname\":\"domain\",\"mounts\":[{\"destination\":"
    "\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},{\"destination\":\"/dev\",\"type\":\"tmpfs\","
    "\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"mode=755\",\"strictatime\",\"size=65536k\","
    "\"tmpcopyup\"]},{\"destination\":\"/data\",\"type\":\"none\",\"source\":\"/srv/data\",\"opt"
    "ions\":[\"rbind\",\"rslave\",\"rro\"]},{\"destination\":\"relative\",\"type\":\"bind\",\"sou"
    "rce\":\"./here\"},{\"destination\":\"/mapped\",\"source\":\"/m\",\"options\":[\"bind\",\"rid"
    "map\",\"dest-nofollow\"],\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":1"
    "}],\"gidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":1}]}],\"hooks\":{\"pres"
    "tart\":[{\"path\":\"/usr/bin/a\",\"args\":[\"a\",\"1\"],\"env\":[\"K=v\"],\"timeout\":5}],\"cr"
    "eateRuntime\":[{\"path\":\"/usr/bin/b\"}],\"poststop\":[{\"path\":\"/usr/bin/plain\"}]}"
    ",\"annotations\":{\"com.example.key\":\"value\",\"org.opencontainers.image.stopSign"
    "al\":\"SIGQUIT\",\"moat.init\":\"true\",\"moat.landlock\":\"true\",\"moat.timeout-ms\":\"1"
    "500\"},\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"/run/n"
    "etns/a\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"user\"},{\"ty"
    "pe\":\"cgroup\"},{\"type\":\"time\"}],\"uidMappings\":[{\"containerID\":0,\"hostID\":1000"
    "00,\"size\":65536}],\"gidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":655"
    "36}],\"timeOffsets\":{\"monotonic\":{\"secs\":172800,\"nanosecs\":5},\"boottime\":{\"se"
    "cs\":-7}},\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229,\"f"
    "ileMode\":438,\"uid\":0,\"gid\":0},{\"path\":\"/dev/u\",\"type\":\"u\",\"major\":1,\"minor\":"
    "2},{\"path\":\"/run/fifo\",\"type\":\"p\"}],\"netDevices\":{\"eth0\":{\"name\":\"inner%d\"},"
    "\"eth1\":{}},\"cgroupsPath\":\"/a/b\",\"resources\":{\"devices\":[{\"allow\":false,\"acce"
    "ss\":\"rwm\"},{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":229,\"access\":\"rw\"}],\""
    "memory\":{\"limit\":536870912,\"reservation\":268435456,\"swap\":536870912,\"kernel\""
    ":-1,\"kernelTCP\":-1,\"swappiness\":0,\"disableOOMKiller\":false,\"useHierarchy\":tr"
    "ue,\"checkBeforeUpdate\":true},\"cpu\":{\"shares\":0,\"quota\":100000,\"burst\":50000,"
    "\"period\":100000,\"realtimeRuntime\":950000,\"realtimePeriod\":1000000,\"cpus\":\"2-"
    "3\",\"mems\":\"0\",\"idle\":1},\"pids\":{\"limit\":32771},\"blockIO\":{\"weight\":10,\"leafW"
    "eight\":10,\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":500,\"leafWeight\":300"
    "}],\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":600}],\"throttleWrite"
    "BpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":601}],\"throttleReadIOPSDevice\":[{\"ma"
    "jor\":8,\"minor\":16,\"rate\":299}],\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\""
    ":16,\"rate\":300}]},\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":209715200}],\"n"
    "etwork\":{\"classID\":1048577,\"priorities\":[{\"name\":\"eth0\",\"priority\":500}]},\"r"
    "dma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":10000},\"mlx4_0\":{\"hcaObjects\":10"
    "00}},\"unified\":{\"memory.high\":\"1073741824\"}},\"rootfsPropagation\":\"shared\",\"s"
    "eccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64"
    "\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"],\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"list"
    "enerPath\":\"/run/agent.sock\",\"listenerMetadata\":\"m\",\"syscalls\":[{\"names\":[\"re"
    "ad\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\"},{\"names\":[\"clone\"],\"action\":\"SCMP_AC"
    "T_ERRNO\",\"errnoRet\":38,\"args\":[{\"index\":0,\"value\":18446744073709551615,\"valu"
    "eTwo\":7,\"op\":\"SCMP_CMP_MASKED_EQ\"},{\"index\":1,\"value\":3,\"op\":\"SCMP_CMP_GT\"}]"
    "},{\"names\":[\"ptrace\"],\"action\":\"SCMP_ACT_TRACE\"},{\"names\":[\"mount\"],\"action\""
    ":\"SCMP_ACT_NOTIFY\"}]},\"sysctl\":{\"net.ipv4.ip_forward\":\"1\",\"kernel.shmmax\":\"6"
    "5536\"},\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/sys\"],\"mountLab"
    "el\":\"system_u:object_r:x:s0\",\"intelRdt\":{\"closID\":\"group\",\"l3CacheSchema\":\"L"
    "3:0=7f0\",\"memBwSchema\":\"MB:0=20\",\"schemata\":[\"L3:0=7f0;1=1f\",\"MB:0=20\"],\"ena"
    "bleMonitoring\":true},\"memoryPolicy\":{\"mode\":\"MPOL_INTERLEAVE\",\"nodes\":\"2-3\","
    "\"flags\":[\"MPOL_F_STATIC_NODES\"]},\"personality\":{\"domain\":\"LINUX32\"}}}";

static const char oci_sample_runc_spec[] =
    "{\"ociVersion\":\"1.0.2-dev\",\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0"
    "},\"args\":[\"sh\"],\"env\":[\"PATH=/bin\",\"TERM=xterm\"],\"cwd\":\"/\",\"capabilities\":{\""
    "bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"],\"permitted"
    "\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\"],\"ambient\":[\"CAP_KILL\"]},\"rlimits\":[{\"type\":"
    "\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],\"noNewPrivileges\":true},\"root\":{\"p"
    "ath\":\"rootfs\",\"readonly\":true},\"hostname\":\"box\",\"mounts\":[{\"destination\":\"/p"
    "roc\",\"type\":\"proc\",\"source\":\"proc\"},{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"so"
    "urce\":\"tmpfs\",\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},{"
    "\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":["
    "\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],\"linux\":{\"resources\":{\"devices\""
    ":[{\"allow\":false,\"access\":\"rwm\"}]},\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"net"
    "work\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}],\"maskedPaths\":[\"/proc"
    "/acpi\"],\"readonlyPaths\":[\"/proc/bus\"]}}";

static const char oci_sample_engine[] =
    "{\"ociVersion\":\"1.2.1\",\"process\":{\"user\":{\"uid\":0,\"gid\":0,\"additionalGids\":[0"
    ",1]},\"args\":[\"/bin/true\"],\"env\":null,\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\""
    "CAP_CHOWN\"],\"effective\":[\"CAP_CHOWN\"],\"permitted\":[\"CAP_CHOWN\"]},\"apparmorPr"
    "ofile\":\"docker-default\",\"oomScoreAdj\":0},\"root\":{\"path\":\"/var/lib/engine/roo"
    "tfs\"},\"hostname\":\"c0ffee\",\"mounts\":[{\"destination\":\"/etc/hosts\",\"type\":\"bind"
    "\",\"source\":\"/var/lib/engine/hosts\",\"options\":[\"rbind\",\"rprivate\"]},{\"destina"
    "tion\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"/run/shm\",\"options\":[\"bind\",\"rpriva"
    "te\",\"nosuid\",\"noexec\",\"nodev\"]},{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source"
    "\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]}],\"hooks\":{\"prestart\":["
    "{\"path\":\"/proc/1/exe\",\"args\":[\"setkey\",\"-exec-root=/run\"]}]},\"annotations\":{"
    "\"org.opencontainers.image.stopSignal\":\"15\"},\"linux\":{\"sysctl\":{\"net.ipv4.pin"
    "g_group_range\":\"0 2147483647\"},\"resources\":{\"devices\":[{\"allow\":false,\"acces"
    "s\":\"rwm\"},{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":5,\"access\":\"rwm\"},{\"all"
    "ow\":true,\"type\":\"c\",\"major\":136,\"access\":\"rwm\"}],\"memory\":{},\"cpu\":{\"shares\""
    ":0},\"pids\":{\"limit\":0},\"blockIO\":{\"weight\":0}},\"cgroupsPath\":\"system.slice:e"
    "ngine:c0ffee\",\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"network\"},{\"type\":\"uts"
    "\"},{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"cgroup\"}],\"seccomp\":{\"defaultActio"
    "n\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,\"architectures\":[\"SCMP_ARCH_X86_64\"]"
    ",\"syscalls\":[{\"names\":[\"accept\"],\"action\":\"SCMP_ACT_ALLOW\"},{\"names\":[\"perso"
    "nality\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":8,\"op\":\"SCMP_C"
    "MP_EQ\"}]},{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}]},\"ro"
    "otfsPropagation\":\"rslave\"}}";

static const char oci_sample_minimal[] =
    "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"rootfs\"}}";

static const char oci_sample_own[] =
    "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"/r\"},\"process\":{\"args\":[\"x\"],\"cwd\":\"/\""
    "},\"mounts\":[{\"destination\":\"/o\",\"source\":\"/o\",\"options\":[\"rbind\",\"ro\",\"x-moa"
    "t.optional\"]},{\"destination\":\"/n\",\"options\":[\"rshared\"]},{\"destination\":\"/q\""
    ",\"type\":\"tmpfs\",\"options\":[\"sync\",\"dirsync\",\"lazytime\",\"noatime\",\"nodiratime"
    "\",\"rw\",\"exec\",\"suid\",\"dev\",\"silent\",\"iversion\",\"mand\",\"nosymfollow\"]}],\"anno"
    "tations\":{\"moat.seccomp\":\"default\",\"moat.other\":\"kept\"}}";

/* clang-format on */

static const char *const oci_samples[] = {oci_sample_everything, oci_sample_runc_spec, oci_sample_engine,
                                          oci_sample_minimal,    oci_sample_own,       NULL};

#endif
