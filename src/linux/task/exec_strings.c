/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strings of execve(2) are copied once, out of the old program's memory into one block of the kernel's that grows
 * as needed; #! lines are cut into words here. All of it is the program's: sizes and counts have bounds of ours.
 */
#include "linux/task/exec_strings.h"

#include "linux/core/uaccess.h"

#include <asm/errno.h>

#include <string.h>

#define STRING_MOST  131072ul    /* MAX_ARG_STRLEN */
#define STRINGS_MOST (2ul << 20) /* ARG_MAX at the usual limit of the stack */
#define STRINGS_LESS (128ul << 10)

/* ---- #! lines ---------------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void script_put_in_front(struct exec_script *s, const char *interpreter, const char *argument)
{
    uint32_t n = argument ? 2 : 1;
    memmove(s->words + n, s->words, s->n_words * sizeof(s->words[0]));
    s->words[0] = interpreter;
    if (argument)
        s->words[1] = argument;
    s->n_words += n;
}

int exec_script_line(struct exec_script *s, const char *head, size_t n, const char **interpreter)
{
    if (n < 2 || head[0] != '#' || head[1] != '!')
        return 0;
    if (s->n_lines > SCRIPT_DEPTH)
        return -ELOOP;
    char *line = s->lines[s->n_lines++];
    const char *end = memchr(head, '\n', n);
    size_t length = (end ? (size_t)(end - head) : n) - 2;
    memcpy(line, head + 2, length);
    while (length && is_blank(line[length - 1]))
        length--;
    line[length] = '\0';

    char *word = line;
    while (is_blank(*word))
        word++;
    if (!*word)
        return -ENOEXEC;
    char *rest = word;
    while (*rest && !is_blank(*rest))
        rest++;
    /* Cut off at the end of what we look at: the name of the interpreter may be incomplete. */
    if (!*rest && !end && n >= SCRIPT_LINE)
        return -ENOEXEC;
    if (*rest)
        *rest++ = '\0';
    while (is_blank(*rest))
        rest++;
    script_put_in_front(s, word, *rest ? rest : NULL);
    *interpreter = word;
    return 1;
}

/* ---- the block --------------------------------------------------------------------------------------------------- */

static int block_grow(struct exec_block *b, size_t most)
{
    size_t pages = b->pages ? 2 * b->pages : 4;
    if (b->pages * PAGE_SIZE >= most)
        return -E2BIG;
    if (pages * PAGE_SIZE > most)
        pages = (most + PAGE_SIZE - 1) / PAGE_SIZE;
    char *bytes = heap_pages(pages);
    if (!bytes)
        return -ENOMEM;
    if (b->pages) {
        memcpy(bytes, b->bytes, b->used);
        heap_pages_free(b->bytes, b->pages);
    }
    b->bytes = bytes, b->pages = pages;
    return 0;
}

static size_t block_room(const struct exec_block *b)
{
    return b->pages * PAGE_SIZE - b->used;
}

static int block_put(struct exec_block *b, const char *s, size_t most)
{
    size_t n = strlen(s) + 1;
    while (block_room(b) < n) {
        int r = block_grow(b, most);
        if (r)
            return r;
    }
    memcpy(b->bytes + b->used, s, n);
    b->used += n;
    return 0;
}

static int block_put_user(struct exec_block *b, struct uptr from, size_t most)
{
    for (;;) {
        size_t room = block_room(b) < STRING_MOST ? block_room(b) : STRING_MOST;
        int64_t n = room ? copy_string_in(b->bytes + b->used, from, room) : -ENAMETOOLONG;
        if (n >= 0) {
            b->used += (size_t)n + 1;
            return 0;
        }
        if (n != -ENAMETOOLONG)
            return (int)n;
        if (room == STRING_MOST)
            return -E2BIG;
        int r = block_grow(b, most);
        if (r)
            return r;
    }
}

/* The strings of one vector from number `from` on. A NULL vector is an empty one. */
static int block_put_vector(struct exec_block *b, struct exec_strings v, uint32_t from, uint32_t *count, size_t most)
{
    int r = 0;
    for (uint32_t i = from; !r && v.kernel && v.kernel[i]; i++, (*count)++)
        r = block_put(b, v.kernel[i], most);
    if (v.kernel || !v.user.v)
        return r;
    /* Each takes a byte at least, so the block's limit ends the loop. */
    for (uint64_t i = from; !r; i++, (*count)++) {
        struct uptr string;
        if (get_user(string.v, uptr_add(v.user, 8 * i)))
            return -EFAULT;
        if (!string.v)
            break;
        r = block_put_user(b, string, most);
    }
    return r;
}

static bool vector_is_empty(struct exec_strings v)
{
    uint64_t first;
    if (v.kernel)
        return !v.kernel[0];
    return !v.user.v || (!get_user(first, v.user) && !first);
}

static size_t strings_most(uint64_t stack_limit)
{
    uint64_t most = stack_limit / 4;
    if (most > STRINGS_MOST)
        most = STRINGS_MOST;
    return most < STRINGS_LESS ? STRINGS_LESS : (size_t)most;
}

int exec_block_fill(struct exec_block *b, const struct exec_script *s, struct exec_strings argv,
                    struct exec_strings envp, uint64_t stack_limit)
{
    size_t most = strings_most(stack_limit);
    bool empty = vector_is_empty(argv);
    int r = 0;
    for (uint32_t i = 0; !r && i < s->n_words; i++, b->argc++)
        r = block_put(b, s->words[i], most);
    if (!r && s->n_words) {
        r = block_put(b, s->path, most);
        b->argc++;
    }
    /* A script's own argv[0] is not seen by its interpreter. Without any, Linux gives an empty one. */
    if (!r && !empty)
        r = block_put_vector(b, argv, s->n_words ? 1 : 0, &b->argc, most);
    if (!r && !b->argc) {
        r = block_put(b, "", most);
        b->argc = 1;
    }
    if (!r)
        r = block_put_vector(b, envp, 0, &b->envc, most);
    return r;
}

void exec_block_free(struct exec_block *b)
{
    if (b->pages)
        heap_pages_free(b->bytes, b->pages);
    *b = (struct exec_block){0};
}
