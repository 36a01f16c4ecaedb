/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: one row each, in the order of the help page. A new command is a file and a row here. */
#include "cli/commands.h"
#include "cli/run_options.h"

#define EXIT_CODES                                                                                                     \
    "Exit status\n"                                                                                                    \
    "  the workload's own; 128+N when signal N ended it; 124 time limit; 125 moat's own\n"                             \
    "  error; 126 the command cannot be invoked; 127 the command was not found\n"

#define IMAGE_NOTE "debian stands for an image of yours: see `moat help pull`, `moat help import`.\n"

static const char run_more[] =
    "Examples\n"
    "  moat run --rm busybox sh -c 'echo hi'\n"
    "  moat run --rm -it -v .:/src -w /src debian bash\n"
    "  moat run --rm --ro . -m 256m --cpus 0.5 --timeout 1m debian ./build.sh\n"
    "  moat run --rm --read-only --tmpfs /tmp --cap-drop ALL -u 1000 debian id\n"
    "  moat run --rm --rootfs ./tree --policy strict.json /bin/sh\n"
    "  moat run -b broker --rw . --deny .git -- ./build.sh\n"
    "  moat run -b jvm -m 256m --ro data app.jar data/in.csv\n"
    "  moat run -b wasm -m 64m --ro data tool.wasm data/in.csv\n"
    "  moat run -b sentry -v .:/src:ro -w /src debian ./build.sh\n"
    "  moat run -it -b vm --floppy dos.img\n"
    "\n" IMAGE_NOTE "With -b broker the operands are a program of this host: moat run -b broker\n"
    "[OPTIONS] -- PROGRAM [ARG...]; it sees this host's programs and what you grant.\n"
    "With -b jvm they are a Java program: FILE.jar [ARG...], or its arguments alone with\n"
    "--main-class or --module. It sees a JDK of this host, its class path and what you\n"
    "grant: --ro and --rw let nothing be executed there, --allow PATH:rx does.\n"
    "With -b wasm they are a WebAssembly module: FILE.wasm [ARG...]. It sees what you\n"
    "grant and nothing else.\n"
    "With -b sentry they are an image, or a directory (./tree), and its command, as in a\n"
    "container. A Linux of moat's own answers its system calls: =notify (the default)\n"
    "and =trap are two ways for them to arrive.\n"
    "With -b vm there may be none: a PC boots what --floppy, --hda and --cdrom put into\n"
    "it; `moat vm` shows its screen, presses its keys and changes its media.\n"
    "Behind any -b but container, a run in the foreground is as if --rm -i had been said;\n"
    "-d keeps it.\n\n"
    "Without options nothing of the host is reachable: no network, no path, no device;\n"
    "512 processes, 1,024 open files, 1 GiB of memory without swap.\n"
    "\n" EXIT_CODES;

static const char explain_more[] =
    "Examples\n"
    "  moat explain debian\n"
    "  moat explain --network host --cap-add NET_ADMIN debian\n"
    "  moat explain --policy strict.json --json debian\n"
    "  moat explain -b broker --rw . --deny .git -- ./build.sh\n"
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

static const char pull_more[] =
    "Examples\n"
    "  moat pull 127.0.0.1:5000/team/app:1.2\n"
    "  moat pull --platform linux/arm64 debian:12\n"
    "\n"
    "A name without a host comes from the registry that MOAT_REGISTRY or /etc/moat/registry\n"
    "names, as HOST[:PORT][/PREFIX]. Passwords are taken from docker's config.json.\n";

