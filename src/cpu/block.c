/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of decoded instructions: made, found, linked, entered, and dropped when the bytes they came from change. What
 * keeps it safe is said in engine.h; the guest's bytes are copied once, an instruction at a time, before they are
 * looked at.
 */
#include "cpu/engine.h"

#include <errno.h>

static uintptr_t page_of(const uint8_t *host)
{
    return (uintptr_t)host & ~(uintptr_t)PAGE_OFFSET;
}
static unsigned offset_of(const uint8_t *host)
{
    return (uintptr_t)host & PAGE_OFFSET;
}

unsigned cpu_block_key(const struct cpu *cpu)
{
    unsigned code = cpu->code_size >> 2, stack = cpu->stack_size >> 2; /* 0, 1, 2 */

    return (unsigned)(cpu->code_limit < 0xffffffff) | cpu->mode << 1u | code << 4 | stack << 6 | cpu->flat << 8u |
           (unsigned)(cpu->cpl == 3) << 9;
}

static bool key_limited(const struct cpu *cpu)
{
    return cpu->block_key >> 48 & 1;
}

/* ---- Entering and leaving ------------------------------------------------------------------------------------- */

static struct block *block_of_entry(const struct op *op)
{
    return (struct block *)(void *)((char *)(uintptr_t)op - offsetof(struct block, ops));
}

/* imm: how many instructions. Returning instead of going on is always right: cpu_run() looks what is the matter. */
static void run_enter(struct cpu *cpu, const struct op *op)
{
    int64_t budget = cpu->budget - op->imm;
    uintptr_t stack;

    __asm__("movq %%rsp, %0" : "=r"(stack));
    if (UNLIKELY(budget < 0 || stack < cpu->stack_end || __atomic_load_n(&cpu->attention, __ATOMIC_RELAXED)))
        return;
    cpu->budget = budget;
    cpu->gpr[GPR_BLOCK] = cpu->rip;
    NEXT(cpu, op);
}

static bool maps_to(const struct cpu *cpu, uint64_t linear, const uint8_t *host)
{
    const struct tlb_entry *t = tlb_slot(cpu, linear);

    return t->fetch == (linear & ~PAGE_OFFSET) && t->host + linear == (uintptr_t)host;
}

/* Of a block that goes on in a second page: it must still be mapped behind the first. */
static void run_enter_two(struct cpu *cpu, const struct op *op)
{
    const struct block *b = block_of_entry(op - 1);

    if (LIKELY(maps_to(cpu, ((cpu_linear_rip(cpu) | PAGE_OFFSET) + 1) & cpu->code_mask, b->host_two)))
        return run_enter(cpu, op);
}

/* From another page, or where code has a base and a limit: does rip still lead here? */
static void run_enter_checked(struct cpu *cpu, const struct op *op)
{
    const struct block *b = block_of_entry(op);

    if (LIKELY(maps_to(cpu, cpu_linear_rip(cpu), b->host) && cpu->rip <= cpu->code_limit &&
               cpu->code_limit - cpu->rip >= b->bytes - 1u))
        return op[1].run(cpu, op + 1);
}

/* Behind the last instruction of a block that ended without a branch. */
static void run_fall(struct cpu *cpu, const struct op *op)
{
    uint64_t rip = cpu->gpr[GPR_BLOCK] + op->offset;

    cpu->op = op - 1;
    if (cpu->code_size != 8)
        rip = cpu->code_size == 4 ? (uint32_t)rip : (uint16_t)rip;
    LEAVE_LINK(cpu, op - 1, rip, 0);
}

/* An instruction of a block that was dropped: it is not done, and does not count. */
static void run_left(struct cpu *cpu, const struct op *op)
{
    cpu->rip = op_next_rip(cpu, op - 1);
    cpu->budget++;
}

/* A link that leads nowhere yet, or to a block that was dropped. */
static void run_unlinked(struct cpu *cpu, const struct op *op)
{
    struct op *end = (struct op *)(uintptr_t)(cpu->op + 1);
    struct cpu_engine *e = cpu->engine;
    uint64_t from = cpu->code_base + cpu->gpr[GPR_BLOCK], to = cpu->code_base + cpu->rip;

    e->link = &end->to[end->to[1] == op];
    e->link_checked = key_limited(cpu) || ((from ^ to) & cpu->code_mask & ~PAGE_OFFSET);
}
const struct op block_unlinked[2] = {{.run = run_unlinked}, {.run = run_unlinked}};

