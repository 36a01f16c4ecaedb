/* SPDX-License-Identifier: Apache-2.0 */
/* The ELF loader of linux/mm: what is loaded where, what a new stack holds, and each kind of damaged or hostile file.
 */
#include "linux_mm_fixture.h"

#include "linux/fs/imgfs_format.h"
#include "linux/mm/elf.h"

#include <asm/errno.h>
#include <linux/auxvec.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A program of two segments: text of one page at 0x1000 (offset 0, holds the headers), data at 0x3100 (offset 0x1100,
 * 0x300 bytes, 0x2000 in memory). */
struct program {
    struct elf64_hdr h;
    struct elf64_phdr p[5];
    char interp[32];
    uint8_t rest[0x1400 - sizeof(struct elf64_hdr) - 5 * sizeof(struct elf64_phdr) - 32];
};
_Static_assert(sizeof(struct program) == 0x1400, "the file ends with its data");

#define BASE      0x1000
#define INTERP_AT ((uint64_t)offsetof(struct program, interp))

static struct program make(bool fixed, bool dynamic)
{
    struct program f;
    uint64_t at = fixed ? FIXTURE_TEXT_LOW : BASE;
    memset(&f, 0, sizeof f);
    memcpy(f.h.e_ident, "\177ELF\2\1\1", 7);
    f.h.e_type = fixed ? ET_EXEC : ET_DYN, f.h.e_machine = EM_X86_64, f.h.e_version = 1;
    f.h.e_entry = at + 0x400, f.h.e_phoff = sizeof f.h, f.h.e_ehsize = sizeof f.h;
    f.h.e_phentsize = sizeof f.p[0], f.h.e_phnum = 5;
    f.p[0] = (struct elf64_phdr){.p_type = PT_LOAD,
                                 .p_flags = PF_R | PF_X,
                                 .p_vaddr = at,
                                 .p_filesz = 0x1000,
                                 .p_memsz = 0x1000,
                                 .p_align = 0x1000};
    f.p[1] = (struct elf64_phdr){.p_type = PT_LOAD,
                                 .p_flags = PF_R | PF_W,
                                 .p_offset = 0x1100,
                                 .p_vaddr = at + 0x2100,
                                 .p_filesz = 0x300,
                                 .p_memsz = 0x2000,
                                 .p_align = 0x1000};
    f.p[2] = (struct elf64_phdr){.p_type = dynamic ? PT_INTERP : PT_NULL, .p_offset = INTERP_AT, .p_filesz = 11};
    f.p[3] = f.p[2], f.p[3].p_type = PT_NULL, f.p[4].p_type = PT_GNU_STACK;
    memcpy(f.interp, "/lib/ld.so", 11);
    memset(f.rest, 0x90, sizeof f.rest);
    return f;
}

static char why[256];

/* elf_load of these bytes into a new mm, which is returned; the result in *r. */
static struct mm *load(struct fixture_file *file, const void *bytes, size_t n, int *r)
{
    struct mm *mm = mm_create();
    assert_non_null(mm);
    fixture_open(file, bytes, n);
    why[0] = 0;
    *r = elf_load(mm, &file->file, why, sizeof why);
    return mm;
}

static void drop(struct mm *mm, struct fixture_file *file)
{
    mm_put(mm);
    assert_int_equal(vma_type.live, 0);
    assert_int_equal(file->file.refs, 1);
    assert_int_equal(file->inode.text, 0);
}

static uint64_t auxv(const struct mm *mm, uint64_t type)
{
    for (uint32_t i = 0; i < mm->n_auxv; i += 2)
        if (mm->auxv[i] == type)
            return mm->auxv[i + 1];
    return UINT64_MAX;
}

/* ---- what is loaded ---- */

