/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels into memory: PVH and multiboot images that are made here, what the entry finds, and files that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "unit/machine_fixture.h"

#define MIB UINT64_C(1048576)

static struct fixture *f;

static int make(void **state)
{
    f = fixture_make(MACHINE_MICRO, 16 * MIB, "moat64");
    return 0;
}
static int drop(void **state)
{
    fixture_free(f);
    return 0;
}

static uint32_t at32(gpa_t gpa)
{
    uint32_t v;
    assert_int_equal(gmem_read32(&f->machine.memory, gpa, &v), 0);
    return v;
}
static uint64_t at64(gpa_t gpa)
{
    uint64_t v;
    assert_int_equal(gmem_read64(&f->machine.memory, gpa, &v), 0);
    return v;
}

/* An ELF file of one segment and the note: 64 bytes of text at 2 MiB, and a page of nothing behind it. */
struct kernel {
    Elf64_Ehdr head;
    Elf64_Phdr programs[2];
    Elf64_Nhdr note;
    char name[4];
    uint32_t entry;
    uint8_t text[64];
};

static struct kernel pvh_kernel(void)
{
    struct kernel k = {.head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
                                .e_machine = EM_X86_64,
                                .e_entry = 0x1234,
                                .e_phoff = offsetof(struct kernel, programs),
                                .e_phentsize = sizeof(Elf64_Phdr),
                                .e_phnum = 2},
                       .note = {.n_namesz = 4, .n_descsz = 4, .n_type = 18},
                       .name = "Xen",
                       .entry = 0x200010};
    k.programs[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                                 .p_offset = offsetof(struct kernel, text),
                                 .p_paddr = 0x200000,
                                 .p_vaddr = 0xffffffff81000000,
                                 .p_filesz = 64,
                                 .p_memsz = 64 + 4096};
    k.programs[1] = (Elf64_Phdr){.p_type = PT_NOTE,
                                 .p_offset = offsetof(struct kernel, note),
                                 .p_filesz = sizeof(k.note) + 8,
                                 .p_memsz = sizeof(k.note) + 8};
    memset(k.text, 0x90, sizeof(k.text));
    return k;
}

static int load(const void *bytes, uint64_t n, const char *append, const struct boot_file *initrds, unsigned n_initrds,
                const char **why)
{
    struct fixture_file file = {bytes, n};
    struct boot_setup setup = {
        .kernel = fixture_file(&file), .append = append, .initrds = initrds, .n_initrds = n_initrds};
    *why = "no reason was given";
    return boot_load(&f->machine, &setup, why);
}

static void test_pvh_kernel_is_entered_as_it_wants(void **state)
{
    struct kernel k = pvh_kernel();
    struct fixture_file one = {(const uint8_t *)"12345", 5}, two = {(const uint8_t *)"abc", 3};
    const struct boot_file initrds[] = {fixture_file(&one), fixture_file(&two)};
    const struct vcpu_state *s = &f->state;
    char text[16];
    const char *why;
    memset(f->memory + 0x200000, 0xee, 8192);
    assert_int_equal(load(&k, sizeof(k), "a=1 b", initrds, 2, &why), 0);
    assert_int_equal(s->rip, 0x200010);
    assert_int_equal(s->cr0, 0x11);
    assert_int_equal(s->rflags, 2);
    assert_int_equal(s->segments[SEG_CS].attributes, 0xc09b);
    assert_int_equal(s->segments[SEG_DS].attributes, 0xc093);
    assert_int_equal(s->tr.limit, 0x67);
    assert_int_equal(f->memory[0x200000], 0x90);
    assert_int_equal(f->memory[0x200000 + 64], 0);
    assert_int_equal(f->memory[0x200000 + 64 + 4095], 0);
    assert_int_equal(f->memory[0x200000 + 64 + 4096], 0xee);

    gpa_t info = s->gpr[GPR_BX];
    assert_int_equal(at32(info), 0x336ec578);
    assert_int_equal(at32(info + 4), 1);
    assert_int_equal(at32(info + 12), 1);
    assert_int_equal(gmem_read(&f->machine.memory, at64(info + 24), text, 6), 0);
    assert_string_equal(text, "a=1 b");
    assert_memory_equal(f->memory + at64(info + 32), "RSD PTR ", 8);
    assert_int_equal(at32(info + 48), 4);
    assert_int_equal(at64(at64(info + 40) + 3 * 24), 0x100000);
    gpa_t module = at64(at64(info + 16));
    assert_int_equal(at64(at64(info + 16) + 8), 11); /* each begins at four bytes */
    assert_memory_equal(f->memory + module, "12345\0\0\0abc", 11);
}

static uint8_t sum(gpa_t gpa, uint32_t n)
{
    uint8_t s = 0;
    for (uint32_t i = 0; i < n; i++)
        s = (uint8_t)(s + f->memory[gpa + i]);
    return s;
}