/* Where a single step ends. */
static void run_nowhere(struct cpu *cpu, const struct op *op)
{
}

static const struct op nowhere = {.run = run_nowhere};

static unsigned jump_hash(uint64_t tag)
{
    return (unsigned)(tag ^ tag >> 13) & (JUMPS - 1);
}

void cpu_jump(struct cpu *cpu, const struct op *op)
{
    uint64_t linear = cpu_linear_rip(cpu);
    const struct tlb_entry *t = tlb_slot(cpu, linear);

    if (UNLIKELY(t->fetch != (linear & ~PAGE_OFFSET)))
        return;
    uint64_t tag = (t->host + linear) ^ cpu->block_key;
    const struct jump_entry *j = &cpu->jumps[jump_hash(tag)];
    if (LIKELY(j->tag == tag))
        return j->enter->run(cpu, j->enter);
}

/* ---- Pages with code ------------------------------------------------------------------------------------------ */

enum { CHAINS_BYTES = PAGE_LINES * sizeof(struct block *) };

static struct code_page *page_slot(const struct cpu *cpu, uintptr_t page)
{
    struct cpu_engine *e = cpu->engine;
    unsigned i = (unsigned)((page >> 12) * 0x9e3779b1u >> 16);

    for (;; i++) {
        struct code_page *p = &e->pages[i & (CODE_PAGES - 1)];

        if (p->page == page || !p->page) /* there is always a free one: see make_room() */
            return p;
    }
}

bool block_page_has_code(const struct cpu *cpu, uintptr_t page)
{
    const struct code_page *p = page_slot(cpu, page);

    return p->page && p->lines;
}

static uint64_t lines_of(unsigned from, unsigned n)
{
    return ~UINT64_C(0) >> (63 - ((from + n - 1) >> LINE_SHIFT)) & ~UINT64_C(0) << (from >> LINE_SHIFT);
}

/* Where of the page the block has bytes: *from and how many. */
static unsigned extent(const struct block *b, uintptr_t page, unsigned *from)
{
    unsigned at = offset_of(b->host), first = b->host_two ? 4096 - at : b->bytes;

    *from = page == page_of(b->host) ? at : 0;
    return page == page_of(b->host) ? first : b->bytes - first;
}

static void page_add(struct cpu *cpu, struct block *b, uintptr_t page)
{
    struct code_page *p = page_slot(cpu, page);
    struct cpu_engine *e = cpu->engine;
    unsigned from, n = extent(b, page, &from);

    if (!p->page) {
        e->used_pages[e->n_pages++] = (uint16_t)(p - e->pages);
        e->chains -= CHAINS_BYTES; /* there is room: see make_room() */
        p->blocks = (struct block **)(void *)e->chains;
        memset(p->blocks, 0, CHAINS_BYTES);
    }
    p->page = page;
    if (!p->lines)
        tlb_page_has_code(cpu, page);
    p->lines |= lines_of(from, n);
    b->others[page != page_of(b->host)] = p->blocks[from >> LINE_SHIFT];
    p->blocks[from >> LINE_SHIFT] = b;
}

/* ---- Dropping ------------------------------------------------------------------------------------------------- */

static unsigned bucket_of(uint64_t tag)
{
    return (unsigned)((tag ^ tag >> 16) * 0x9e3779b97f4a7c15u >> 48) & (BUCKETS - 1);
}

static void drop(struct cpu *cpu, struct block *b)
{
    struct cpu_engine *e = cpu->engine;
    struct jump_entry *j = &e->jumps[jump_hash(b->tag)];

    for (struct block **at = &e->buckets[bucket_of(b->tag)]; *at; at = &(*at)->next)
        if (*at == b) {
            *at = b->next;
            break;
        }
    if (j->tag == b->tag)
        *j = (struct jump_entry){.tag = ~UINT64_C(0)};
    b->dropped = true;
    b->ops[0].run = b->ops[1].run = run_unlinked;
    for (unsigned i = 0; i < b->count; i++)
        b->ops[BLOCK_ENTRIES + i].run = run_left;
    e->counts.dropped++;
}

/* The line in which the first block begins that may have the byte at `at`: code goes on from line to line up to there.
 */
static unsigned first_line(uint64_t lines, unsigned at)
{
    unsigned line = at >> LINE_SHIFT, most = at < BLOCK_LONGEST ? 0 : (at - BLOCK_LONGEST) >> LINE_SHIFT;

    while (line > most && (lines >> (line - 1) & 1))
        line--;
    return line;
}

