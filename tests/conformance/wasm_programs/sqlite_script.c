/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_script DATABASE < SCRIPT: runs SQL and prints rows as the names of columns and their values; errors too. */
#include "sqlite3.h"

#include <stdio.h>
#include <stdlib.h>

static int row(void *unused, int n, char **values, char **names)
{
    (void)unused;
    for (int i = 0; i < n; i++)
        printf("%s%s=%s", i ? "|" : "", names[i], values[i] ? values[i] : "NULL");
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    static char line[65536];
    sqlite3 *db;
    char *error = NULL;

    if (argc != 2 ||
        sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix-none") != SQLITE_OK) {
        fprintf(stderr, "cannot open the database\n");
        return 1;
    }
    while (fgets(line, sizeof line, stdin)) {
        if (sqlite3_exec(db, line, row, NULL, &error) != SQLITE_OK) {
            printf("error: %s\n", error);
            sqlite3_free(error);
            error = NULL;
        }
    }
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