static const char compare_more[] =
    "Examples\n"
    "  moat compare\n"
    "  moat compare --boundary container --svg compare.svg\n"
    "  moat compare --runs 5 -- --ro . -w \"$PWD\" busybox sh -c 'cat * | md5sum'\n"
    "\n"
    "What is measured, in rounds over all subjects: a start of a program that does nothing, to\n"
    "its exit; the private memory of all processes of a sandbox that waits; and from inside a\n"
    "system call, open + close + stat, a file of 2 MiB written and read back (of the page\n"
    "cache), a pipe, and a byte through a pipe and back. With a job of yours its time stands in\n"
    "place of the start; natively, and where a boundary runs programs of this host, the\n"
    "command is this host's, in this directory.\n"
    "\n"
    "Each round keeps the best of its tries, on one processor; rounds during which others kept\n"
    "the machine busy are made again, up to four times as many; shown is the median.\n"
    "\n"
    "Exit status: 0; 1 when one of them could not run it, or did not end as natively.\n";

static const char images_more[] = "Examples\n  moat images\n";
static const char rmi_more[] = "Examples\n  moat rmi debian:12\n";
static const char policy_more[] = "Examples\n"
                                  "  moat policy check strict.yaml    every mistake with its line and column\n"
                                  "  moat policy profiles             the policies that come with moat\n"
                                  "  moat policy show --profile build > mine.yaml\n"
                                  "  moat policy show strict.yaml     the JSON that it stands for\n"
                                  "  moat policy dump --bpf strict.yaml         the system-call filter it makes\n"
                                  "  moat policy dump --bpf -b broker --json    its numbers: code, jt, jf, k\n"
                                  "\n"
                                  "Exit status of check: 0 all files are good, 1 some are not.\n";
static const char system_more[] = "Examples\n"
                                  "  moat system check     find and clear what a killed moat left behind\n"
                                  "  moat system df        what images and sandboxes take on disk\n"
                                  "  moat system prune     remove what nobody needs\n";

static const char ps_more[] = "Examples\n"
                              "  moat ps -a\n"
                              "  moat ps --filter status=exited --format '{{.Names}}: {{.Status}}'\n"
                              "  moat rm $(moat ps -aq)\n";
static const char inspect_more[] = "Examples\n"
                                   "  moat inspect web\n"
                                   "  moat inspect -f '{{.State.Status}} {{.State.ExitReason}}' web\n"
                                   "  moat inspect -f '{{range .Mounts}}{{.Source}}\\n{{end}}' web\n";

static const char probe_more[] =
    "Examples\n"
    "  moat probe -b container\n"
    "  moat probe -b container --cap-add SYS_ADMIN --json\n"
    "  moat probe --class tty\n"
    "  moat probe -b broker --policy build.yaml\n"
    "\n"
    "It takes the options of `moat run`, and every attempt is made twice: as a plain child of\n"
    "moat, where it must succeed to prove anything, and behind the boundary.\n"
    "\n"
    "With --policy or --profile alone it tries the policy itself on this host: what it grants\n"
    "must work, and a sample of what it does not grant must be refused. Files of yours are\n"
    "read, opened for writing and not written; nothing is made without --write.\n"
    "\n"
    "Exit status: 0 nothing escaped and every attempt was seen to succeed unconfined, but for\n"
    "what this kernel has not (--policy: everything went as it says); 1 otherwise; 125 moat's\n"
    "own error.\n";

static const char learn_more[] =
    "Examples\n"
    "  moat learn -o tar.yaml tar -czf out.tar.gz src\n"
    "  moat run -b broker --policy tar.yaml tar -czf out.tar.gz src\n"
    "  moat learn -o build.yaml --merge -- make test\n"
    "\n"
    "The program runs as it would without moat, once, on your files and with your rights, but\n"
    "with the environment that it will have later, and without set-user-id. What it and the\n"
    "programs that it starts use is written as rules: a file each, and a directory where it\n"
    "listed one or changed names in it; comments say why. What could not be seen stands in the\n"
    "file's head. Look at it before you trust it: a program that does wrong while it is\n"
    "watched is allowed the same later.\n"
    "\n" EXIT_CODES;

static const char wasm_more[] =
    "Examples\n"
    "  moat wasm inspect tool.wasm\n"
    "  moat wasm inspect --json --ro data tool.wasm\n"
    "  moat wasm compile tool.wasm\n"
    "\n"
    "Nothing is run. inspect takes the options that it would be run with, which are those\n"
    "above; its exit status is 126 when it is no module, or imports what nobody gives.\n"
    "compile takes no options: files alone. It keeps the machine code of a module (of 64 KiB\n"
    "or more) in the cache directory of whoever calls it; `moat run` starts from it as long\n"
    "as module and moat are the same. Called again, it replaces what is damaged there.\n";

