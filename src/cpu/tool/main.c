/* SPDX-License-Identifier: Apache-2.0 */
/* moat-cpu: which command, and what the commands share. */
#include "cpu/tool/tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *synopsis;
} commands[] = {
    {"rom", command_rom,
     "rom FILE --at ADDRESS --post PORT [--text PORT [--text-to FILE]] [--limit INSTRUCTIONS] [--cpu NAME]"},
    {"step", command_step, "step [--cpu NAME] [--quiet] < CASES"},
    {"decode", command_decode, "decode HEX --mode 16|32|64 --json"},
    {"fuzz", command_fuzz,
     "fuzz --against host|unicorn [--seed N] [--first N] [--count N] [--mode 16|32|64] [--length N] [--only NAME]"},
};

const char *option_value(int argc, char **argv, int *i, const char *name)
{
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0)
        return NULL;
    if (argv[*i][n] == '=')
        return argv[*i] + n + 1;
    if (argv[*i][n] != 0 || *i + 1 >= argc)
        return NULL;
    return argv[++*i];
}

int parse_number(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 0);
    return errno || end == text || *end || *text == '-' ? -EINVAL : 0;
}

int usage(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "moat-cpu %s: ", command);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return 2;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    fprintf(stderr, "usage:\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(stderr, "  moat-cpu %s\n", commands[i].synopsis);
    return 2;
}
