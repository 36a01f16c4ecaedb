/* SPDX-License-Identifier: Apache-2.0 */
/* Boots images and walks them (linux_images.h). */
#include "linux_images.h"

#include "../unit/linux_harness.h"
#include "linux/core/modes.h"
#include "linux/fs/imgfs_format.h"

#include <asm/fcntl.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/elf-em.h>
#include <linux/fcntl.h>
#include <string.h>

extern void abort(void) __attribute__((noreturn));
extern void *aligned_alloc(size_t, size_t);
extern void free(void *);

#define DEPTH_MAX 12
#define NAMES_MAX 1500 /* of one walk: directories may be shared, so a small image may be a large tree */
#define LIST      1024
#define PIECE     8192

static struct walk {
    uint8_t flags;
    uint32_t left;
    char *bytes; /* PIECE of user memory */
    char *lists; /* DEPTH_MAX lists of LIST */
    char *name;  /* a path of user memory */
    struct stat *st;
} w;

/* Not inlined, since a system call may return twice (vfork). */
__attribute__((noinline)) static int64_t call_(int64_t nr, const uint64_t v[6])
{
    int64_t r = guest_call(nr, v[0], v[1], v[2], v[3], v[4], v[5]);
    if (r < -4095 || (r <= -512 && r >= -530)) /* no error, or a restart number */
        abort();
    return r;
}
#define call(nr, ...) call_((nr), (const uint64_t[6]){__VA_ARGS__})
#define AT(pointer)   ((uint64_t)(uintptr_t)(pointer))

static void read_file(uint64_t size)
{
    int64_t fd = call(__NR_open, AT(w.name), O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0), r;
    if (fd < 0)
        return;
    for (int i = 0; i < 16 && (r = call(__NR_read, (uint64_t)fd, AT(w.bytes), PIECE)) > 0; i++)
        continue;
    call(__NR_pread64, (uint64_t)fd, AT(w.bytes), PIECE, size > 100 ? size - 100 : 0);
    r = call(__NR_mmap, 0, 4096, 1, 2, (uint64_t)fd, 0); /* PROT_READ, MAP_PRIVATE */
    if (r > 0)
        call(__NR_munmap, (uint64_t)r, 4096);
    call(__NR_close, (uint64_t)fd);
}

static void look(void)
{
    if (call(__NR_lstat, AT(w.name), AT(w.st)) < 0)
        return;
    struct stat st = *w.st;
    if (S_ISREG(st.st_mode))
        read_file((uint64_t)st.st_size);
    if (S_ISLNK(st.st_mode)) {
        call(__NR_readlink, AT(w.name), AT(w.bytes), PIECE);
        call(__NR_stat, AT(w.name), AT(w.st));
    }
    call(__NR_access, AT(w.name), 7);
}

/* By what is left: which of the names are changed, and how. */
static void change(size_t length)
{
    int64_t fd;
    switch (w.left % 7) {
    case 0:
        call(__NR_unlink, AT(w.name));
        break;
    case 1:
        call(__NR_rmdir, AT(w.name));
        break;
    case 2:
        fd = call(__NR_open, AT(w.name), O_RDWR | O_CREAT | O_NONBLOCK, 0644);
        if (fd >= 0) {
            call(__NR_pwrite64, (uint64_t)fd, AT(w.bytes), 100, w.left * 37);
            call(__NR_close, (uint64_t)fd);
        }
        break;
    case 3:
        memcpy(w.bytes, w.name, length + 1);
        memcpy(w.bytes + length, "~", 2);
        call(__NR_rename, AT(w.name), AT(w.bytes));
        break;
    case 4:
        memcpy(w.bytes, w.name, length + 1);
        memcpy(w.bytes + length, "+", 2);
        call(__NR_link, AT(w.name), AT(w.bytes));
        call(__NR_truncate, AT(w.name), w.left);
        break;
    default:
        break;
    }
}

struct record {
    uint64_t ino;
    int64_t next;
    uint16_t length;
    uint8_t type;
    char name[];
};

static void walk_directory(size_t length, int depth);

static void visit(const char *name, size_t length, int depth, bool changes)
{
    size_t n = strlen(name);
    if (length + n + 3 > 4000 || !w.left)
        return;
    w.left--;
    w.name[length] = '/';
    memcpy(w.name + length + 1, name, n + 1);
    look();
    bool directory = S_ISDIR(w.st->st_mode);
    if (directory && depth + 1 < DEPTH_MAX && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        walk_directory(length + 1 + n, depth + 1);
    if (changes)
        change(length + 1 + n);
    w.name[length] = 0;
}

static void walk_directory(size_t length, int depth)
{
    char *list = w.lists + (size_t)depth * LIST;
    bool changes = w.flags & IMAGES_CHANGE;
    w.name[length] = 0;
    int64_t fd = call(__NR_open, length ? AT(w.name) : AT(user_string("/")), O_RDONLY | O_DIRECTORY, 0), n;
    if (fd < 0)
        return;
    while (w.left && (n = call(__NR_getdents64, (uint64_t)fd, AT(list), LIST)) > 0)
        for (int64_t at = 0; at < n;) {
            const struct record *r = (const void *)(list + at);
            if (!r->length || at + r->length > n || strlen(r->name) >= r->length)
                abort();
            if (length || (strcmp(r->name, "proc") != 0 && strcmp(r->name, "sys") != 0 && strcmp(r->name, "dev") != 0))
                visit(r->name, length, depth, changes);
            at += r->length;
        }
    call(__NR_close, (uint64_t)fd);
}

static void guest_walks(void)
{
    w.bytes = user_alloc(PIECE);
    w.lists = user_alloc(DEPTH_MAX * LIST);
    w.name = user_alloc(4096);
    w.st = user_alloc(sizeof(*w.st));
    w.left = NAMES_MAX;
    walk_directory(0, 0);
    if (!(w.flags & IMAGES_CHANGE))
        return;
    w.flags &= (uint8_t)~IMAGES_CHANGE;
    w.left = NAMES_MAX;
    walk_directory(0, 0);
}

static void make_header(uint8_t *image, size_t size)
{
    struct image_header h;
    memcpy(&h, image, sizeof(h));
    memcpy(h.magic, IMAGE_MAGIC, sizeof(h.magic));
    h.version = IMAGE_VERSION, h.machine = EM_X86_64, h.size = size, h.n_sections = IMAGE_SECTIONS;
    memcpy(image, &h, sizeof(h));
}

int linux_images_run(const uint8_t *input, size_t n)
{
    if (!n)
        return 0;
    uint8_t flags = *input++;
    size_t size = n - 1, room = (size + 4095) / 4096 * 4096, times = flags & IMAGES_TWICE ? 2 : 1;
    if (flags & (IMAGES_HEADER | IMAGES_TWICE))
        size = room = room ? room : 4096;
    uint8_t *image = aligned_alloc(4096, times * room + 4096);
    if (!image)
        abort();
    memset(image, 0, times * room + 4096);
    memcpy(image, input, n - 1);
    if (flags & IMAGES_HEADER)
        make_header(image, size);
    if (times == 2)
        memcpy(image + room, image, room);
    w = (struct walk){.flags = flags};
    const struct harness h = {
        .image = image, .image_size = times == 2 ? 2 * room : size, .arena = 16u << 20, .memory = 16u << 20};
    int r = harness_run(&h, guest_walks);
    free(image);
    if (r != 0 && (r != HARNESS_NO_BOOT || !*harness_why()))
        abort();
    return r == 0;
}
