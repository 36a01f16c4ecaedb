/* SPDX-License-Identifier: Apache-2.0 */
/* What each command's file gives to its row in commands.c. */
#ifndef MOAT_CLI_COMMANDS_H
#define MOAT_CLI_COMMANDS_H

#include "cli/command.h"

int cmd_run(int argc, char **argv);    /* run.c; options: run_options_rows */
int cmd_create(int argc, char **argv); /* run.c; options: run_options_rows */
int cmd_start(int argc, char **argv);  /* start.c, as the next three */
int cmd_stop(int argc, char **argv);
int cmd_restart(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_exec(int argc, char **argv);       /* exec.c */
int cmd_explain(int argc, char **argv);    /* explain.c; options: the same and --json */
int cmd_boundaries(int argc, char **argv); /* boundaries.c */
int cmd_import(int argc, char **argv);     /* import.c */
int cmd_pull(int argc, char **argv);       /* pull.c */
int cmd_images(int argc, char **argv);     /* images.c */
int cmd_rmi(int argc, char **argv);        /* rmi.c */
int cmd_system(int argc, char **argv);     /* system.c */
int cmd_policy(int argc, char **argv);     /* policy_cmd.c */
int cmd_version(int argc, char **argv);    /* version.c */
int cmd_help(int argc, char **argv);       /* help.c */
int cmd_ps(int argc, char **argv);         /* ps.c */
int cmd_inspect(int argc, char **argv);    /* inspect.c */
int cmd_logs(int argc, char **argv);       /* logs.c */
int cmd_stats(int argc, char **argv);      /* stats.c */
int cmd_events(int argc, char **argv);     /* events_show.c */
int cmd_kill(int argc, char **argv);       /* kill.c */
int cmd_pause(int argc, char **argv);      /* pause.c, as the next */
int cmd_unpause(int argc, char **argv);
int cmd_snapshot(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_wait(int argc, char **argv);   /* wait.c */
int cmd_update(int argc, char **argv); /* update.c */
int cmd_rm(int argc, char **argv);     /* rm.c, as the next */
int cmd_prune(int argc, char **argv);
int cmd_completion(int argc, char **argv); /* completion.c */
int cmd_compare(int argc, char **argv);    /* compare.c */
int cmd_learn(int argc, char **argv);      /* learn.c */
int cmd_probe(int argc, char **argv);      /* probe.c; options: its own and those of run */
int cmd_pack(int argc, char **argv);       /* pack.c, of build as well */
int cmd_wasm(int argc, char **argv);       /* wasm_cmd.c; options: those of explain */
int cmd_vm(int argc, char **argv);         /* vm_cmd.c */

extern const struct option_row start_options[], stop_options[], attach_options[], exec_options[];
extern const size_t n_start_options, n_stop_options, n_attach_options, n_exec_options;
extern const struct option_row policy_options[];
extern const size_t n_policy_options;
extern const struct option_row boundaries_options[], import_options[], images_options[], rmi_options[],
    snapshot_options[], system_options[], version_options[];
extern const size_t n_boundaries_options, n_import_options, n_images_options, n_rmi_options, n_snapshot_options,
    n_system_options, n_version_options;

extern const struct option_row pull_options[], compare_options[], learn_options[], probe_options[], pack_options[],
    build_options[];
extern const size_t n_pull_options, n_compare_options, n_learn_options, n_probe_options, n_pack_options,
    n_build_options;

extern const struct option_row vm_options[];
extern const size_t n_vm_options;
extern const char vm_more[];

struct arena;
/* pull.c, for `moat run`: fetches an image, whether or not the store has one of that name; says on stderr what it does.
 * platform NULL: this machine's. -EDESTADDRREQ, and nothing said: the name has no host and no default registry is set.
 */
int cli_pull_missing(const char *ref, const char *platform, bool quiet, struct err *err);

extern const struct option_row ps_options[], inspect_options[], logs_options[], stats_options[], events_options[],
    kill_options[], update_options[], rm_options[], prune_options[];
extern const size_t n_ps_options, n_inspect_options, n_logs_options, n_stats_options, n_events_options, n_kill_options,
    n_update_options, n_rm_options, n_prune_options;

int oci_main(int argc, char **argv); /* oci_main.c: the whole of moat-oci */

struct boundary;
/* The boundary of a name (NULL: the default). Refuses those not in this build by name; a mistyped name gets a question.
 */
int boundary_choose(const char *name, const struct boundary **out, struct err *err);

/* Help of one command, or the list of all, on stdout. */
void help_print_command(const struct command *c);
void help_print_all(void);
/* What moat is, and examples for a newcomer, one a line: for the help and for the manual page. */
extern const char help_about[], help_examples[];
/* The manual page, in man(7) macros, on stdout. */
void manual_print(void);
/* NULL when there is none. */
const struct command *command_find(const char *name);
/* "unknown command ..." with the nearest name. */
int command_unknown(const char *name, struct err *err);

#endif
