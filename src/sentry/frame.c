/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots: the frames that the host lays there when a guest task gets a signal, and those that the sentry lays for a task
 * to go on by (arch/x86/include/asm/sigframe.h, uapi/asm/sigcontext.h). All of a slot is writable for the guest, other
 * tasks of it included, so what is read is copied once and believed in nothing: a register is whatever the guest says.
 * What goes back is looked at by the host as any program's frame is, and gives the task no right.
 */
#include "sentry/frame.h"

#include <asm/errno.h>
#include <asm/sigcontext.h>
#include <linux/signal.h>

#include <asm/ucontext.h>
#include <string.h>

#define USER_CS       0x33
#define USER_SS       0x2b
#define FLAGS         (UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS)
#define HEADER        512u /* of an XSAVE image, behind what FXSAVE writes: xfeatures, xcomp_bv, six words of zero */
#define HEADER_WORDS  8
#define SW_RESERVED   464u
#define MXCSR         24u
#define MXCSR_MASK    28u
#define MXCSR_DEFAULT 0xffbfu
#define ADDRESS_END   0x7ffffffff000ull

struct host_frame_layout {
    uint64_t restorer;
    struct ucontext uc;
    siginfo_t info;
};
_Static_assert(sizeof(struct host_frame_layout) == 440 && sizeof(struct ucontext) == 304, "rt_sigframe");
_Static_assert(8 + offsetof(struct ucontext, uc_mcontext) + offsetof(struct sigcontext, reserved1) == FRAME_FS,
               "stub.S reads the bases there");
_Static_assert(SLOT_FRAME + sizeof(struct host_frame_layout) <= SLOT_XSTATE, "one behind the other");

uint32_t state_size;
uint64_t state_mask;
static uint32_t mxcsr_mask = MXCSR_DEFAULT;

/* ---- what the host's frames are like: asked by having one laid ---- */

void frame_asked(const void *ucontext)
{
    const struct ucontext *uc = ucontext;
    const uint8_t *image = (const uint8_t *)uc->uc_mcontext.fpstate;
    struct _fpx_sw_bytes software;
    if (!image)
        return;
    memcpy(&software, image + SW_RESERVED, sizeof(software));
    if (software.magic1 != FP_XSTATE_MAGIC1)
        return;
    state_size = software.xstate_size, state_mask = software.xfeatures;
    memcpy(&mxcsr_mask, image + MXCSR_MASK, sizeof(mxcsr_mask));
    mxcsr_mask = mxcsr_mask ? mxcsr_mask : MXCSR_DEFAULT;
}

/* ---- writing ---- */

static stack_t slot_stack(uint32_t slot)
{
    return (stack_t){.ss_sp = (void *)(uintptr_t)(slot_address(slot) + SLOT_STACK), .ss_size = SLOT_STACK_SIZE};
}

void slot_init(uint32_t slot)
{
    stack_t stack = slot_stack(slot);
    memcpy(slot_memory(slot) + SLOT_ALTSTACK, &stack, sizeof(stack));
}

static void context_fill(struct sigcontext *c, const struct regs *r)
{
    c->r8 = r->r8, c->r9 = r->r9, c->r10 = r->r10, c->r11 = r->r11;
    c->r12 = r->r12, c->r13 = r->r13, c->r14 = r->r14, c->r15 = r->r15;
    c->rdi = r->rdi, c->rsi = r->rsi, c->rbp = r->rbp, c->rbx = r->rbx;
    c->rdx = r->rdx, c->rax = r->rax, c->rcx = r->rcx, c->rsp = r->rsp;
    c->rip = r->rip, c->eflags = r->rflags;
    c->cs = USER_CS, c->ss = USER_SS;
}

static uint64_t base_of(uint64_t v)
{
    return v < ADDRESS_END ? v : 0; /* the guest's mistake, which it finds at its next use */
}

/* The image with the words that make the host take it whole. */
static uint64_t state_write(uint32_t slot, const uint8_t *state)
{
    uint8_t *to = slot_memory(slot) + SLOT_XSTATE;
    const uint32_t magic2 = FP_XSTATE_MAGIC2;
    struct _fpx_sw_bytes software = {.magic1 = FP_XSTATE_MAGIC1,
                                     .extended_size = state_size + (uint32_t)sizeof(magic2),
                                     .xfeatures = state_mask,
                                     .xstate_size = state_size};
    memcpy(to, state, state_size);
    memcpy(to + SW_RESERVED, &software, sizeof(software));
    memcpy(to + state_size, &magic2, sizeof(magic2));
    return slot_address(slot) + SLOT_XSTATE;
}

