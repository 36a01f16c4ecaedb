/* SPDX-License-Identifier: Apache-2.0 */
/* opens PATH COUNT BATCHES: prints for each batch the nanoseconds of one open(2) and close(2) of PATH,
 * and of no third call: the C library may add one to its open(). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    long count = argc == 4 ? atol(argv[2]) : 0, batches = argc == 4 ? atol(argv[3]) : 0;
    struct timespec a, b;

    if (count < 1 || batches < 1) {
        fputs("usage: opens PATH COUNT BATCHES\n", stderr);
        return 2;
    }
    for (long batch = -1; batch < batches; batch++) { /* the first warms up */
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (long i = 0; i < count; i++) {
            int fd = (int)syscall(SYS_openat, AT_FDCWD, argv[1], O_RDONLY | O_CLOEXEC, 0);
            if (fd < 0) {
                perror(argv[1]);
                return 1;
            }
            close(fd);
        }
        clock_gettime(CLOCK_MONOTONIC, &b);
        if (batch >= 0)
            printf("%lld\n", ((b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec) / count);
    }
    return 0;
}