static const char pack_more[] =
    "Examples\n"
    "  moat pack ./server -o server.moat\n"
    "  moat pack /usr/bin/python3 -o job.moat --add job.py::/job.py --cmd /job.py\n"
    "  moat run --rm -b unikernel job.moat\n"
    "\n"
    "PROGRAM, its interpreter and its libraries go into the image as they are, with passwd,\n"
    "hosts, the time zone and, for programs with TLS, the certificates of this host. Files\n"
    "that it opens besides are found by --trace, or named by --add. The same files give the\n"
    "same image, byte for byte (SOURCE_DATE_EPOCH bounds their times).\n";

static const char build_more[] = "Examples\n"
                                 "  moat build --unikernel hello.c -o hello.moat\n"
                                 "  moat run --rm -b unikernel hello.moat\n"
                                 "\n"
                                 "Compiles C with musl-gcc, and links only the system calls that the program needs.\n";

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
    {"stop", "stop [OPTIONS] NAME...", "Ask sandboxes to end, and end those that do not", stop_options, &n_stop_options,
     false, NULL, cmd_stop},
    {"restart", "restart [OPTIONS] NAME...", "Stop and start", stop_options, &n_stop_options, false, NULL, cmd_restart},
    {"exec", "exec [OPTIONS] NAME COMMAND [ARG...]", "Run one more command in a sandbox that runs", exec_options,
     &n_exec_options, true, exec_more, cmd_exec},
    {"attach", "attach [OPTIONS] NAME", "Connect to the streams of a sandbox that runs", attach_options,
     &n_attach_options, false, NULL, cmd_attach},
    {"ps", "ps [OPTIONS]", "List sandboxes", ps_options, &n_ps_options, false, ps_more, cmd_ps},
    {"inspect", "inspect [OPTIONS] NAME...", "All that is known of sandboxes, as JSON", inspect_options,
     &n_inspect_options, false, inspect_more, cmd_inspect},
    {"logs", "logs [OPTIONS] NAME", "Show what a sandbox wrote", logs_options, &n_logs_options, false, NULL, cmd_logs},
    {"stats", "stats [OPTIONS] [NAME...]", "What sandboxes use, each second", stats_options, &n_stats_options, false,
     NULL, cmd_stats},
    {"events", "events [OPTIONS]", "What happens to sandboxes, as it happens", events_options, &n_events_options, false,
     NULL, cmd_events},
    {"kill", "kill [OPTIONS] NAME...", "Send a signal to sandboxes", kill_options, &n_kill_options, false, NULL,
     cmd_kill},
    {"pause", "pause NAME...", "Freeze all processes of sandboxes", NULL, NULL, false, NULL, cmd_pause},
    {"unpause", "unpause NAME...", "Let paused sandboxes go on", NULL, NULL, false, NULL, cmd_unpause},
    {"snapshot", "snapshot [OPTIONS] SANDBOX [NAME]", "Keep the whole state of a running machine (-b microvm, -b vm)",
     snapshot_options, &n_snapshot_options, false,
     "Examples\n"
     "  moat run -d --name warm -b microvm busybox sleep 1000000\n"
     "  moat snapshot warm ready               # it goes on; --end ends it\n"
     "  moat restore -d --name one ready       # as often as wanted; memory is shared until it is written\n"
     "  moat snapshot --list\n"
     "  moat snapshot --rm ready\n",
     cmd_snapshot},
    {"restore", "restore [OPTIONS] NAME", "Go on from a snapshot, in a new sandbox (options of run)", run_options_rows,
     &n_run_options_rows, false, NULL, cmd_restore},
    {"vm", "vm text|screenshot|type|sendkey|insert|eject|reset|powerdown [OPTIONS] SANDBOX [ARG...]",
     "Look at the screen of a running PC (-b vm), press its keys, change its disks", vm_options, &n_vm_options, false,
     vm_more, cmd_vm},
    {"wait", "wait NAME...", "Wait until sandboxes have ended, and print their exit statuses", NULL, NULL, false, NULL,
     cmd_wait},
    {"update", "update [OPTIONS] NAME...", "Change limits and the restart rule of sandboxes", update_options,
     &n_update_options, false, NULL, cmd_update},
    {"rm", "rm [OPTIONS] NAME...", "Remove sandboxes, with their layers and logs", rm_options, &n_rm_options, false,
     NULL, cmd_rm},
    {"prune", "prune [OPTIONS]", "Remove all sandboxes that do not run", prune_options, &n_prune_options, false, NULL,
     cmd_prune},
    {"explain", "explain [OPTIONS OF run] [--json] IMAGE|DIR [COMMAND] [ARG...]",
     "For each item of the policy: the mechanism that enforces it", run_options_rows, &n_explain_options_rows, true,
     explain_more, cmd_explain},
    {"boundaries", "boundaries [--json]", "What this host can offer, and why something is missing", boundaries_options,
     &n_boundaries_options, false, boundaries_more, cmd_boundaries},
    {"compare", "compare [OPTIONS] [-- [OPTIONS OF run] IMAGE COMMAND [ARG...]]",
     "The same job natively and behind each boundary: what it costs", compare_options, &n_compare_options, true,
     compare_more, cmd_compare},
    {"learn", "learn -o FILE [--merge] [--] PROGRAM [ARG...]", "Run a program once, and write the policy that it needs",
     learn_options, &n_learn_options, true, learn_more, cmd_learn},
    {"probe", "probe [OPTIONS] [OPTIONS OF run] [ID...]", "Try to escape from a boundary", probe_options,
     &n_probe_options, false, probe_more, cmd_probe},
    {"import", "import [OPTIONS] FILE|DIR|oci:DIR NAME[:TAG]",
     "Make an image of an archive, a directory or an OCI layout", import_options, &n_import_options, false, import_more,
     cmd_import},
    {"pull", "pull [OPTIONS] NAME[:TAG|@DIGEST]", "Bring in an image from a registry", pull_options, &n_pull_options,
     false, pull_more, cmd_pull},
    {"images", "images [OPTIONS]", "List the images", images_options, &n_images_options, false, images_more,
     cmd_images},
    {"rmi", "rmi [OPTIONS] IMAGE...", "Remove images", rmi_options, &n_rmi_options, false, rmi_more, cmd_rmi},
    {"wasm", "wasm inspect|compile [OPTIONS OF run] [--json] FILE",
     "What a WebAssembly module imports and would get; compile it for later starts", run_options_rows,
     &n_explain_options_rows, true, wasm_more, cmd_wasm},
    {"pack", "pack PROGRAM -o FILE [OPTIONS]", "Make a unikernel's image of a program and the files it needs",
     pack_options, &n_pack_options, false, pack_more, cmd_pack},
    {"build", "build --unikernel SRC... -o FILE [OPTIONS]", "Make a unikernel's image of C source", build_options,
     &n_build_options, false, build_more, cmd_pack},
    {"policy", "policy check|show|profiles|dump [OPTIONS] [FILE...]", "Check policy files; show shipped profiles",
     policy_options, &n_policy_options, false, policy_more, cmd_policy},
    {"system", "system check|df|prune [OPTIONS]", "Look after this host's state", system_options, &n_system_options,
     false, system_more, cmd_system},
    {"completion", "completion bash|zsh", "Print a script that completes moat's command lines", NULL, NULL, false,
     completion_more, cmd_completion},
    {"version", "version [--json]", "What this build is", version_options, &n_version_options, false, NULL,
     cmd_version},
    {"help", "help [COMMAND]", "Help on moat or on one command", NULL, NULL, false, NULL, cmd_help},
    {.name = NULL},
};
