/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one executable: `moat-oci` by that name, else moat's commands. The last place an error passes: here it becomes a
 * line and an exit status.
 */
#include "cli/commands.h"
#include "sandbox/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* A full disk or a closed pipe behind stdout must not look like success. */
static int finish(int status)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0) {
        struct err err;
        err_set(&err, -EIO, "cannot write to the standard output");
        return command_fail(NULL, &err);
    }
    return status;
}

static int run_command(int argc, char **argv)
{
    const struct command *c = command_find(argv[0]);
    struct err err;

    if (!c) {
        if (argv[0][0] == '-')
            err_set(&err, -EINVAL, "unknown option %s before a command: moat --help", argv[0]);
        else
            command_unknown(argv[0], &err);
        command_fail(NULL, &err);
        return argv[0][0] == '-' ? EXIT_MOAT_ERROR : 1; /* docker's */
    }
    size_t n = c->n_options ? *c->n_options : 0;
    if (options_ask_help(c->options, n, argc, argv, c->stop_at_operand)) {
        help_print_command(c);
        return 0;
    }
    return c->run(argc, argv);
}

/* With one of the three closed, the next file we open would take its place, and the workload would inherit that. */
static int open_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_WRONLY : O_RDONLY) < 0)
            return -1;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 1 || !argv[0] || open_standard_streams() < 0)
        return EXIT_MOAT_ERROR;
    signal(SIGCHLD, SIG_DFL); /* ignored by our caller, perhaps: then nobody could be waited for */
    if (!strcmp(argv[0], "moat-monitor"))
        return monitor_main(argc, argv);
    if (!strcmp(base_name(argv[0]), "moat-oci"))
        return oci_main(argc, argv);
    if (argc == 1 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        help_print_all();
        return finish(0);
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-v"))
        argv[1] = (char *)"version";
    return finish(run_command(argc - 1, argv + 1));
}
