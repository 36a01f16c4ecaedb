/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal frames on the guest's stack, as Linux's x86-64 lays them (arch/x86/include/uapi/asm/ucontext.h, sigcontext.h):
 *
 *     the interrupted stack, its red zone of 128 bytes | XSAVE image, on 64 bytes | magic number
 *     siginfo | ucontext | address of the restorer        <- rsp of the handler, 8 below a multiple of 16
 *
 * Everything in a frame belongs to the program, which may have changed it or made it up when it comes back by
 * rt_sigreturn: it is copied once, and what could do harm (flags, mask, extended state, a wild rip) is made harmless or
 * answered by SIGSEGV.
 *
 * The mark. A call that was interrupted and is to be made again shows up in the frame as on Linux: rip at the `syscall`
 * instruction and rax its number (a C library's cancellation looks at that). The words that sigcontext keeps in reserve
 * say that it is so; a program that returns with both as they were has the call made again by the kernel, without going
 * through the instruction, which a rewriter may have touched. It is a hint: a forged one makes a call that the program
 * could make anyway.
 */
#include "linux/task/internal.h"

#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <linux/signal.h>

#include <string.h>

#define RED_ZONE        128u
#define FLAGS_USER      0x40dd5ull /* AC OF DF TF SF ZF AF PF CF: what sigreturn may set */
#define FLAGS_FIXED     0x202ull   /* IF, and the bit that is always 1 */
#define FLAGS_OF_SIGNAL 0x10500ull /* RF DF TF: clear in a handler */
#define USER_CS         0x33
#define USER_SS         0x2b
#define SYSCALL_LENGTH  2u
#define RESTART_MARK    0x6b72616d6c6c6163ull /* "callmark" */
#define FXSAVE_SIZE     512u
#define XSTATE_LEAST    (FXSAVE_SIZE + 64u) /* with the XSAVE header */
#define XFEATURES_FXSR  3u                  /* x87 and SSE */
#define SW_RESERVED     464u                /* of struct _fpx_sw_bytes in the FXSAVE image */

struct frame {
    uint64_t restorer;
    struct ucontext uc;
    siginfo_t info;
};
_Static_assert(offsetof(struct frame, uc) == 8 && sizeof(struct ucontext) == 304, "rt_sigframe");
_Static_assert(sizeof(struct frame) == 440 && sizeof(struct sigcontext) == 256, "rt_sigframe");
_Static_assert(offsetof(struct sigcontext, reserved1) == 192, "struct sigcontext");

/* ---- the alternate stack: sigaltstack(2) --------------------------------------------------------------------------
 */

bool altstack_is_used(const struct task *t, uint64_t sp)
{
    if (t->altstack.flags & (int32_t)SS_AUTODISARM)
        return false;
    return sp > t->altstack.base && sp - t->altstack.base <= t->altstack.size;
}

void altstack_get(const struct task *t, stack_t *out, uint64_t sp)
{
    memset(out, 0, sizeof(*out));
    out->ss_sp = (void *)(uintptr_t)t->altstack.base;
    out->ss_size = t->altstack.size;
    out->ss_flags = !t->altstack.size ? SS_DISABLE : altstack_is_used(t, sp) ? SS_ONSTACK : 0;
    out->ss_flags |= t->altstack.flags & (int32_t)SS_AUTODISARM;
}

int altstack_set(struct task *t, const stack_t *in, uint64_t sp)
{
    int mode = in->ss_flags & ~(int)SS_AUTODISARM;
    if (altstack_is_used(t, sp))
        return -EPERM;
    if (mode && mode != SS_DISABLE && mode != SS_ONSTACK)
        return -EINVAL;
    if (mode == SS_DISABLE) {
        t->altstack = (struct altstack){.flags = in->ss_flags & (int)SS_AUTODISARM};
        return 0;
    }
    if (in->ss_size < MINSIGSTKSZ)
        return -ENOMEM;
    t->altstack = (struct altstack){
        .base = (uint64_t)(uintptr_t)in->ss_sp, .size = in->ss_size, .flags = in->ss_flags & (int)SS_AUTODISARM};
    return 0;
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

static uint64_t frame_stack(const struct task *t, const struct signal_action *action)
{
    uint64_t sp = t->regs.rsp - RED_ZONE;
    if ((action->flags & SA_ONSTACK) && t->altstack.size && !altstack_is_used(t, t->regs.rsp))
        sp = t->altstack.base + t->altstack.size;
    return sp;
}

/* The XSAVE image at and below *sp: *at is where it lies, 0 when the platform has none. */
static int frame_push_xstate(struct task *t, uint64_t *sp, uint64_t *at)
{
    uint32_t magic2 = FP_XSTATE_MAGIC2;
    int64_t n = platform.task.xstate_get(t, NULL, 0);
    *at = 0;
    if (n < (int64_t)XSTATE_LEAST)
        return 0;
    uint8_t *image = heap_alloc((size_t)n + sizeof(magic2));
    if (!image)
        return -ENOMEM;
    n = platform.task.xstate_get(t, image, (size_t)n);
    struct _fpx_sw_bytes software = {.magic1 = FP_XSTATE_MAGIC1,
                                     .extended_size = (uint32_t)n + (uint32_t)sizeof(magic2),
                                     .xfeatures = platform.xstate_mask,
                                     .xstate_size = (uint32_t)n};
    memcpy(image + SW_RESERVED, &software, sizeof(software));
    memcpy(image + n, &magic2, sizeof(magic2));
    *at = *sp = (*sp - software.extended_size) & ~63ull;
    int r = copy_out(uptr(*at), image, software.extended_size);
    heap_release(image, software.extended_size);
    return r;
}

static void frame_fill_context(const struct task *t, struct sigcontext *c, uint64_t xstate, uint64_t mask)
{
    const struct regs *r = &t->regs;
    c->r8 = r->r8, c->r9 = r->r9, c->r10 = r->r10, c->r11 = r->r11;
    c->r12 = r->r12, c->r13 = r->r13, c->r14 = r->r14, c->r15 = r->r15;
    c->rdi = r->rdi, c->rsi = r->rsi, c->rbp = r->rbp, c->rbx = r->rbx;
    c->rdx = r->rdx, c->rax = r->rax, c->rcx = r->rcx, c->rsp = r->rsp;
    c->rip = r->rip, c->eflags = r->rflags;
    c->cs = USER_CS, c->ss = USER_SS;
    c->oldmask = mask;
    c->fpstate = (struct _fpstate *)(uintptr_t)xstate;
    if (t->trap.kind == TRAP_FAULT) {
        c->err = t->trap.error;
        c->trapno = t->trap.number;
        c->cr2 = t->trap.address;
    }
}

/* The call in progress: is it to be made again after the handler? */
static void frame_mark(struct task *t, bool sa_restart, struct sigcontext *c)
{
    int64_t nr = t->call_nr;
    if (nr < 0)
        return;
    bool again = call_interrupted(t, sa_restart);
    t->call_nr = -1;
    c->rax = t->regs.rax;
    if (!again)
        return;
    c->rax = (uint64_t)nr;
    c->rip = t->regs.rip - SYSCALL_LENGTH;
    c->reserved1[0] = RESTART_MARK;
    c->reserved1[1] = (uint64_t)nr;
    c->reserved1[2] = c->rip;
}

int frame_push(struct task *t, const struct signal_action *action, const siginfo_t *info, uint64_t mask)
{
    struct frame f;
    if (task_regs_full(t))
        return -EFAULT;
    uint64_t xstate, interrupted = t->regs.rsp, sp = frame_stack(t, action);
    bool was_on = altstack_is_used(t, interrupted);
    memset(&f, 0, sizeof(f));
    frame_fill_context(t, &f.uc.uc_mcontext, 0, mask);
    frame_mark(t, action->flags & SA_RESTART, &f.uc.uc_mcontext);
    if (!(action->flags & SA_RESTORER))
        return -EFAULT;
    int r = frame_push_xstate(t, &sp, &xstate);
    if (r)
        return r;
    sp = ((sp - sizeof(f)) & ~15ull) - 8;
    /* Grown out of the alternate stack: what lies below it is not ours. */
    if (was_on && !altstack_is_used(t, sp))
        return -EFAULT;
    f.restorer = action->restorer;
    f.uc.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (xstate ? UC_FP_XSTATE : 0u);
    altstack_get(t, &f.uc.uc_stack, interrupted);
    f.uc.uc_mcontext.fpstate = (struct _fpstate *)(uintptr_t)xstate;
    f.uc.uc_sigmask = mask;
    f.info = *info;
    if (copy_out(uptr(sp), &f, sizeof(f)))
        return -EFAULT;
    if (t->altstack.flags & (int32_t)SS_AUTODISARM)
        t->altstack = (struct altstack){0};

    struct regs *regs = &t->regs;
    regs->rdi = (uint64_t)info->si_signo;
    regs->rsi = sp + offsetof(struct frame, info);
    regs->rdx = sp + offsetof(struct frame, uc);
    regs->rax = 0;
    regs->rip = action->handler;
    regs->rsp = sp;
    regs->rflags &= ~FLAGS_OF_SIGNAL;
    sched_all_regs(t);
    return 0;
}

/* ---- going back -------------------------------------------------------------------------------------------------- */

/* The image has x87 and SSE alone: what else there is begins anew. */
static void xstate_only_fxsave(uint8_t *image)
{
    const uint64_t features = XFEATURES_FXSR;
    memset(image + FXSAVE_SIZE, 0, platform.xstate_size - FXSAVE_SIZE);
    memcpy(image + FXSAVE_SIZE, &features, sizeof(features));
}

/* Whether the whole XSAVE image is there, as its own description says; `software` is our copy. */
static bool xstate_is_whole(struct uptr at, const struct _fpx_sw_bytes *software)
{
    uint32_t magic2;
    if (software->magic1 != FP_XSTATE_MAGIC1)
        return false;
    if (software->xstate_size < XSTATE_LEAST || software->xstate_size > platform.xstate_size)
        return false;
    if (software->extended_size < software->xstate_size)
        return false;
    return !get_user(magic2, uptr_add(at, software->xstate_size)) && magic2 == FP_XSTATE_MAGIC2;
}

static int xstate_pop_into(struct task *t, struct uptr at, uint8_t *image)
{
    struct _fpx_sw_bytes software;
    uint64_t features;
    if (copy_in(image, at, FXSAVE_SIZE))
        return -EFAULT;
    memcpy(&software, image + SW_RESERVED, sizeof(software));
    if (xstate_is_whole(at, &software)) {
        size_t rest = software.xstate_size - FXSAVE_SIZE;
        if (copy_in(image + FXSAVE_SIZE, uptr_add(at, FXSAVE_SIZE), rest))
            return -EFAULT;
        memcpy(&features, image + FXSAVE_SIZE, sizeof(features));
        features &= software.xfeatures & platform.xstate_mask;
        memcpy(image + FXSAVE_SIZE, &features, sizeof(features));
    } else {
        xstate_only_fxsave(image);
    }
    memset(image + SW_RESERVED, 0, sizeof(software));
    return platform.task.xstate_set(t, image, platform.xstate_size);
}

static int xstate_pop(struct task *t, struct uptr at)
{
    if (!at.v)
        return platform.task.xstate_set(t, NULL, 0);
    if (platform.xstate_size < XSTATE_LEAST)
        return 0;
    uint8_t *image = heap_alloc(platform.xstate_size);
    if (!image)
        return -ENOMEM;
    int r = xstate_pop_into(t, at, image);
    heap_release(image, platform.xstate_size);
    return r;
}

static void regs_pop(struct regs *r, const struct sigcontext *c)
{
    r->r8 = c->r8, r->r9 = c->r9, r->r10 = c->r10, r->r11 = c->r11;
    r->r12 = c->r12, r->r13 = c->r13, r->r14 = c->r14, r->r15 = c->r15;
    r->rdi = c->rdi, r->rsi = c->rsi, r->rbp = c->rbp, r->rbx = c->rbx;
    r->rdx = c->rdx, r->rax = c->rax, r->rcx = c->rcx, r->rsp = c->rsp;
    r->rip = c->rip;
    r->rflags = (r->rflags & ~FLAGS_USER) | (c->eflags & FLAGS_USER) | FLAGS_FIXED;
}

int64_t sys_rt_sigreturn(struct task *t, const struct args *a)
{
    (void)a;
    struct ucontext uc;
    if (task_regs_full(t))
        return -ERESTARTNOINTR;
    t->call_nr = -1;
    if (get_user(uc, uptr(t->regs.rsp - sizeof(uint64_t) + offsetof(struct frame, uc))))
        goto bad;
    const struct sigcontext *c = &uc.uc_mcontext;
    if (c->rip >= GUEST_TOP)
        goto bad;
    if (xstate_pop(t, uptr((uint64_t)(uintptr_t)c->fpstate)))
        goto bad;

    regs_pop(&t->regs, c);
    signal_block_set(t, uc.uc_sigmask);
    (void)altstack_set(t, &uc.uc_stack, t->regs.rsp); /* on that stack still: it stays */
    sched_all_regs(t);
    if (c->reserved1[0] != RESTART_MARK || c->reserved1[2] != c->rip || c->reserved1[1] != c->rax)
        return (int64_t)t->regs.rax;
    if (c->rax >= CALL_MAX)
        return (int64_t)t->regs.rax;
    t->regs.rip += SYSCALL_LENGTH;
    call_restart(t, (int64_t)c->rax);
    return -ERESTARTNOINTR;

bad:
    signal_force(t, SIGSEGV, SI_KERNEL, 0);
    return 0;
}