/* Drops what has one of n bytes at `at` of those that begin in this line. Returns the lines that the dropped ones had.
 */
static uint64_t drop_some(struct cpu *cpu, struct code_page *p, unsigned line, unsigned at, unsigned n)
{
    struct block **link = &p->blocks[line], *b;
    uint64_t lines = 0;

    while ((b = *link) != NULL) {
        unsigned from, bytes = extent(b, p->page, &from), second = p->page != page_of(b->host);

        if (!b->dropped && from < at + n && at < from + bytes)
            drop(cpu, b);
        if (b->dropped) {
            lines |= lines_of(from, bytes);
            *link = b->others[second];
        } else {
            link = &b->others[second];
        }
    }
    return lines;
}

/* Of these lines some have lost blocks: which still have any? */
static void lines_anew(struct code_page *p, uint64_t lines)
{
    unsigned first = (unsigned)__builtin_ctzll(lines), last = 63 - (unsigned)__builtin_clzll(lines);
    unsigned reach = (BLOCK_LONGEST + (1 << LINE_SHIFT) - 1) >> LINE_SHIFT;

    p->lines &= ~lines;
    for (unsigned line = first < reach ? 0 : first - reach; line <= last; line++)
        for (const struct block *b = p->blocks[line]; b; b = b->others[p->page != page_of(b->host)]) {
            unsigned from, bytes = extent(b, p->page, &from);

            if (!b->dropped)
                p->lines |= lines_of(from, bytes);
        }
}

void block_written(struct cpu *cpu, const uint8_t *host, unsigned n)
{
    struct code_page *p = page_slot(cpu, page_of(host));
    unsigned at = offset_of(host), last = (at + n - 1) >> LINE_SHIFT;
    uint64_t lost = 0;

    if (!p->page || !(p->lines & lines_of(at, n)))
        return;
    for (unsigned line = first_line(p->lines, at); line <= last; line++)
        lost |= drop_some(cpu, p, line, at, n);
    if (lost)
        lines_anew(p, lost);
}

/* Then no page has code, and the next time costs nothing for these. */
void block_drop_all(struct cpu *cpu)
{
    struct cpu_engine *e = cpu->engine;

    for (unsigned i = 0; i < e->n_pages; i++) {
        struct code_page *p = &e->pages[e->used_pages[i]];

        for (unsigned line = 0; line < PAGE_LINES; line++)
            (void)drop_some(cpu, p, line, 0, 4096);
    }
    for (unsigned i = 0; i < e->n_pages; i++)
        e->pages[e->used_pages[i]] = (struct code_page){0};
    e->n_pages = 0;
}

static size_t block_size(const struct block *b)
{
    return sizeof *b + (BLOCK_ENTRIES + b->count + 1u) * sizeof(struct op);
}

/* Few blocks: where they stand. Many: everywhere. */
enum { FLUSH_BY_BLOCK = 256 << 10 };

static void tables_clear(struct cpu_engine *e)
{
    size_t used = (size_t)(e->arena_at - e->arena);

    for (size_t at = 0; at < used && used < FLUSH_BY_BLOCK;) {
        const struct block *b = (const struct block *)(const void *)(e->arena + at);

        e->buckets[bucket_of(b->tag)] = NULL;
        e->jumps[jump_hash(b->tag)] = (struct jump_entry){.tag = ~UINT64_C(0)};
        at += block_size(b);
    }
    if (used < FLUSH_BY_BLOCK)
        return;
    memset(e->buckets, 0, sizeof e->buckets);
    for (unsigned i = 0; i < JUMPS; i++)
        e->jumps[i] = (struct jump_entry){.tag = ~UINT64_C(0)};
}

void block_flush_all(struct cpu *cpu)
{
    struct cpu_engine *e = cpu->engine;

    tables_clear(e);
    for (unsigned i = 0; i < e->n_pages; i++)
        e->pages[e->used_pages[i]] = (struct code_page){0};
    e->n_pages = 0;
    e->link = NULL;
    e->arena_at = e->arena;
    e->chains = e->arena_end;
    e->counts.flushes++;
}

void block_device_reached(struct cpu *cpu)
{
    const struct op *op = cpu->op;
    struct cpu_engine *e = cpu->engine;

    if (!op->left)
        return;
    struct block *b = (struct block *)(uintptr_t)op[op->left + 1].disp;
    uintptr_t site = (uintptr_t)b->host + op->offset;
    e->sites[site & (DEVICE_SITES - 1)] = site;
    if (!b->dropped)
        drop(cpu, b);
}