static uint64_t nothing_read(void *device, uint64_t offset, unsigned size)
{
    return 0;
}
static void nothing_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
}

static void test_acpi_tables_are_whole_and_name_the_devices(void **state)
{
    struct kernel k = pvh_kernel();
    static const struct device_ops ops = {.name = "test"};
    struct irq_line irq;
    const char *why;
    unsigned names = 0;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(machine_add_virtio(&f->machine, f, nothing_read, nothing_write, &ops, &irq), 0);
    assert_int_equal(irq.number, 18);
    assert_int_equal(load(&k, sizeof(k), NULL, NULL, 0, &why), 0);
    assert_int_equal(sum(BOOT_ACPI, 20), 0);
    assert_int_equal(sum(BOOT_ACPI, 36), 0);
    gpa_t xsdt = at64(BOOT_ACPI + 24), fadt = at64(xsdt + 36), madt = at64(xsdt + 44), dsdt = at64(fadt + 140);
    const gpa_t tables[] = {xsdt, fadt, madt, dsdt};
    const char *signatures[] = {"XSDT", "FACP", "APIC", "DSDT"};
    for (unsigned i = 0; i < 4; i++) {
        assert_memory_equal(f->memory + tables[i], signatures[i], 4);
        assert_int_equal(sum(tables[i], at32(tables[i] + 4)), 0);
    }
    assert_memory_equal(f->memory + at64(fadt + 132), "FACS", 4);
    assert_int_equal(at32(fadt + 76), 0x608);
    for (gpa_t at = dsdt; at < dsdt + at32(dsdt + 4); at++)
        names += memcmp(f->memory + at, "LNRO0005", 9) == 0;
    assert_int_equal(names, 3);
}

/* ---- Multiboot --------------------------------------------------------------------------------------------------- */

struct flat {
    uint8_t before[16];
    uint32_t magic, flags, checksum, header, load, load_end, bss_end, entry;
    uint8_t text[32];
};

static struct flat flat_kernel(void)
{
    struct flat k = {.magic = 0x1badb002,
                     .flags = 1 << 16,
                     .header = 0x100010,
                     .load = 0x100000,
                     .load_end = 0,
                     .bss_end = 0x102000,
                     .entry = 0x100030};
    k.checksum = 0u - k.magic - k.flags;
    memset(k.text, 0xcc, sizeof(k.text));
    return k;
}

static void test_multiboot_flat_image_is_entered_as_it_wants(void **state)
{
    struct flat k = flat_kernel();
    struct fixture_file one = {(const uint8_t *)"module", 6};
    const struct boot_file initrds[] = {fixture_file(&one)};
    char text[16];
    const char *why;
    memset(f->memory + 0x100000, 0xee, 0x3000);
    assert_int_equal(load(&k, sizeof(k), "x y", initrds, 1, &why), 0);
    assert_int_equal(f->state.rip, 0x100030);
    assert_int_equal(f->state.gpr[GPR_AX], 0x2badb002);
    assert_memory_equal(f->memory + 0x100000, &k, sizeof(k));
    assert_int_equal(f->memory[0x101fff], 0);
    assert_int_equal(f->memory[0x102000], 0xee);
    gpa_t info = f->state.gpr[GPR_BX];
    assert_int_equal(at32(info) & 0x4d, 0x4d);
    assert_int_equal(at32(info + 8), 15 * 1024);
    assert_int_equal(gmem_read(&f->machine.memory, at32(info + 16), text, 11), 0);
    assert_string_equal(text, "kernel x y");
    assert_int_equal(at32(info + 20), 1);
    gpa_t module = at32(info + 24);
    assert_int_equal(at32(module + 4) - at32(module), 6);
    assert_memory_equal(f->memory + at32(module), "module", 6);
    assert_int_equal(at32(info + 44), 4 * 24);
    assert_int_equal(at64(at32(info + 48) + 3 * 24 + 4), 0x100000);
}

static void test_multiboot_record_gives_way_to_an_image_that_lies_there(void **state)
{
    struct flat k = flat_kernel();
    const char *why;
    k.header = 0x8f010;
    k.load = 0x8f000;
    k.bss_end = 0x98000;
    k.entry = 0x8f030;
    assert_int_equal(load(&k, sizeof(k), "x", NULL, 0, &why), 0);
    assert_in_range(f->state.gpr[GPR_BX], 0x98000, 0xa7000);
}

/* ---- Files that lie ---------------------------------------------------------------------------------------------- */

static void expect_refusal(const char *label, const void *bytes, uint64_t n, int error, const char *part)
{
    const char *why;
    print_message("# %s\n", label);
    f->state.rip = 0x77;
    assert_int_equal(load(bytes, n, "x", NULL, 0, &why), error);
    if (strstr(why, part) == NULL)
        fail_msg("%s: the reason is \"%s\", without \"%s\"", label, why, part);
    assert_int_equal(f->state.rip, 0x77); /* the processor was left alone */
}

