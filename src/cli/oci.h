/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-oci: the OCI runtime command line as runc and crun have it, for engines. A command is a function and a row in
 * oci_main.c. Errors go to stderr (or --log, as JSON lines when asked) and make the exit status 1.
 */
#ifndef MOAT_CLI_OCI_H
#define MOAT_CLI_OCI_H

#include "cli/command.h"
#include "sandbox/sandbox.h"

#define OCI_VERSION "1.3.0" /* of the runtime specification, the newest we read */

enum oci_option {
    OPT_BUNDLE,
    OPT_CONSOLE_SOCKET,
    OPT_PID_FILE,
    OPT_NO_PIVOT,
    OPT_NO_NEW_KEYRING,
    OPT_PRESERVE_FDS,
    OPT_DETACH,
    OPT_KEEP,
    OPT_FORCE,
    OPT_ALL,
    OPT_FORMAT,
    OPT_QUIET,
    OPT_PROCESS,
    OPT_TTY,
    OPT_CWD,
    OPT_ENV,
    OPT_USER,
    OPT_ADDITIONAL_GIDS,
    OPT_CAP,
    OPT_NO_NEW_PRIVS,
    OPT_IGNORE_PAUSED,
    OPT_CGROUP,
    OPT_PROCESS_LABEL,
    OPT_APPARMOR,
    OPT_RESOURCES,
    OPT_STATS,
    OPT_INTERVAL,
    OPT_ROOTLESS_SPEC,
    OPT_MEMORY,
    OPT_MEMORY_RESERVATION,
    OPT_MEMORY_SWAP,
    OPT_PIDS_LIMIT,
    OPT_CPU_SHARE,
    OPT_CPU_QUOTA,
    OPT_CPU_PERIOD,
    OPT_CPU_RT_PERIOD,
    OPT_CPU_RT_RUNTIME,
    OPT_CPUSET_CPUS,
    OPT_CPUSET_MEMS,
    OPT_BLKIO_WEIGHT,
    OPT_NO_SUBREAPER,
    OPT_IGNORED,
    /* global */
    OPT_ROOT,
    OPT_LOG,
    OPT_LOG_FORMAT,
    OPT_DEBUG,
    OPT_SYSTEMD_CGROUP,
    OPT_CGROUP_MANAGER,
    OPT_ROOTLESS,
    OPT_VERSION,
    OPT_HELP,
};

#define OCI_LIST_MAX 256

struct oci {
    struct arena arena;
    /* global */
    const char *root, *log, *log_format;
    bool debug, systemd_cgroup;
    /* of the command */
    const char *bundle, *console_socket, *pid_file, *format, *process_file, *cwd, *user, *resources_file, *sub_cgroup,
        *additional_gids;
    uint32_t preserve_fds;
    bool no_pivot, no_new_keyring, detach, keep, force, all, quiet, tty, no_new_privs, ignore_paused, stats;
    int64_t interval_s;
    const char *env[OCI_LIST_MAX], *caps[OCI_LIST_MAX];
    uint32_t n_env, n_caps;
    struct resources limits; /* of update's flags */
    int argc;                /* operands */
    char **argv;
};

int oci_create(struct oci *o, struct err *err);
int oci_start(struct oci *o, struct err *err);
int oci_state(struct oci *o, struct err *err);
int oci_kill(struct oci *o, struct err *err);
int oci_delete(struct oci *o, struct err *err);
int oci_run(struct oci *o, struct err *err); /* the workload's exit status, or negative */
int oci_list_all(struct oci *o, struct err *err);
int oci_exec(struct oci *o, struct err *err);
int oci_ps(struct oci *o, struct err *err);
int oci_pause(struct oci *o, struct err *err);
int oci_resume(struct oci *o, struct err *err);
int oci_update(struct oci *o, struct err *err);
int oci_events(struct oci *o, struct err *err);
int oci_features(struct oci *o, struct err *err);
int oci_spec(struct oci *o, struct err *err);

/* Opens the state directory and loads the sandbox named by the first operand. */
int oci_load(struct oci *o, struct sandbox *sb, struct err *err);
/* Connects to an engine's console socket. fd or negative. */
int oci_console_connect(const char *path, struct err *err);
int oci_write_pid_file(const char *path, pid_t pid, struct err *err);

/* oci_wasm.c. Where the bundle's entry point is a WebAssembly module: the boundary, and process.args as the engine's
 * command line. Behind read_bundle(). */
int oci_wasm(struct sandbox *sb, struct err *err);

#endif