static void test_elf_position_independent_program_is_mapped_with_its_protection(void **state)
{
    struct fixture_file file;
    struct program f = make(false, false);
    int r;
    fixture_begin(false);
    struct mm *mm = load(&file, &f, sizeof f, &r);
    assert_int_equal(r, 0);
    uint64_t bias = mm->entry - f.h.e_entry;
    assert_int_equal(bias % PAGE_SIZE, 0);
    assert_int_equal(fixture_prot(bias + BASE), PROT_READ | PROT_EXEC);
    assert_int_equal(fixture_prot(bias + BASE + 0x1000), -1);
    assert_int_equal(fixture_prot(bias + BASE + 0x2000), PROT_READ | PROT_WRITE);
    assert_int_equal(fixture_prot(bias + BASE + 0x4000), PROT_READ | PROT_WRITE);
    assert_int_equal(fixture_prot(bias + BASE + 0x5000), -1);
    assert_memory_equal(fixture_at(bias + BASE), &f, 0x1000);
    assert_int_equal(*fixture_at(bias + BASE + 0x23ff), 0x90);
    assert_int_equal(*fixture_at(bias + BASE + 0x2400), 0);
    assert_int_equal(auxv(mm, AT_PHDR), bias + BASE + sizeof f.h);
    assert_int_equal(auxv(mm, AT_PHNUM), 5);
    assert_int_equal(auxv(mm, AT_ENTRY), mm->entry);
    assert_int_equal(auxv(mm, AT_BASE), 0);
    assert_int_equal(mm->code_start, bias + BASE);
    assert_int_equal(mm->data_end, bias + BASE + 0x2400);
    drop(mm, &file);
}

static void test_elf_file_tail_of_a_data_segment_is_zeroed(void **state)
{
    struct fixture_file file;
    struct program f = make(false, false);
    uint8_t longer[0x2000];
    int r;
    memset(longer, 0x77, sizeof longer);
    memcpy(longer, &f, sizeof f);
    fixture_begin(false);
    struct mm *mm = load(&file, longer, sizeof longer, &r);
    assert_int_equal(r, 0);
    uint64_t end = mm->entry - f.h.e_entry + BASE + 0x2400;
    for (uint64_t at = end; at < end + 0x1000; at++)
        assert_int_equal(*fixture_at(at), 0);
    drop(mm, &file);
}

static void test_elf_fixed_program_stands_at_its_own_addresses(void **state)
{
    struct fixture_file file, second;
    struct program f = make(true, false);
    int r;
    fixture_begin(true);
    struct mm *mm = load(&file, &f, sizeof f, &r);
    assert_int_equal(r, 0);
    assert_int_equal(mm->entry, FIXTURE_TEXT_LOW + 0x400);
    assert_int_equal(fixture_prot(FIXTURE_TEXT_LOW), PROT_READ | PROT_EXEC);
    /* The same again, while that one lives. */
    struct mm *other = load(&second, &f, sizeof f, &r);
    assert_int_equal(r, -ENOMEM);
    assert_non_null(strstr(why, "address taken"));
    mm_put(other);
    assert_int_equal(second.inode.text, 0);
    assert_int_equal(fixture_prot(FIXTURE_TEXT_LOW), PROT_READ | PROT_EXEC);
    drop(mm, &file);
    assert_int_equal(fixture_mapped(), 0);
}

/* execve of a program that stands where the caller does: the caller has to go first, which is its caller's to decide.
 */
static void test_elf_program_in_the_way_of_its_successor_is_told_apart(void **state)
{
    struct fixture_file a, b;
    struct program f = make(true, false), huge = make(false, false);
    int r;
    huge.p[1].p_memsz = (FIXTURE_TEXT_PAGES - 2) * PAGE_SIZE;
    fixture_begin(true);
    current->mm = load(&a, &f, sizeof f, &r);
    assert_int_equal(r, 0);
    struct mm *next = load(&b, &f, sizeof f, &r);
    assert_int_equal(r, -EADDRINUSE);
    mm_put(next);
    next = load(&b, &huge, sizeof huge, &r);
    assert_int_equal(r, -ENOMEM); /* not even then */
    mm_put(next);
    current->mm->refs++; /* a vfork child's: the parent needs it */
    next = load(&b, &f, sizeof f, &r);
    assert_int_equal(r, -ENOMEM);
    mm_put(next);
    current->mm->refs--;
    drop(current->mm, &a);
    current->mm = NULL;
    next = load(&b, &f, sizeof f, &r);
    assert_int_equal(r, 0);
    drop(next, &b);
}

