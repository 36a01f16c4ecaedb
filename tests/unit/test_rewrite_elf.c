/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite/elf_sites.h: the libraries and programs of this machine, rewritten; what was written read back by the
 * decoder; some of them run; and files that lie.
 */
#include "cpu/decode/decode.h"
#include "rewrite/elf_sites.h"
#include "rewrite_program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct rewritten {
    uint8_t *before, *file;
    size_t n;
    struct rewrite_elf r;
    enum rewrite_elf_reason reason;
};

static void release(struct rewritten *w)
{
    free(w->before);
    free(w->file);
    free(w->r.marks);
    free(w->r.sites);
    free(w->r.trampolines);
    memset(w, 0, sizeof *w);
}

/* Takes `file`. The buffers are of the size that was asked for, so that sanitizers see their ends. */
static int rewrite_bytes(struct rewritten *w, uint8_t *file, size_t n)
{
    struct rewrite_elf_needs needs;
    int r;

    memset(w, 0, sizeof *w);
    w->file = file;
    w->n = n;
    r = rewrite_elf_needs(file, n, &needs, &w->reason);
    if (r < 0)
        return r;
    w->before = malloc(n);
    memcpy(w->before, file, n);
    w->r.marks = malloc(needs.marks);
    w->r.sites = malloc(needs.sites * sizeof *w->r.sites);
    w->r.trampolines = malloc(needs.trampolines);
    w->r.cell = PROGRAM_CELL;
    return rewrite_elf(file, n, &w->r, &w->reason);
}

static uint8_t *read_file(const char *path, size_t *n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    uint8_t *bytes;

    if (fd < 0)
        return NULL;
    assert_int_equal(fstat(fd, &st), 0);
    *n = (size_t)st.st_size;
    bytes = malloc(*n);
    assert_int_equal(read(fd, bytes, *n), st.st_size);
    close(fd);
    return bytes;
}

static int rewrite_path(struct rewritten *w, const char *path)
{
    size_t n;
    uint8_t *file = read_file(path, &n);

    if (!file) {
        memset(w, 0, sizeof *w);
        return -ENOENT;
    }
    return rewrite_bytes(w, file, n);
}

/* ---- What was written ---------------------------------------------------------------------------------------------
 */

static const uint8_t *file_at(const struct rewritten *w, uint64_t address)
{
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)w->file;
    const Elf64_Phdr *p = (const Elf64_Phdr *)(w->file + h->e_phoff);

    for (unsigned i = 0; i < h->e_phnum; i++)
        if (p[i].p_type == PT_LOAD && address - p[i].p_vaddr < p[i].p_filesz)
            return w->file + p[i].p_offset + (address - p[i].p_vaddr);
    fail_msg("no byte of the file is at 0x%llx", (unsigned long long)address);
    return NULL;
}

static struct insn decoded(const uint8_t *p)
{
    struct insn in;

    if (decode_insn(p, 15, DECODE_64, &in) < 0)
        fail_msg("what was written does not decode");
    return in;
}

/* The trampoline ends with the address behind the site in rcx, and goes to the cell. */
static void check_trampoline(const struct rewritten *w, const struct rewrite_site *s)
{
    uint64_t at = w->r.trampolines_address + s->trampoline;
    const uint8_t *p = w->r.trampolines + s->trampoline;
    struct insn in = decoded(p);

    assert_int_equal(s->trampoline % 16, 0);
    for (unsigned n = 0; in.name != INSN_LEA || in.operands[0].reg != 1 || !in.memory.rip_relative ||
                         at + in.length + (uint64_t)in.memory.disp != s->address + 2;
         n++) {
        assert_true(n < 8);
        at += in.length;
        p += in.length;
        in = decoded(p);
    }
    in = decoded(p + in.length);
    assert_int_equal(in.class, CLASS_JUMP_INDIRECT);
    assert_int_equal(in.memory.base, INSN_REGISTER_NONE);
    assert_int_equal(in.memory.disp, PROGRAM_CELL);
}

static void check_short_jump(const struct rewritten *w, uint64_t at, uint64_t to, uint8_t *changed)
{
    struct insn in = decoded(file_at(w, at));

    assert_int_equal(in.length, 2);
    assert_int_equal(in.class, CLASS_JUMP);
    assert_int_equal(at + 2 + (uint64_t)in.target, to);
    memset(changed + (file_at(w, at) - w->file), 1, 2);
}

static void check_site(const struct rewritten *w, const struct rewrite_site *s, uint8_t *changed)
{
    struct insn in;

    if (s->state == REWRITE_TRAPPED) {
        assert_int_equal(s->trampoline, REWRITE_NO_TRAMPOLINE);
        return;
    }
    in = decoded(file_at(w, s->window));
    assert_int_equal(in.class, CLASS_JUMP);
    assert_int_equal(s->window + in.length + (uint64_t)in.target, w->r.trampolines_address + s->trampoline);
    memset(changed + (file_at(w, s->window) - w->file), 1, s->length);
    if (s->state == REWRITE_ISLAND)
        check_short_jump(w, s->address, s->hop ? s->hop : s->window, changed);
    if (s->hop)
        check_short_jump(w, s->hop, s->window, changed);
    check_trampoline(w, s);
}