/* ---- Making --------------------------------------------------------------------------------------------------- */

/* Only while no block is running. */
static struct block *make_room(struct cpu *cpu)
{
    struct cpu_engine *e = cpu->engine;
    size_t most = sizeof(struct block) + (BLOCK_ENTRIES + BLOCK_OPS + 1) * sizeof(struct op) + 2 * CHAINS_BYTES;

    if ((size_t)(e->chains - e->arena_at) < most || e->n_pages > CODE_PAGES / 4 * 3)
        block_flush_all(cpu);
    struct block *b = (struct block *)(void *)e->arena_at;
    memset(b, 0, sizeof *b);
    return b;
}

static void behind(struct op *op, const struct block *b, unsigned offset)
{
    *op = (struct op){.run = run_fall, .offset = (uint16_t)offset, .disp = (int64_t)(uintptr_t)b};
    op->to[0] = &block_unlinked[0];
    op->to[1] = &block_unlinked[1];
}

static void finish(struct cpu *cpu, struct block *b)
{
    struct cpu_engine *e = cpu->engine;
    struct op *first = b->ops + BLOCK_ENTRIES;
    unsigned bucket = bucket_of(b->tag);

    b->ops[0] = (struct op){.run = run_enter_checked};
    b->ops[1] = (struct op){.run = b->host_two ? run_enter_two : run_enter, .imm = b->count};
    for (unsigned i = 0; i < b->count; i++)
        first[i].left = (uint8_t)(b->count - 1 - i);
    behind(first + b->count, b, b->bytes);
    b->next = e->buckets[bucket];
    e->buckets[bucket] = b;
    page_add(cpu, b, page_of(b->host));
    if (b->host_two)
        page_add(cpu, b, page_of(b->host_two));
    e->arena_at += block_size(b);
    e->counts.made++;
}

/* The one instruction over a page's end. NULL: a fault, or one for a step. */
static struct block *make_two(struct cpu *cpu, struct block *b, uint64_t linear)
{
    unsigned room = 4096 - offset_of(b->host);
    uint8_t bytes[16];
    struct target second;
    bool ends;

    linear = ((linear | PAGE_OFFSET) + 1) & cpu->code_mask;
    if (cpu->code_limit - cpu->rip < room)
        return NULL;
    if (!tlb_resolve(cpu, (struct tlb *)(void *)cpu->tlb, linear, ACCESS_FETCH, &second))
        return NULL;
    if (!second.host || page_of(second.host) == page_of(b->host))
        return NULL;
    memcpy(bytes, b->host, room);
    memcpy(bytes + room, second.host, 15 - room);
    int length = cpu_bind(cpu, bytes, 15, &b->ops[BLOCK_ENTRIES], &ends);
    if (length <= (int)room)
        return NULL; /* it changed meanwhile */
    b->host_two = second.host;
    b->bytes = (uint16_t)length;
    b->count = 1;
    finish(cpu, b);
    return b;
}

static struct block *make(struct cpu *cpu, uint8_t *host, uint64_t linear, uint64_t tag)
{
    struct block *b = make_room(cpu);
    unsigned room = 4096 - (unsigned)(linear & PAGE_OFFSET), at = 0;
    bool ends = false;

    b->tag = tag;
    b->host = host;
    while (!ends && at < room && b->count < BLOCK_OPS) {
        struct op *op = &b->ops[BLOCK_ENTRIES + b->count];
        unsigned n = room - at < 15 ? room - at : 15;
        uint8_t bytes[16];
        uintptr_t site = (uintptr_t)host + at;

        memcpy(bytes, host + at, n);
        op->offset = (uint16_t)at;
        int length = cpu_bind(cpu, bytes, n, op, &ends);
        if (length == -ENODATA)
            break;
        if (cpu->engine->sites[site & (DEVICE_SITES - 1)] == site)
            ends = true;
        at += (unsigned)length;
        b->count++;
    }
    if (!b->count)
        return make_two(cpu, b, linear);
    b->bytes = (uint16_t)at;
    finish(cpu, b);
    return b;
}

/* ---- Finding -------------------------------------------------------------------------------------------------- */