static void test_elf_programs_in_one_space_stand_apart(void **state)
{
    struct fixture_file a, b;
    struct program f = make(false, false);
    int r;
    fixture_begin(true);
    struct mm *first = load(&a, &f, sizeof f, &r);
    assert_int_equal(r, 0);
    struct mm *second = load(&b, &f, sizeof f, &r);
    assert_int_equal(r, 0);
    assert_int_not_equal(first->entry, second->entry);
    assert_true(elf_stack(first, "a", 2, 1, 0, "/a") > 0);
    assert_true(elf_stack(second, "b", 2, 1, 0, "/b") > 0);
    assert_true(first->stack_top <= second->stack_bottom || second->stack_top <= first->stack_bottom);
    /* Their heaps have room: each half a MiB at least. */
    uint64_t apart = first->brk_start < second->brk_start ? second->brk_start - first->brk_start
                                                          : first->brk_start - second->brk_start;
    assert_true(apart > 512 << 10);
    mm_put(first);
    drop(second, &b);
    assert_int_equal(fixture_mapped(), 0);
}

static void test_elf_interpreter_is_loaded_and_begins(void **state)
{
    struct fixture_file file, linker;
    struct program f = make(false, true), ld = make(false, false);
    int r;
    fixture_begin(false);
    fixture_open(&linker, &ld, sizeof ld);
    fixture_interp = &linker;
    struct mm *mm = load(&file, &f, sizeof f, &r);
    assert_int_equal(r, 0);
    assert_string_equal(fixture_opened, "/lib/ld.so");
    uint64_t bias = auxv(mm, AT_BASE);
    assert_int_equal(mm->entry, bias + ld.h.e_entry);
    assert_int_not_equal(auxv(mm, AT_ENTRY), mm->entry);
    assert_memory_equal(fixture_at(bias + BASE), &ld, 0x1000);
    mm_put(mm);
    assert_int_equal(linker.file.refs, 1);
}

static void test_elf_trampolines_of_a_rewritten_file_are_mapped_with_it(void **state)
{
    struct fixture_file file;
    struct program f = make(false, false);
    struct image_sites sites = {.blob = 0x1000, .blob_size = 0x300, .address = BASE + 0x6000};
    int r;
    fixture_begin(false);
    fixture_open(&file, &f, sizeof f);
    fixture_sites = &sites, fixture_sites_inode = &file.inode;
    struct mm *mm = mm_create();
    r = elf_load(mm, &file.file, why, sizeof why);
    assert_int_equal(r, 0);
    uint64_t bias = mm->entry - f.h.e_entry;
    assert_int_equal(fixture_prot(bias + sites.address), PROT_READ | PROT_EXEC);
    assert_memory_equal(fixture_at(bias + sites.address), (const uint8_t *)&f + 0x1000, 0x300);
    drop(mm, &file);
}

