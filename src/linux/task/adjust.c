/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adjtimex(2), clock_adjtime(2): what a time daemon sets of the clock is checked and kept; of it the clock itself obeys
 * ADJ_SETOFFSET alone, since the host's clock is steered by the host.
 */
#include "linux/task/internal.h"

#include <linux/capability.h>
#include <linux/time.h>
#include <linux/timex.h>

#define ADJ_ADJTIME         0x8000u /* of the kernel's own: what adjtime(3) asks */
#define ADJ_OFFSET_READONLY 0x2000u

#define TICK_USEC     10000 /* USER_HZ is 100 */
#define ERROR_MOST    16000000
#define FREQ_MOST     (500l << 16) /* scaled: 500 parts in a million */
#define STATUS_KEPT   (STA_PLL | STA_PPSFREQ | STA_PPSTIME | STA_FLL | STA_INS | STA_DEL | STA_UNSYNC | STA_FREQHOLD)
#define CONSTANT_MOST 10
#define OFFSET_MOST   500000000l /* ns */

KERNEL_STATE static struct {
    bool set;
    int status, tai;
    int64_t offset, freq, maxerror, esterror, constant, tick;
} adjust;

static void begin(void)
{
    if (adjust.set)
        return;
    adjust.set = true;
    adjust.status = STA_UNSYNC;
    adjust.maxerror = adjust.esterror = ERROR_MOST;
    adjust.constant = 2, adjust.tick = TICK_USEC;
}

static int check(const struct __kernel_timex *q, const struct task *t)
{
    if (q->modes & ADJ_ADJTIME) { /* adjtime(3) */
        if (!(q->modes & ADJ_OFFSET))
            return -EINVAL;
        return q->modes & ADJ_OFFSET_READONLY || capable(t, CAP_SYS_TIME) ? 0 : -EPERM;
    }
    if (q->modes && !capable(t, CAP_SYS_TIME))
        return -EPERM;
    if (q->modes & ADJ_TICK && (q->tick < TICK_USEC * 9 / 10 || q->tick > TICK_USEC * 11 / 10))
        return -EINVAL;
    if (q->modes & ADJ_SETOFFSET) {
        long long part = q->modes & ADJ_NANO ? (long long)SECOND : 1000000;
        if (q->time.tv_usec < 0 || q->time.tv_usec >= part)
            return -EINVAL;
    }
    return 0;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

static void move_clock(const struct __kernel_timex *q)
{
    int64_t part = q->modes & ADJ_NANO ? q->time.tv_usec : q->time.tv_usec * 1000, by;
    int64_t now = (int64_t)clock_realtime();
    if (__builtin_mul_overflow(q->time.tv_sec, (long long)SECOND, &by) || __builtin_add_overflow(by, part, &by) ||
        __builtin_add_overflow(now, by, &now) || now < 0)
        return;
    clock_realtime_set((uint64_t)now);
}

static void take(const struct __kernel_timex *q)
{
    uint32_t modes = q->modes;
    if (modes & ADJ_STATUS)
        adjust.status = (adjust.status & ~STATUS_KEPT) | (q->status & STATUS_KEPT);
    if (modes & ADJ_NANO)
        adjust.status |= STA_NANO;
    if (modes & ADJ_MICRO)
        adjust.status &= ~STA_NANO;
    if (modes & ADJ_FREQUENCY)
        adjust.freq = clamp(q->freq, -FREQ_MOST, FREQ_MOST);
    if (modes & ADJ_MAXERROR)
        adjust.maxerror = clamp(q->maxerror, 0, ERROR_MOST);
    if (modes & ADJ_ESTERROR)
        adjust.esterror = clamp(q->esterror, 0, ERROR_MOST);
    if (modes & ADJ_TIMECONST)
        adjust.constant = clamp(q->constant + (adjust.status & STA_NANO ? 0 : 4), 0, CONSTANT_MOST);
    if (modes & ADJ_TAI && q->constant >= 0)
        adjust.tai = (int)q->constant;
    if (modes & ADJ_OFFSET && adjust.status & STA_PLL)
        adjust.offset = clamp(adjust.status & STA_NANO ? q->offset : clamp(q->offset, -ERROR_MOST, ERROR_MOST) * 1000,
                              -OFFSET_MOST, OFFSET_MOST);
    if (modes & ADJ_TICK)
        adjust.tick = q->tick;
    if (modes & ADJ_SETOFFSET)
        move_clock(q);
}

static void tell(struct __kernel_timex *q)
{
    bool nano = adjust.status & STA_NANO;
    uint64_t now = clock_realtime();
    if (!(q->modes & ADJ_ADJTIME))
        q->offset = nano ? adjust.offset : adjust.offset / 1000;
    else
        q->offset = 0; /* a slew is over at once */
    q->freq = adjust.freq, q->maxerror = adjust.maxerror, q->esterror = adjust.esterror;
    q->status = adjust.status, q->constant = adjust.constant;
    q->precision = 1, q->tolerance = FREQ_MOST, q->tick = adjust.tick, q->tai = adjust.tai;
    q->ppsfreq = q->jitter = q->stabil = q->jitcnt = q->calcnt = q->errcnt = q->stbcnt = 0, q->shift = 0;
    q->time.tv_sec = (long long)(now / SECOND);
    q->time.tv_usec = (long long)(nano ? now % SECOND : now % SECOND / 1000);
}

static int64_t change(const struct task *t, struct uptr at)
{
    struct __kernel_timex q; /* struct timex of this architecture has the same layout */
    if (get_user(q, at))
        return -EFAULT;
    int r = check(&q, t);
    if (r)
        return r;
    begin();
    if (!(q.modes & ADJ_ADJTIME))
        take(&q);
    tell(&q);
    if (put_user(at, q))
        return -EFAULT;
    return adjust.status & (STA_UNSYNC | STA_CLOCKERR) ? TIME_ERROR : TIME_OK;
}

int64_t sys_adjtimex(struct task *t, const struct args *a)
{
    return change(t, arg_ptr(a, 0));
}

int64_t sys_clock_adjtime(struct task *t, const struct args *a)
{
    uint64_t now;
    if (arg_int(a, 0) == CLOCK_REALTIME)
        return change(t, arg_ptr(a, 1));
    return clock_read(arg_int(a, 0), &now) ? -EINVAL : -EOPNOTSUPP;
}
