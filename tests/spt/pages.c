/* SPDX-License-Identifier: Apache-2.0 */
/* pages both|later|anonymous|exhaust|many: memory and what it may become. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static int say(const char *what, int failed)
{
    printf("%s: %s\n", what, failed ? strerror(errno) : "FAILURE: it was given");
    return 0;
}

static int exhaust(void)
{
    const size_t piece = 1 << 20;
    size_t n = 0;

    for (void *p; n < 1 << 16; n++) {
        p = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            break;
        memset(p, 1, piece);
    }
    printf("%s after %s\n", errno == ENOMEM ? "refused" : "FAILURE", n > 8 && n < 64 ? "some" : "FAILURE");
    return 0;
}

/* Made, filled, given back and looked at again, more often than there is memory. */
static int many(void)
{
    const size_t piece = 4 << 20;

    for (int i = 0; i < 200; i++) {
        char *p = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return 1;
        for (size_t k = 0; k < piece; k += 4096)
            if (p[k]) {
                puts("FAILURE: it is not zero");
                return 1;
            }
        memset(p, 0xaa, piece);
        if (munmap(p, piece) < 0)
            return 1;
    }
    puts("clean");
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    void *p = MAP_FAILED;

    if (!strcmp(what, "exhaust"))
        return exhaust();
    if (!strcmp(what, "many"))
        return many();
    if (!strcmp(what, "both"))
        return say(what, mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                             MAP_FAILED);
    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return 1;
    memset(p, 0xc3, 4096);
    if (!strcmp(what, "later"))
        return say(what, mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0);
    if (!strcmp(what, "call")) {
        ((void (*)(void))p)();
        puts("FAILURE: data ran");
    }
    return 1;
}
