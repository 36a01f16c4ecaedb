/* SPDX-License-Identifier: Apache-2.0 */
/* Copies its input, waiting for it by poll(2), behind its arguments and a variable; ends with status 7. */
#include "outcome.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct pollfd p = {.fd = 0, .events = POLLIN};
    const char *variable = getenv("VARIABLE");
    char text[1000];
    long total = 0;
    ssize_t n;

    for (int i = 1; i < argc; i++)
        printf("[%s]\n", argv[i]);
    printf("%s\n", variable ? variable : "none");
    fflush(stdout);
    while (poll(&p, 1, -1) == 1 && (n = read(0, text, sizeof text)) > 0) {
        total += n;
        for (ssize_t done = 0; done < n;) {
            ssize_t r = write(1, text + done, (size_t)(n - done));
            if (r <= 0)
                return 1;
            done += r;
        }
    }
    printf("\n%ld bytes\n", total);
    SAY(lseek(0, 0, SEEK_CUR) >= 0 ? 0 : -1);
    return 7;
}