/* The page that rip is in, into the table of translations. */
static bool fetch_page(struct cpu *cpu, uint64_t linear)
{
    struct target at;

    if (tlb_slot(cpu, linear)->fetch == (linear & ~PAGE_OFFSET))
        return true;
    return tlb_resolve(cpu, (struct tlb *)(void *)cpu->tlb, linear, ACCESS_FETCH, &at) && at.host;
}

static bool rip_allowed(struct cpu *cpu)
{
    bool canonical = cpu->code_size != 8 || (uint64_t)((int64_t)(cpu->rip << 16) >> 16) == cpu->rip;

    return (cpu->rip <= cpu->code_limit && canonical) || cpu_raise(cpu, VECTOR_GP, 0);
}

/* A block over a page's end is right only for the second page that it was made of. */
static bool second_fits(struct cpu *cpu, struct block *b, uint64_t linear)
{
    uint64_t second = ((linear | PAGE_OFFSET) + 1) & cpu->code_mask;

    if (!b->host_two || (fetch_page(cpu, second) && maps_to(cpu, second, b->host_two)))
        return true;
    if (!cpu->fault.pending)
        drop(cpu, b);
    return false;
}

static void remember(struct cpu *cpu, struct block *b)
{
    struct cpu_engine *e = cpu->engine;

    e->jumps[jump_hash(b->tag)] =
        (struct jump_entry){.tag = b->tag, .enter = key_limited(cpu) ? &b->ops[0] : &b->ops[1], .block = b};
    if (e->link)
        *e->link = e->link_checked ? &b->ops[0] : &b->ops[1];
    e->link = NULL;
}

static struct block *lookup(const struct cpu_engine *e, uint64_t tag)
{
    const struct jump_entry *j = &e->jumps[jump_hash(tag)];
    struct block *b = e->buckets[bucket_of(tag)];

    if (j->tag == tag)
        return j->block;
    while (b && b->tag != tag)
        b = b->next;
    return b;
}

const struct op *block_find(struct cpu *cpu)
{
    uint64_t linear = cpu_linear_rip(cpu);

    if (!rip_allowed(cpu) || !fetch_page(cpu, linear))
        return NULL;
    uint8_t *host = (uint8_t *)(tlb_slot(cpu, linear)->host + linear);
    uint64_t tag = (uintptr_t)host ^ cpu->block_key;
    struct block *b = lookup(cpu->engine, tag);
    if (b && !second_fits(cpu, b, linear))
        b = NULL;
    if (!b && !cpu->fault.pending)
        b = make(cpu, host, linear, tag);
    if (!b || cpu->code_limit - cpu->rip < b->bytes - 1u)
        return NULL;
    remember(cpu, b);
    return &b->ops[1];
}

/* ---- One instruction ------------------------------------------------------------------------------------------ */

/* Up to `want` bytes of code from rip on, a page at a time; less at a limit or where the second page faults. */
static unsigned fetch(struct cpu *cpu, uint8_t *bytes, unsigned have, unsigned want)
{
    while (have < want && cpu->rip + have <= cpu->code_limit && cpu->rip + have >= cpu->rip) {
        uint64_t linear = (cpu_linear_rip(cpu) + have) & cpu->code_mask;

        if (!cpu_access(cpu, linear, 1, ACCESS_FETCH, bytes + have))
            break;
        have++;
    }
    return have;
}

const struct op *block_step(struct cpu *cpu)
{
    struct op *op = &cpu->engine->step[BLOCK_ENTRIES];
    unsigned room = 4096 - (unsigned)(cpu_linear_rip(cpu) & PAGE_OFFSET), n;
    uint8_t bytes[16] = {0};
    bool ends;

    if (!rip_allowed(cpu))
        return NULL;
    n = fetch(cpu, bytes, 0, room < 15 ? room : 15);
    if (!n)
        return NULL;
    op->offset = 0;
    int length = cpu_bind(cpu, bytes, n, op, &ends);
    if (length == -ENODATA && n < 15) {
        n = fetch(cpu, bytes, n, 15);
        if (cpu->fault.pending)
            return NULL;
        op->offset = 0;
        length = cpu_bind(cpu, bytes, n, op, &ends);
    }
    if (length == -ENODATA) { /* it goes on behind the limit */
        cpu_raise(cpu, VECTOR_GP, 0);
        return NULL;
    }
    op->left = 0;
    behind(op + 1, NULL, (unsigned)length);
    op[1].to[0] = op[1].to[1] = &nowhere;
    return op;
}