static void check_all(const struct rewritten *w)
{
    uint8_t *changed = calloc(1, w->n);

    for (size_t i = 0; i < w->r.n_sites; i++)
        check_site(w, &w->r.sites[i], changed);
    for (size_t i = 0; i < w->n; i++)
        if (w->before[i] != w->file[i] && !changed[i])
            fail_msg("byte 0x%zx of the file was changed, and belongs to no site", i);
    free(changed);
}

static void test_files_of_this_machine(void **state)
{
    static const char *const paths[] = {"/lib/x86_64-linux-gnu/libc.so.6",
                                        "/lib64/libc.so.6",
                                        "/lib64/ld-linux-x86-64.so.2",
                                        "/lib/ld-musl-x86_64.so.1",
                                        "/bin/busybox",
                                        "/usr/bin/python3",
                                        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3"};
    unsigned sites = 0;

    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct rewritten w;
        int r = rewrite_path(&w, paths[i]);

        if (r != -ENOENT) {
            const unsigned *n = w.r.states;
            if (r < 0)
                fail_msg("%s: %s (%d)", paths[i], rewrite_elf_reason_text(w.reason), r);
            print_message("# %s: %zu sites: %u mov, %u window, %u island, %u trapped\n", paths[i], w.r.n_sites,
                          n[REWRITE_MOV], n[REWRITE_WINDOW], n[REWRITE_ISLAND], n[REWRITE_TRAPPED]);
            check_all(&w);
            if (w.r.n_sites > 10 && n[REWRITE_TRAPPED] * 5 > w.r.n_sites)
                fail_msg("%s: less than 80 %% of the sites were rewritten", paths[i]);
            sites += (unsigned)w.r.n_sites;
        }
        release(&w);
    }
    assert_true(sites > 0);
}

/* ---- Programs, run ------------------------------------------------------------------------------------------------
 */

static void expect_output(const char *path, const char *const argv[], int status, const char *output)
{
    struct rewritten w;
    struct program_result result = {0};
    int r = rewrite_path(&w, path);

    if (r == -ENOENT || !program_can_run()) {
        print_message("# %s is not there, or this kernel cannot catch system calls by their address\n", path);
        release(&w);
        skip();
    }
    assert_int_equal(r, 0);
    r = program_run(w.file, w.r.trampolines, w.r.trampolines_size, w.r.trampolines_address, argv, &result);
    release(&w);
    if (r < 0)
        fail_msg("%s: %s", path, strerror(-r));
    if (!WIFEXITED(result.status) || WEXITSTATUS(result.status) != status || !strstr(result.output, output))
        fail_msg("%s: status 0x%x, output: %s", path, result.status, result.output);
    print_message("# %s: %llu calls through the cell, %llu trapped\n", path, (unsigned long long)result.calls,
                  (unsigned long long)result.trapped);
    assert_true(result.calls > 0);
}

static void test_static_program_of_glibc_runs(void **state)
{
    static char script[] =
        "i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo $i | { read x; echo got $x; }; done; trap 'echo term' TERM;"
        "kill -TERM $$; (exit 3); echo status $?; read y < /dev/null; echo end";
    const char *argv[] = {"busybox", "sh", "-c", script, NULL};

    expect_output("/bin/busybox", argv, 0, "got 50\nterm\nstatus 3\nend\n");
}

static void test_linker_of_musl_runs(void **state)
{
    const char *argv[] = {"ld-musl", "/no/such/program", NULL};

    expect_output("/lib/ld-musl-x86_64.so.1", argv, 1, "cannot load /no/such/program");
}

static void test_linker_of_glibc_runs(void **state)
{
    const char *argv[] = {"ld.so", "--version", NULL};

    expect_output("/lib64/ld-linux-x86-64.so.2", argv, 0, "ld.so ");
}

/* ---- Files that lie -----------------------------------------------------------------------------------------------
 */

struct tiny { /* the smallest file with a site */
    Elf64_Ehdr header;
    Elf64_Phdr load;
    uint8_t code[16];
};

static struct tiny tiny(void)
{
    return (struct tiny){
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_X86_64,
                   .e_entry = 0x400000 + offsetof(struct tiny, code),
                   .e_phoff = offsetof(struct tiny, load),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 1},
        .load = {.p_type = PT_LOAD,
                 .p_flags = PF_R | PF_X,
                 .p_vaddr = 0x400000,
                 .p_filesz = sizeof(struct tiny),
                 .p_memsz = sizeof(struct tiny)},
        .code = {0xb8, 60, 0, 0, 0, 0x0f, 0x05, 0xf4},
    };
}

static int rewrite_tiny(struct rewritten *w, const struct tiny *t, size_t n)
{
    uint8_t *file = malloc(n);

    memcpy(file, t, n);
    return rewrite_bytes(w, file, n);
}