/* As a dynamic linker does: the whole span first, then the segments into it, and munmap at the end. */
static void test_mmap_of_a_rewritten_library_takes_its_trampolines_along(void **state)
{
    struct fixture_file file;
    struct program f = make(false, false);
    struct image_sites sites = {.blob = 0x1000, .blob_size = 0x300, .address = BASE + 0x5000};
    fixture_begin(false);
    fixture_open(&file, &f, sizeof f);
    fixture_sites = &sites, fixture_sites_inode = &file.inode;
    struct mm *mm = mm_create();
    int64_t at = mm_map(mm, 0, 0x4000, PROT_READ, MAP_PRIVATE, &file.file, 0);
    assert_true(at > 0);
    uint64_t base = (uint64_t)at, calls = base + 0x5000;
    assert_int_equal(fixture_prot(calls), PROT_READ | PROT_EXEC);
    /* Pages that are there already are not copied again: what a test has put there stays. */
    fixture_at(base)[0x800] = 0x42;
    assert_int_equal(mm_map(mm, base, 0x1000, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, &file.file, 0), at);
    assert_int_equal(
        mm_map(mm, base + 0x2000, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, &file.file, 0x1000),
        base + 0x2000);
    assert_int_equal(fixture_prot(base), PROT_READ | PROT_EXEC);
    assert_int_equal(*fixture_at(base + 0x800), 0x42);
    assert_int_equal(*fixture_at(base + 0x2100), 0x90);
    assert_int_equal(fixture_prot(calls), PROT_READ | PROT_EXEC);
    assert_int_equal(mm_unmap(mm, base + 0x2000, 0x2000), 0);
    assert_int_equal(fixture_prot(calls), PROT_READ | PROT_EXEC);
    assert_int_equal(mm_unmap(mm, base, 0x4000), 0);
    assert_int_equal(fixture_prot(calls), -1);
    drop(mm, &file);
}

