/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: one row each, in the order of the help page. A new command is a file and a row here. */
#include "cli/commands.h"
#include "cli/run_options.h"

#define EXIT_CODES                                                                                                     \
    "Exit status\n"                                                                                                    \
    "  the workload's own; 128+N when signal N ended it; 124 time limit; 125 moat's own\n"                             \
    "  error; 126 the command cannot be invoked; 127 the command was not found\n"

#define IMAGE_NOTE "debian stands for an image of yours: `moat help import` says how to get one.\n"

static const char run_more[] = "Examples\n"
                               "  moat run --rm busybox sh -c 'echo hi'\n"
                               "  moat run --rm -it -v .:/src -w /src debian bash\n"
                               "  moat run --rm --ro . -m 256m --cpus 0.5 --timeout 1m debian ./build.sh\n"
                               "  moat run --rm --read-only --tmpfs /tmp --cap-drop ALL -u 1000 debian id\n"
                               "  moat run --rm --rootfs ./tree --policy strict.json /bin/sh\n"
                               "\n" IMAGE_NOTE "\n"
                               "Without options nothing of the host is reachable: no network, no path, no device;\n"
                               "512 processes, 1,024 open files, 1 GiB of memory without swap.\n"
                               "\n" EXIT_CODES;

static const char explain_more[] =
    "Examples\n"
    "  moat explain debian\n"
    "  moat explain --network host --cap-add NET_ADMIN debian\n"
    "  moat explain --policy strict.json --json debian\n"
    "\n" IMAGE_NOTE "\n"
    "Nothing is run. The exit status is 0 when `moat run` with the same options would be\n"
    "accepted, and 125 when an item of the policy cannot be enforced on this host.\n";

static const char exec_more[] = "Examples\n"
                                "  moat exec web redis-cli PING\n"
                                "  moat exec -it web sh\n"
                                "\n" EXIT_CODES;

static const char boundaries_more[] = "Examples\n"
                                      "  moat boundaries\n"
                                      "  moat boundaries --json\n";

static const char import_more[] = "Examples\n"
                                  "  moat import rootfs.tar.gz debian:12\n"
                                  "  moat import ./tree mine\n"
                                  "  moat import oci:./layout mine:1.0\n";

static const char images_more[] = "Examples\n  moat images\n";
static const char rmi_more[] = "Examples\n  moat rmi debian:12\n";
static const char system_more[] = "Examples\n"
                                  "  moat system check     find and clear what a killed moat left behind\n";

static const char completion_more[] = "Examples\n"
                                      "  . <(moat completion bash)           for this shell\n"
                                      "  moat completion bash > ~/.local/share/bash-completion/completions/moat\n"
                                      "  moat completion zsh > /usr/local/share/zsh/site-functions/_moat\n";

const struct command moat_commands[] = {
    {"run", "run [OPTIONS] IMAGE|DIR [COMMAND] [ARG...]", "Run a command behind a boundary", run_options_rows,
     &n_run_options_rows, true, run_more, cmd_run},
    {"create", "create [OPTIONS OF run] IMAGE|DIR [COMMAND] [ARG...]", "Make a sandbox without starting it",
     run_options_rows, &n_run_options_rows, true, NULL, cmd_create},
    {"start", "start [OPTIONS] NAME...", "Start sandboxes that were made or have ended", start_options,
     &n_start_options, false, NULL, cmd_start},
    {"stop", "stop [OPTIONS] NAME...", "Ask sandboxes to end, and end those that do not", stop_options,
     &n_stop_options, false, NULL, cmd_stop},
    {"restart", "restart [OPTIONS] NAME...", "Stop and start", stop_options, &n_stop_options, false, NULL,
     cmd_restart},
    {"exec", "exec [OPTIONS] NAME COMMAND [ARG...]", "Run one more command in a sandbox that runs", exec_options,
     &n_exec_options, true, exec_more, cmd_exec},
    {"attach", "attach [OPTIONS] NAME", "Connect to the streams of a sandbox that runs", attach_options,
     &n_attach_options, false, NULL, cmd_attach},
    {"explain", "explain [OPTIONS OF run] [--json] IMAGE|DIR [COMMAND] [ARG...]",
     "For each item of the policy: the mechanism that enforces it", run_options_rows, &n_explain_options_rows, true,
     explain_more, cmd_explain},
    {"boundaries", "boundaries [--json]", "What this host can offer, and why something is missing", boundaries_options,
     &n_boundaries_options, false, boundaries_more, cmd_boundaries},
    {"import", "import [OPTIONS] FILE|DIR|oci:DIR NAME[:TAG]",
     "Make an image of an archive, a directory or an OCI layout", import_options, &n_import_options, false, import_more,
     cmd_import},
    {"images", "images [OPTIONS]", "List the images", images_options, &n_images_options, false, images_more,
     cmd_images},
    {"rmi", "rmi [OPTIONS] IMAGE...", "Remove images", rmi_options, &n_rmi_options, false, rmi_more, cmd_rmi},
    {"system", "system check [OPTIONS]", "Look after this host's state", system_options, &n_system_options, false,
     system_more, cmd_system},
    {"completion", "completion bash|zsh", "Print a script that completes moat's command lines", NULL, NULL, false,
     completion_more, cmd_completion},
    {"version", "version [--json]", "What this build is", version_options, &n_version_options, false, NULL,
     cmd_version},
    {"help", "help [COMMAND]", "Help on moat or on one command", NULL, NULL, false, NULL, cmd_help},
    {.name = NULL},
};
