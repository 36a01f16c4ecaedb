/* SPDX-License-Identifier: Apache-2.0 */
/* sort FILE [OUTPUT]: its lines in the order of their bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
    FILE *in = argc > 1 ? fopen(argv[1], "r") : stdin, *out = argc > 2 ? fopen(argv[2], "w") : stdout;
    char **lines = NULL, line[4096];
    size_t n = 0, room = 0;

    if (!in || !out) {
        perror(in ? argv[2] : argv[1]);
        return 1;
    }
    while (fgets(line, sizeof line, in)) {
        if (n == room && !(lines = realloc(lines, (room = room ? 2 * room : 64) * sizeof *lines)))
            return 1;
        lines[n++] = strdup(line);
    }
    qsort(lines, n, sizeof *lines, compare);
    for (size_t i = 0; i < n; i++)
        fputs(lines[i], out);
    return fclose(out) ? 1 : 0;
}