/* As glibc's does for a library that asks for 2 MiB of alignment: it reserves, maps within, and gives the rest back. */
static void test_mmap_of_a_library_into_reserved_room_takes_its_trampolines_along(void **state)
{
    struct fixture_file file;
    struct program f = make(false, false);
    struct image_sites sites = {.blob = 0x1000, .blob_size = 0x300, .address = BASE + 0x5000};
    const uint64_t align = 2 << 20, room = align + 0x4000;
    fixture_begin(false);
    fixture_open(&file, &f, sizeof f);
    fixture_sites = &sites, fixture_sites_inode = &file.inode;
    struct mm *mm = mm_create();
    int64_t at = mm_map(mm, 0, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
    assert_true(at > 0 && (uint64_t)at + room <= mm->range.text_high);
    uint64_t base = ((uint64_t)at + align - 1) & ~(align - 1), end = base + 0x4000, calls = base + 0x5000;
    int fixed = MAP_PRIVATE | MAP_FIXED;
    assert_int_equal(mm_map(mm, base, 0x4000, PROT_READ | PROT_EXEC, fixed, &file.file, 0), base);
    assert_int_equal(fixture_prot(calls), PROT_READ | PROT_EXEC);
    assert_int_equal(mm_unmap(mm, end, (uint64_t)at + room - end), 0);
    assert_int_equal(fixture_prot(calls), PROT_READ | PROT_EXEC);
    assert_int_equal(fixture_prot(calls + 0x1000), -1);
    assert_int_equal(mm_unmap(mm, base, 0x10000), 0);
    assert_int_equal(fixture_prot(calls), -1);
    drop(mm, &file);
}

/* ---- the stack ---- */

static uint64_t word(uint64_t at)
{
    uint64_t v;
    assert_non_null(fixture_at(at));
    memcpy(&v, fixture_at(at), sizeof v);
    return v;
}

static void test_elf_stack_holds_words_environment_and_vector(void **state)
{
    struct fixture_file file;
    struct program f = make(false, false);
    static const char strings[] = "prog\0one\0\0A=1\0B=";
    int r;
    fixture_begin(false);
    struct mm *mm = load(&file, &f, sizeof f, &r);
    assert_int_equal(r, 0);
    int64_t sp = elf_stack(mm, strings, sizeof strings, 3, 2, "/bin/prog");
    assert_true(sp > 0);
    uint64_t at = (uint64_t)sp;
    assert_int_equal(at % 16, 0);
    assert_int_equal(word(at), 3);
    static const char *const want[] = {"prog", "one", "", NULL, "A=1", "B=", NULL};
    for (unsigned i = 0; i < 7; i++) {
        uint64_t p = word(at + 8 + i * 8);
        if (want[i])
            assert_string_equal((char *)fixture_at(p), want[i]);
        else
            assert_int_equal(p, 0);
    }
    uint64_t v = at + 64, seen = 0;
    for (; word(v) != AT_NULL; v += 16) {
        uint64_t type = word(v), value = word(v + 8);
        seen |= 1ull << type;
        if (type == AT_EXECFN)
            assert_string_equal((char *)fixture_at(value), "/bin/prog");
        if (type == AT_PLATFORM)
            assert_string_equal((char *)fixture_at(value), "x86_64");
        if (type == AT_RANDOM)
            assert_int_equal(word(value), 0x5a5a5a5a5a5a5a5a);
        if (type == AT_PAGESZ)
            assert_int_equal(value, 4096);
    }
    for (unsigned type = AT_PHDR; type <= AT_EGID; type++)
        assert_true(type == AT_NOTELF || (seen & (1ull << type)));
    assert_true(seen & (1ull << AT_SECURE));
    assert_int_equal(fixture_prot(mm->stack_top - 1), PROT_READ | PROT_WRITE);
    assert_int_equal(fixture_prot(mm->stack_bottom - 1), PROT_NONE);
    assert_string_equal(vma_find(mm, at)->label, "[stack]");
    assert_int_equal(mm->env_end - mm->args_start, sizeof strings);
    drop(mm, &file);
}

static void test_elf_stack_with_more_words_than_a_quarter_is_too_big(void **state)
{
    static char strings[200 << 10];
    struct fixture_file file;
    struct program f = make(false, false);
    int r;
    fixture_begin(false);
    struct mm *mm = load(&file, &f, sizeof f, &r);
    current->process->limits[RLIMIT_STACK].rlim_cur = 512 << 10;
    memset(strings, 'x', sizeof strings - 1);
    assert_int_equal(elf_stack(mm, strings, sizeof strings, 1, 0, "/x"), -E2BIG);
    /* Many short ones: the pointers count too. */
    for (size_t i = 1; i < 20000; i += 2)
        strings[i] = 0;
    assert_int_equal(elf_stack(mm, strings, 40000, 20000, 0, "/x"), -E2BIG);
    assert_true(elf_stack(mm, strings, 20000, 10000, 0, "/x") > 0);
    drop(mm, &file);
}

/* ---- files that are refused ---- */

struct change {
    size_t offset, size;
    uint64_t value;
};
#define SET(field, v)                                                                                                  \
    {                                                                                                                  \
        offsetof(struct program, field), sizeof(((struct program *)0)->field), (uint64_t)(v)                           \
    }

/* Each row changes one or two fields of a good file. */
static const struct {
    const char *label, *says;
    int want;
    struct change changes[2];
} refused[] = {
    {"magic", "not an ELF file", -ENOEXEC, {SET(h.e_ident[0], 'X')}},
    {"32 bit", "32-bit", -ENOEXEC, {SET(h.e_ident[EI_CLASS], ELFCLASS32)}},
    {"byte order", "little-endian", -ENOEXEC, {SET(h.e_ident[EI_DATA], ELFDATA2MSB)}},
    {"machine", "machine 183", -ENOEXEC, {SET(h.e_machine, EM_AARCH64)}},
    {"object file", "neither a program", -ENOEXEC, {SET(h.e_type, ET_REL)}},
    {"row size", "32 bytes", -ENOEXEC, {SET(h.e_phentsize, 32)}},
    {"no rows", "0 program headers", -ENOEXEC, {SET(h.e_phnum, 0)}},
    {"too many rows", "65535 program headers", -ENOEXEC, {SET(h.e_phnum, 65535)}},
    {"rows behind the end", "behind the end", -ENOEXEC, {SET(h.e_phoff, sizeof(struct program) - 8)}},
    {"rows wrap", "behind the end", -ENOEXEC, {SET(h.e_phoff, -8)}},
    {"entry in data", "entry point", -ENOEXEC, {SET(h.e_entry, BASE + 0x2200)}},
    {"segment behind the end", "segment 1 lies behind the end", -ENOEXEC, {SET(p[1].p_filesz, 0x301)}},
    {"offset wraps", "segment 1 lies behind the end", -ENOEXEC, {SET(p[1].p_offset, -0xf00)}},
    {"more in the file", "more bytes in the file", -ENOEXEC, {SET(p[1].p_memsz, 0x2ff)}},
    {"address wraps", "segment 1 wraps", -ENOEXEC, {SET(p[1].p_memsz, -0x1000)}},
    {"above the address space", "segment 1 wraps or lies above", -ENOEXEC, {SET(p[1].p_vaddr, 0x7ffffffff100)}},
    {"a kernel's address", "segment 1 wraps or lies above", -ENOEXEC, {SET(p[1].p_vaddr, 0xffffffff80000100)}},
    {"overlapping", "segment 1 overlaps", -ENOEXEC, {SET(p[1].p_vaddr, BASE + 0x100)}},
    {"out of order", "segment 1 overlaps", -ENOEXEC, {SET(p[1].p_vaddr, 0x100)}},
    {"offset and address differ", "within a page", -ENOEXEC, {SET(p[1].p_vaddr, BASE + 0x2108)}},
    {"alignment no power", "alignment", -ENOEXEC, {SET(p[1].p_align, 0x3000)}},
    {"alignment too big", "alignment", -ENOEXEC, {SET(p[1].p_align, 1ull << 31)}},
    {"writable and executable", "both writable and executable", -EACCES, {SET(p[0].p_flags, PF_R | PF_W | PF_X)}},
    {"no segment", "no segment", -ENOEXEC, {SET(p[0].p_type, PT_NOTE), SET(p[1].p_type, PT_NOTE)}},
    {"bigger than the room", "no room", -ENOMEM, {SET(p[1].p_memsz, 0x7f0000000000)}},
    {"interpreter without a name",
     "interpreter's name",
     -ENOEXEC,
     {SET(p[2].p_type, PT_INTERP), SET(p[2].p_filesz, 1)}},
    {"interpreter's name too long",
     "interpreter's name",
     -ENOEXEC,
     {SET(p[2].p_type, PT_INTERP), SET(p[2].p_filesz, 257)}},
    {"interpreter's name behind the end",
     "interpreter's name",
     -ENOEXEC,
     {SET(p[2].p_type, PT_INTERP), SET(p[2].p_offset, sizeof(struct program) - 5)}},
    {"interpreter's name without end", "does not end", -ENOEXEC, {SET(p[2].p_type, PT_INTERP), SET(p[2].p_filesz, 10)}},
    {"interpreter that is not there", "/lib/ld.so cannot be opened", -ENOENT, {SET(p[2].p_type, PT_INTERP)}},
    {"two interpreters", "two interpreters", -ENOEXEC, {SET(p[2].p_type, PT_INTERP), SET(p[3].p_type, PT_INTERP)}},
};

static void test_elf_damaged_files_are_refused_by_name_and_leave_nothing(void **state)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct fixture_file file;
        int r;
        struct program bad = make(false, false);
        for (size_t k = 0; k < 2; k++)
            memcpy((uint8_t *)&bad + refused[i].changes[k].offset, &refused[i].changes[k].value,
                   refused[i].changes[k].size);
        fixture_begin(true);
        struct mm *mm = load(&file, &bad, sizeof bad, &r);
        if (r != refused[i].want || !strstr(why, refused[i].says))
            fail_msg("%s: expected %d \"%s\", got %d \"%s\"", refused[i].label, refused[i].want, refused[i].says, r,
                     why);
        drop(mm, &file);
        assert_int_equal(fixture_mapped(), 0);
    }
}

