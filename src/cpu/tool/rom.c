/* SPDX-License-Identifier: Apache-2.0 */
/* moat-cpu rom: a ROM from the reset vector until it posts 0xff. */
#include "cpu/tool/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROM_BYTES_MAX (16u << 20)

struct rom_run {
    struct flat flat;
    uint64_t post_port, text_port; /* UINT64_MAX: none */
    FILE *text;
    int posted; /* last value; -1 before the first */
};

static void rom_out(void *owner, uint16_t port, unsigned size, uint32_t value)
{
    struct rom_run *run = owner;
    if (port == run->post_port && (int)(value & 0xff) != run->posted) {
        run->posted = (int)(value & 0xff);
        printf("POST %02X\n", (unsigned)run->posted);
        fflush(stdout);
        if (run->posted == 0xff)
            cpu_stop(run->flat.cpu);
    }
    if (port == run->text_port)
        fputc((int)(value & 0xff), run->text);
}

static int rom_load(struct flat *f, const char *path, uint64_t at)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        return usage("rom", "cannot open %s: %s", path, strerror(errno));
    uint8_t *bytes = aligned_alloc(4096, ROM_BYTES_MAX); /* the processor wants whole pages */
    size_t n = bytes ? fread(bytes, 1, ROM_BYTES_MAX, in) : 0;
    fclose(in);
    if (n == 0 || n % 4096 != 0 || at % 4096 != 0) {
        free(bytes);
        return usage("rom", "%s at 0x%llx: a ROM is of whole pages", path, (unsigned long long)at);
    }
    f->rom = bytes;
    f->rom_bytes = n;
    f->rom_at = at;
    return 0;
}

static int rom_run(struct rom_run *run, uint64_t limit)
{
    enum cpu_exit exit = cpu_run(run->flat.cpu, limit);
    struct vcpu_state s;
    if (run->posted == 0xff) {
        printf("completed after %llu instructions\n", (unsigned long long)cpu_executed(run->flat.cpu));
        return 0;
    }
    cpu_state_get(run->flat.cpu, &s);
    printf("ended without FF: %s at %04x:%08llx after %llu instructions, last POST %d\n",
           exit == CPU_EXIT_HALT       ? "halted"
           : exit == CPU_EXIT_SHUTDOWN ? "triple fault"
                                       : "limit reached",
           s.segments[SEG_CS].selector, (unsigned long long)s.rip, (unsigned long long)cpu_executed(run->flat.cpu),
           run->posted);
    return 1;
}

int command_rom(int argc, char **argv)
{
    struct rom_run run = {.post_port = UINT64_MAX, .text_port = UINT64_MAX, .text = stdout, .posted = -1};
    const char *file = NULL, *model = "moat64", *text_to = NULL, *v;
    uint64_t at = UINT64_MAX, limit = UINT64_C(2000000000);
    for (int i = 0; i < argc; i++) {
        int bad = 0;
        if ((v = option_value(argc, argv, &i, "--at")))
            bad = parse_number(v, &at);
        else if ((v = option_value(argc, argv, &i, "--post")))
            bad = parse_number(v, &run.post_port);
        else if ((v = option_value(argc, argv, &i, "--text-to")))
            text_to = v;
        else if ((v = option_value(argc, argv, &i, "--text")))
            bad = parse_number(v, &run.text_port);
        else if ((v = option_value(argc, argv, &i, "--limit")))
            bad = parse_number(v, &limit);
        else if ((v = option_value(argc, argv, &i, "--cpu")))
            model = v;
        else if (argv[i][0] != '-' && !file)
            file = argv[i];
        else
            return usage("rom", "what is %s?", argv[i]);
        if (bad)
            return usage("rom", "%s is not a number", v);
    }
    if (!file || at == UINT64_MAX || run.post_port == UINT64_MAX)
        return usage("rom", "wants FILE --at ADDRESS --post PORT");
    if (text_to && !(run.text = fopen(text_to, "w")))
        return usage("rom", "cannot write %s: %s", text_to, strerror(errno));
    struct flat_ports ports = {.owner = &run, .out = rom_out};
    struct err err = {0};
    if (flat_make(&run.flat, UINT64_C(64) << 20, model, &ports, &err) < 0)
        return usage("rom", "%s", err.text);
    int status = rom_load(&run.flat, file, at);
    if (status == 0) {
        cpu_memory_map_changed(run.flat.cpu);
        status = rom_run(&run, limit);
    }
    if (text_to && fclose(run.text) != 0)
        status = usage("rom", "cannot write %s: %s", text_to, strerror(errno));
    free(run.flat.rom);
    flat_free(&run.flat);
    return status;
}