uint64_t frame_write(uint32_t slot, const struct regs *r, const uint8_t *state, uint64_t state_at, bool state_is_new)
{
    struct host_frame_layout f;
    memset(&f, 0, sizeof(f));
    f.uc.uc_flags = FLAGS;
    f.uc.uc_stack = slot_stack(slot);
    context_fill(&f.uc.uc_mcontext, r);
    uint64_t at = state_is_new ? state ? state_write(slot, state) : 0 : state_at ? slot_address(slot) + state_at : 0;
    f.uc.uc_mcontext.fpstate = (struct _fpstate *)(uintptr_t)at;
    f.uc.uc_mcontext.reserved1[0] = base_of(r->fs_base);
    f.uc.uc_mcontext.reserved1[1] = base_of(r->gs_base);
    f.uc.uc_sigmask = GUEST_MASK;
    memcpy(slot_memory(slot) + SLOT_FRAME, &f, offsetof(struct host_frame_layout, info));
    return slot_address(slot) + SLOT_FRAME;
}

/* ---- reading ---- */

static void regs_fill(struct regs *r, const struct sigcontext *c)
{
    *r = (struct regs){.rdi = c->rdi,
                       .rsi = c->rsi,
                       .rdx = c->rdx,
                       .r10 = c->r10,
                       .r8 = c->r8,
                       .r9 = c->r9,
                       .rax = c->rax,
                       .rbx = c->rbx,
                       .rbp = c->rbp,
                       .r12 = c->r12,
                       .r13 = c->r13,
                       .r14 = c->r14,
                       .r15 = c->r15,
                       .rcx = c->rcx,
                       .r11 = c->r11,
                       .rip = c->rip,
                       .rflags = c->eflags,
                       .rsp = c->rsp};
}

bool frame_read(uint32_t slot, uint64_t at, struct frame_seen *out)
{
    struct host_frame_layout f;
    const uint64_t from = at - slot_address(slot);
    if (from < SLOT_STACK || from > STUB_SLOT_SIZE - sizeof(f))
        return false;
    memcpy(&f, slot_memory(slot) + from, sizeof(f));
    const struct sigcontext *c = &f.uc.uc_mcontext;
    const uint64_t state = (uint64_t)(uintptr_t)c->fpstate - slot_address(slot);
    *out = (struct frame_seen){.signo = f.info.si_signo,
                               .code = f.info.si_code,
                               .address = (uint64_t)(uintptr_t)f.info.si_addr,
                               .error = c->err,
                               .number = c->trapno,
                               .call_address = (uint64_t)(uintptr_t)f.info.si_call_addr,
                               .call_arch = f.info.si_arch};
    out->state_at = state >= SLOT_STACK && state <= STUB_SLOT_SIZE - state_size - sizeof(uint32_t) ? state : 0;
    regs_fill(&out->regs, c);
    return true;
}

void frame_state_copy(uint32_t slot, uint64_t state_at, uint8_t *to)
{
    uint64_t header[HEADER_WORDS] = {0};
    memcpy(to, slot_memory(slot) + state_at, state_size);
    memcpy(header, to + HEADER, sizeof(header[0]));
    header[0] &= state_mask;
    memcpy(to + HEADER, header, sizeof(header)); /* in the standard form, whatever was written there meanwhile */
    uint32_t mxcsr;
    memcpy(&mxcsr, to + MXCSR, sizeof(mxcsr));
    mxcsr &= mxcsr_mask;
    memcpy(to + MXCSR, &mxcsr, sizeof(mxcsr));
}

int frame_state_check(const uint8_t *image)
{
    uint64_t header[HEADER_WORDS], others = 0;
    uint32_t mxcsr;
    memcpy(header, image + HEADER, sizeof(header));
    memcpy(&mxcsr, image + MXCSR, sizeof(mxcsr));
    for (int i = 1; i < HEADER_WORDS; i++)
        others |= header[i];
    return others || (header[0] & ~state_mask) || (mxcsr & ~mxcsr_mask) ? -EINVAL : 0;
}