static void test_elf_every_truncation_is_refused_or_loads_within_the_file(void **state)
{
    struct program f = make(false, false);
    for (size_t n = 0; n < sizeof f; n += n < 0x200 ? 1 : 61) {
        struct fixture_file file;
        int r;
        fixture_begin(true);
        struct mm *mm = load(&file, &f, n, &r);
        assert_int_equal(r, -ENOEXEC);
        assert_true(why[0] != 0);
        drop(mm, &file);
    }
}

static void test_elf_interpreters_that_cannot_be_are_refused(void **state)
{
    struct program f = make(false, true), dynamic = make(false, true), damaged = make(false, false);
    struct fixture_file file, linker;
    int r;
    damaged.h.e_machine = EM_AARCH64;
    fixture_begin(true);
    fixture_open(&linker, &dynamic, sizeof dynamic);
    fixture_interp = &linker;
    struct mm *mm = load(&file, &f, sizeof f, &r);
    assert_int_equal(r, -ELIBBAD);
    assert_non_null(strstr(why, "itself dynamic"));
    drop(mm, &file);
    fixture_open(&linker, &damaged, sizeof damaged);
    mm = load(&file, &f, sizeof f, &r);
    assert_int_equal(r, -ELIBBAD);
    drop(mm, &file);
    linker.inode.mode = S_IFDIR | 0755;
    mm = load(&file, &f, sizeof f, &r);
    assert_int_equal(r, -EACCES);
    drop(mm, &file);
    assert_int_equal(fixture_mapped(), 0);
}

