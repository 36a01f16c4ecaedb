/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: one row each, in the order of the help page. A new command is a file and a row here. */
#include "cli/commands.h"
#include "cli/run_options.h"

#define EXIT_CODES                                                                                                     \
    "Exit status\n"                                                                                                    \
    "  the workload's own; 128+N when signal N ended it; 124 time limit; 125 moat's own\n"                             \
    "  error; 126 the command cannot be invoked; 127 the command was not found\n"

static const char run_more[] = "Examples\n"
                               "  moat run --rm busybox sh -c 'echo hi'\n"
                               "  moat run --rm -it -v .:/src -w /src debian bash\n"
                               "  moat run --rm --ro . -m 256m --cpus 0.5 --timeout 1m debian ./build.sh\n"
                               "  moat run --rm --read-only --tmpfs /tmp --cap-drop ALL -u 1000 debian id\n"
                               "  moat run --rm --rootfs ./tree --policy strict.json /bin/sh\n"
                               "\n"
                               "Without options nothing of the host is reachable: no network, no path, no device;\n"
                               "512 processes, 1,024 open files, 1 GiB of memory without swap.\n"
                               "\n" EXIT_CODES;

static const char explain_more[] =
    "Examples\n"
    "  moat explain debian\n"
    "  moat explain --network host --cap-add NET_ADMIN debian\n"
    "  moat explain --policy strict.json --json debian\n"
    "\n"
    "Nothing is run. The exit status is 0 when `moat run` with the same options would be\n"
    "accepted, and 125 when an item of the policy cannot be enforced on this host.\n";

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

const struct command moat_commands[] = {
    {"run", "run [OPTIONS] IMAGE|DIR [COMMAND] [ARG...]", "Run a command behind a boundary", run_options_rows,
     &n_run_options_rows, true, run_more, cmd_run},
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
    {"version", "version [--json]", "What this build is", version_options, &n_version_options, false, NULL,
     cmd_version},
    {"help", "help [COMMAND]", "Help on moat or on one command", NULL, NULL, false, NULL, cmd_help},
    {.name = NULL},
};
