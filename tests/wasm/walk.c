/* SPDX-License-Identifier: Apache-2.0 */
/* walk DIRECTORY: each name below it with its kind and, of files, size; a directory before what is in it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int walk(const char *directory)
{
    struct dirent **names;
    int n = scandir(directory, &names, NULL, alphasort), status = 0;
    char path[4096];
    struct stat st;

    if (n < 0) {
        fprintf(stderr, "walk: %s: %s\n", directory, strerror(errno));
        return 1;
    }
    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;
        snprintf(path, sizeof path, "%s/%s", directory, name);
        if (!strcmp(name, ".") || !strcmp(name, "..") || lstat(path, &st) < 0)
            continue;
        if (S_ISREG(st.st_mode))
            printf("f %s %lld\n", path, (long long)st.st_size);
        else
            printf("%c %s\n", S_ISDIR(st.st_mode) ? 'd' : 'l', path);
        if (S_ISDIR(st.st_mode))
            status |= walk(path);
    }
    return status;
}

int main(int argc, char **argv)
{
    return walk(argc > 1 ? argv[1] : ".");
}
