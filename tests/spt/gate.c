/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate jump ADDRESS NR [ARGUMENT...]: puts a system call of its own into the registers and jumps to the instruction at
 * ADDRESS, which is that of a gate's body. gate int80: a call of the 32-bit kind. gate plain NR: an ordinary call,
 * which its own kernel answers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long jump(unsigned long at, unsigned long nr, const unsigned long *a)
{
    register unsigned long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
    long result;

    /* The body returns by `ret`. */
    __asm__ volatile("call *%[at]"
                     : "=a"(result)
                     : "a"(nr), [at] "r"(at), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

int main(int argc, char **argv)
{
    unsigned long a[6] = {0};
    long r;

    if (argc > 3 && !strcmp(argv[1], "jump")) {
        for (int i = 4; i < argc && i < 10; i++)
            a[i - 4] = strtoul(argv[i], NULL, 0);
        r = jump(strtoul(argv[2], NULL, 0), strtoul(argv[3], NULL, 0), a);
        printf("FAILURE: it returned %ld\n", r);
        return 1;
    }
    if (argc > 1 && !strcmp(argv[1], "int80")) {
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
        printf("FAILURE: it returned %ld\n", r);
        return 1;
    }
    if (argc > 2 && !strcmp(argv[1], "plain")) {
        r = syscall(strtol(argv[2], NULL, 0), 0, 0, 0, 0, 0, 0);
        printf("%ld %s\n", r, r < 0 ? strerror(errno) : "");
        return 0;
    }
    return 2;
}
