/* SPDX-License-Identifier: Apache-2.0 */
/* streams args|env|cat|both|status N: what comes in and goes out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static int cat(void)
{
    char buf[8192];
    size_t n;

    while ((n = fread(buf, 1, sizeof buf, stdin)) > 0)
        if (fwrite(buf, 1, n, stdout) != n)
            return 1;
    return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "args"))
        for (int i = 0; i < argc; i++)
            printf("[%s]\n", argv[i]);
    else if (!strcmp(what, "env"))
        for (char **e = environ; *e; e++)
            puts(*e);
    else if (!strcmp(what, "cat"))
        return cat();
    else if (!strcmp(what, "both")) {
        puts("out");
        fputs("err\n", stderr);
    } else if (!strcmp(what, "status"))
        return atoi(argv[2]);
    else
        return 2;
    return 0;
}
