/* SPDX-License-Identifier: Apache-2.0 */
/* The first program where the platform has mapped its segments already: stack, heap and registers are what is left. */
#include "linux/core/boot.h"
#include "linux/core/sched.h"
#include "linux/mm/load.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <string.h>

static size_t words_size(const char *const *words, uint32_t *n)
{
    size_t size = 0;
    for (*n = 0; words && words[*n]; ++*n)
        size += strlen(words[*n]) + 1;
    return size;
}

static char *words_copy(char *to, const char *const *words)
{
    for (; words && *words; words++) {
        size_t n = strlen(*words) + 1;
        memcpy(to, *words, n);
        to += n;
    }
    return to;
}

/* The strings of argv and envp as elf_stack() takes them; the stack pointer or -errno. */
static int64_t stack_make(struct mm *mm, const struct linux_config *c, const char *path)
{
    uint32_t argc, envc;
    size_t n = words_size(c->argv, &argc);
    n += words_size(c->envp, &envc);
    char *strings = heap_alloc(n);
    if (!strings)
        return -ENOMEM;
    words_copy(words_copy(strings, c->argv), c->envp);
    int64_t sp = elf_stack(mm, strings, n, argc, envc, path);
    heap_release(strings, n);
    return sp;
}

/* Only with sys_brk. */
extern __typeof__(heap_place) heap_place __attribute__((weak));

int boot_ready(const struct linux_config *c)
{
    const struct linux_ready *r = c->ready;
    struct task *t = current;
    struct mm *mm = mm_create();
    if (!mm)
        return -ENOMEM;
    auxv_make(mm, &(struct loaded){.headers = r->headers, .n_headers = r->n_headers, .entry = r->entry, .end = r->end});
    mm->entry = r->entry;
    int64_t sp = heap_place ? heap_place(mm, r->end) : 0;
    if (!sp)
        sp = stack_make(mm, c, c->program ? c->program : c->argv[0]);
    if (sp < 0) {
        mm_put(mm);
        return (int)sp;
    }
    t->mm = mm;
    t->process->execed = t->process->dumpable = true;
    t->regs = (struct regs){.rip = r->entry, .rsp = (uint64_t)sp, .rflags = 0x202};
    return platform.task.xstate_set(t, NULL, 0);
}