static void test_boot_refuses_elf_files_that_lie(void **state)
{
    const struct kernel good = pvh_kernel();
    struct kernel k = good;
    expect_refusal("nothing", "", 0, -ENOEXEC, "not a kernel");
    expect_refusal("text", "#!/bin/sh\nexec true\n", 20, -ENOEXEC, "not a kernel");
    expect_refusal("a head without a body", &k, sizeof(k.head), -ENOEXEC, "not a kernel");
    k.note.n_type = 17;
    expect_refusal("no entry", &k, sizeof(k), -ENOEXEC, "not a kernel");
    k = good;
    k.programs[0].p_filesz = 4096;
    expect_refusal("a segment longer than the file", &k, sizeof(k), -ENOEXEC, "behind its end");
    k = good;
    k.programs[0].p_offset = UINT64_MAX - 8;
    expect_refusal("a segment at the end of all numbers", &k, sizeof(k), -ENOEXEC, "behind its end");
    k = good;
    k.programs[0].p_memsz = 32;
    expect_refusal("more in the file than in memory", &k, sizeof(k), -ENOEXEC, "longer in the file");
    k = good;
    k.programs[0].p_paddr = 16 * MIB - 64;
    expect_refusal("not enough memory", &k, sizeof(k), -ENOMEM, "memory");
    k = good;
    k.programs[0].p_memsz = UINT64_MAX;
    expect_refusal("a segment of all memory there is", &k, sizeof(k), -ENOMEM, "memory");
    k = good;
    k.programs[0].p_paddr = 0x1000;
    expect_refusal("where our own records lie", &k, sizeof(k), -ENOEXEC, "below 1 MiB");
    k = good;
    k.programs[0].p_type = PT_NULL;
    expect_refusal("nothing to load", &k, sizeof(k), -ENOEXEC, "nothing to load");
    k = good;
    k.head.e_phnum = 65;
    expect_refusal("too many headers", &k, sizeof(k), -ENOEXEC, "not a kernel");
    k = good;
    k.note.n_namesz = UINT32_MAX;
    expect_refusal("a note without end", &k, sizeof(k), -ENOEXEC, "not a kernel");
}

static void test_boot_refuses_multiboot_headers_that_lie(void **state)
{
    const struct flat good = flat_kernel();
    struct flat k = good;
    k.checksum++;
    expect_refusal("a sum that is not 0", &k, sizeof(k), -ENOEXEC, "not a kernel");
    k = good;
    k.header = k.load - 1;
    expect_refusal("a header before the image", &k, sizeof(k), -ENOEXEC, "make no sense");
    k = good;
    k.load = 0xff000;
    expect_refusal("a header that lies further in than it does", &k, sizeof(k), -ENOEXEC, "make no sense");
    k = good;
    k.load_end = 0x200000;
    expect_refusal("longer than the file", &k, sizeof(k), -ENOEXEC, "make no sense");
    k = good;
    k.bss_end = 0xfffff000;
    expect_refusal("more than memory", &k, sizeof(k), -ENOMEM, "memory");
    k = good;
    k.flags |= 0x10;
    k.checksum = 0u - k.magic - k.flags;
    expect_refusal("features that nobody knows", &k, sizeof(k), -ENOEXEC, "wants what");
    expect_refusal("addresses cut off", &good, 16 + 12, -ENOEXEC, "not a kernel");
}

static int read_nothing(void *owner, uint64_t offset, void *to, uint64_t n)
{
    return -EIO;
}

static void test_boot_initrd_that_is_too_large_or_broken_is_refused(void **state)
{
    struct kernel k = pvh_kernel();
    const struct boot_file large = {NULL, 14 * MIB, read_nothing}, huge = {NULL, UINT64_MAX, read_nothing},
                           broken = {NULL, 4096, read_nothing};
    const char *why;
    assert_int_equal(load(&k, sizeof(k), "", &large, 1, &why), -ENOMEM);
    assert_non_null(strstr(why, "initrd"));
    assert_int_equal(load(&k, sizeof(k), "", &huge, 1, &why), -EFBIG);
    assert_int_equal(load(&k, sizeof(k), "", &broken, 1, &why), -EIO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        TEST(test_pvh_kernel_is_entered_as_it_wants),
        TEST(test_acpi_tables_are_whole_and_name_the_devices),
        TEST(test_multiboot_flat_image_is_entered_as_it_wants),
        TEST(test_multiboot_record_gives_way_to_an_image_that_lies_there),
        TEST(test_boot_refuses_elf_files_that_lie),
        TEST(test_boot_refuses_multiboot_headers_that_lie),
        TEST(test_boot_initrd_that_is_too_large_or_broken_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