static void test_smallest_file_is_rewritten(void **state)
{
    struct tiny t = tiny();
    struct rewritten w;

    assert_int_equal(rewrite_tiny(&w, &t, sizeof t), 0);
    assert_int_equal(w.r.n_sites, 1);
    assert_int_equal(w.r.sites[0].state, REWRITE_MOV);
    assert_int_equal(w.r.sites[0].nr, 60);
    assert_int_equal(w.r.trampolines_address, 0x401000);
    check_all(&w);
    release(&w);
}

static void expect_reason(const struct tiny *t, enum rewrite_elf_reason reason)
{
    struct rewritten w;

    assert_int_equal(rewrite_tiny(&w, t, sizeof *t), -ENOEXEC);
    if (w.reason != reason)
        fail_msg("refused since %s, not since %s", rewrite_elf_reason_text(w.reason), rewrite_elf_reason_text(reason));
    release(&w);
}

static void test_reasons_of_refusal(void **state)
{
    struct tiny t = tiny();

    t.header.e_ident[1] = 'e';
    expect_reason(&t, REWRITE_ELF_NOT_ELF);
    t = tiny();
    t.header.e_ident[EI_CLASS] = ELFCLASS32;
    expect_reason(&t, REWRITE_ELF_NOT_X86_64);
    t = tiny();
    t.header.e_machine = EM_AARCH64;
    expect_reason(&t, REWRITE_ELF_NOT_X86_64);
    t = tiny();
    t.header.e_type = ET_REL;
    expect_reason(&t, REWRITE_ELF_TYPE);
    t = tiny();
    t.header.e_phoff = UINT64_MAX - 8;
    expect_reason(&t, REWRITE_ELF_HEADERS);
    t = tiny();
    t.header.e_phnum = 0xffff;
    expect_reason(&t, REWRITE_ELF_HEADERS);
    t = tiny();
    t.load.p_offset = 1;
    expect_reason(&t, REWRITE_ELF_SEGMENT);
    t = tiny();
    t.load.p_filesz++;
    expect_reason(&t, REWRITE_ELF_SEGMENT);
    t = tiny();
    t.load.p_vaddr = UINT64_MAX - 4096;
    expect_reason(&t, REWRITE_ELF_SEGMENT);
    t = tiny();
    t.load.p_flags |= PF_W;
    expect_reason(&t, REWRITE_ELF_WRITABLE);
}

static void test_file_that_is_cut_off_is_refused(void **state)
{
    struct tiny t = tiny();

    for (size_t n = 0; n < sizeof t; n++) {
        struct rewritten w;

        assert_int_equal(rewrite_tiny(&w, &t, n), -ENOEXEC);
        release(&w);
    }
}

static void test_too_far_from_its_trampolines(void **state)
{
    struct tiny t = tiny();
    struct rewritten w;

    t.load.p_memsz = 0x100000000;
    assert_int_equal(rewrite_tiny(&w, &t, sizeof t), -ERANGE);
    release(&w);
}

/* Bytes changed by chance, in headers and tables most of all: whatever comes out, nothing is touched that should not
 * be. */
static void test_damaged_files_do_no_harm(void **state)
{
    size_t n;
    uint8_t *file = read_file("/lib/ld-musl-x86_64.so.1", &n);
    uint64_t x = 88172645463325252u;
    unsigned refused = 0;

    if (!file)
        file = read_file("/lib64/ld-linux-x86-64.so.2", &n);
    if (!file)
        skip();
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)file;
    size_t tables = h->e_shoff, hot[] = {sizeof *h + 10 * sizeof(Elf64_Phdr), n - tables};
    for (unsigned round = 0; round < 150; round++) {
        struct rewritten w;
        uint8_t *copy = malloc(n);

        memcpy(copy, file, n);
        for (unsigned i = 0; i < 1 + round % 8; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            size_t at = x % 4 == 0 ? (x >> 8) % n : x % 4 == 1 ? tables + (x >> 8) % hot[1] : (x >> 8) % hot[0];
            copy[at] = x % 8 < 4 ? (uint8_t)(x >> 56) : (uint8_t)(copy[at] ^ 1u << (x >> 60 & 7));
        }
        refused += rewrite_bytes(&w, copy, n) < 0;
        release(&w);
    }
    free(file);
    print_message("# %u of 150 damaged files were refused\n", refused);
    assert_in_range(refused, 1, 149);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_of_this_machine),
        cmocka_unit_test(test_static_program_of_glibc_runs),
        cmocka_unit_test(test_linker_of_musl_runs),
        cmocka_unit_test(test_linker_of_glibc_runs),
        cmocka_unit_test(test_smallest_file_is_rewritten),
        cmocka_unit_test(test_reasons_of_refusal),
        cmocka_unit_test(test_file_that_is_cut_off_is_refused),
        cmocka_unit_test(test_too_far_from_its_trampolines),
        cmocka_unit_test(test_damaged_files_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
