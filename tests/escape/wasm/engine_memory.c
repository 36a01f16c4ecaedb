/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module that goes for the memory of its engine: it reads in PROC/self/maps where that has its machine code, and
 * writes its own over all of it through PROC/self/mem, which no protection of pages stands before. Where that works,
 * "native" is said by code that is no WebAssembly, and the status is 42; else one line per name says what stood in the
 * way, and the status is 0. Built for the host it does it to itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
static const unsigned char code[] = {
    0xbf, 0x01, 0x00, 0x00, 0x00, /* mov edi, 1 */
    0x48, 0x8d, 0x35, 0x18, 0x00, 0x00, 0x00, /* lea rsi, [text] */
    0xba, 0x07, 0x00, 0x00, 0x00, /* mov edx, 7 */
    0xb8, 0x01, 0x00, 0x00, 0x00, /* mov eax, 1: write */
    0x0f, 0x05, /* syscall */
    0xbf, 0x2a, 0x00, 0x00, 0x00, /* mov edi, 42 */
    0xb8, 0xe7, 0x00, 0x00, 0x00, /* mov eax, 231: exit_group */
    0x0f, 0x05, /* syscall */
    'n', 'a', 't', 'i', 'v', 'e', '\n'};
/* clang-format on */

static unsigned long start, size;

/* The first mapping that is executed. */
static int find_code(const char *maps)
{
    char line[512], access[8];
    unsigned long from, to;
    FILE *f = fopen(maps, "r");

    if (!f)
        return -1;
    while (!size && fgets(line, sizeof line, f))
        if (sscanf(line, "%lx-%lx %7s", &from, &to, access) == 3 && access[2] == 'x') {
            start = from;
            size = to - from;
        }
    fclose(f);
    return size ? 0 : -1;
}

static void attempt(const char *proc, const char *whose)
{
    char maps[256], mem[256];

    snprintf(maps, sizeof maps, "%s/%s/maps", proc, whose);
    snprintf(mem, sizeof mem, "%s/%s/mem", proc, whose);
    const int found = find_code(maps), why_maps = errno, fd = open(mem, O_RDWR), why = errno;
    printf("%s: %s; %s: %s\n", maps, found < 0 ? strerror(why_maps) : "read", mem, fd < 0 ? strerror(why) : "open");
    fflush(stdout);
    unsigned char *bytes = size ? malloc(size) : NULL;
    if (fd < 0 || !bytes)
        return;
    memset(bytes, 0x90, size);
    memcpy(bytes + size - sizeof code, code, sizeof code);
    pwrite(fd, bytes, size, (off_t)start);
    printf("not reached\n");
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2)
        attempt(argv[i], argv[i + 1]);
    return 0;
}