static void test_elf_fixed_program_outside_the_ranges_is_refused(void **state)
{
    struct fixture_file file;
    struct program f = make(true, false);
    int r;
    f.p[0].p_vaddr = 0x80000000, f.p[1].p_vaddr = 0x80002100, f.h.e_entry = 0x80000400;
    fixture_begin(true);
    struct mm *mm = load(&file, &f, sizeof f, &r);
    assert_int_equal(r, -ENOMEM);
    assert_non_null(strstr(why, "0x80000000"));
    drop(mm, &file);
    /* In the data range there is nothing executable. */
    f.p[0].p_vaddr = FIXTURE_DATA_LOW, f.p[1].p_vaddr = FIXTURE_DATA_LOW + 0x2100,
    f.h.e_entry = FIXTURE_DATA_LOW + 0x400;
    mm = load(&file, &f, sizeof f, &r);
    assert_int_equal(r, -EACCES);
    drop(mm, &file);
    assert_int_equal(fixture_mapped(), 0);
}

static void test_elf_file_that_is_open_for_writing_is_busy(void **state)
{
    struct fixture_file file;
    struct program f = make(false, false);
    fixture_begin(true);
    fixture_open(&file, &f, sizeof f);
    file.inode.writers = 1;
    struct mm *mm = mm_create();
    assert_int_equal(elf_load(mm, &file.file, why, sizeof why), -ETXTBSY);
    drop(mm, &file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elf_position_independent_program_is_mapped_with_its_protection),
        cmocka_unit_test(test_elf_file_tail_of_a_data_segment_is_zeroed),
        cmocka_unit_test(test_elf_fixed_program_stands_at_its_own_addresses),
        cmocka_unit_test(test_elf_program_in_the_way_of_its_successor_is_told_apart),
        cmocka_unit_test(test_elf_programs_in_one_space_stand_apart),
        cmocka_unit_test(test_elf_interpreter_is_loaded_and_begins),
        cmocka_unit_test(test_elf_trampolines_of_a_rewritten_file_are_mapped_with_it),
        cmocka_unit_test(test_mmap_of_a_rewritten_library_takes_its_trampolines_along),
        cmocka_unit_test(test_mmap_of_a_library_into_reserved_room_takes_its_trampolines_along),
        cmocka_unit_test(test_elf_stack_holds_words_environment_and_vector),
        cmocka_unit_test(test_elf_stack_with_more_words_than_a_quarter_is_too_big),
        cmocka_unit_test(test_elf_damaged_files_are_refused_by_name_and_leave_nothing),
        cmocka_unit_test(test_elf_every_truncation_is_refused_or_loads_within_the_file),
        cmocka_unit_test(test_elf_interpreters_that_cannot_be_are_refused),
        cmocka_unit_test(test_elf_fixed_program_outside_the_ranges_is_refused),
        cmocka_unit_test(test_elf_file_that_is_open_for_writing_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
