/* SPDX-License-Identifier: Apache-2.0 */
/* A filter as text, one line an instruction, for `explain` and for whoever debugs a profile. Any program may be given.
 */
#include "confine/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_CHARS 96

static const char *field_name(uint32_t offset, char *buf, size_t size)
{
    if (offset == offsetof(struct seccomp_data, nr))
        return "nr";
    if (offset == offsetof(struct seccomp_data, arch))
        return "arch";
    if (offset < offsetof(struct seccomp_data, args))
        snprintf(buf, size, "instruction_pointer.%s", offset % 8 ? "high" : "low");
    else
        snprintf(buf, size, "args[%u].%s", (offset - (unsigned)offsetof(struct seccomp_data, args)) / 8,
                 offset % 8 ? "high" : "low");
    return buf;
}

static const char *verdict_name(uint32_t verdict)
{
    switch (verdict & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_KILL_PROCESS:
        return "kill process";
    case SECCOMP_RET_KILL_THREAD:
        return "kill thread";
    case SECCOMP_RET_TRAP:
        return "trap";
    case SECCOMP_RET_ERRNO:
        return "errno";
    case SECCOMP_RET_USER_NOTIF:
        return "notify";
    case SECCOMP_RET_TRACE:
        return "trace";
    case SECCOMP_RET_LOG:
        return "log";
    case SECCOMP_RET_ALLOW:
        return "allow";
    default:
        return "unknown";
    }
}

static int line_of(const struct sock_filter *f, uint32_t i, char *line)
{
    char name[32];
    const char *op = NULL;

    switch (f->code) {
    case BPF_LD | BPF_W | BPF_ABS:
        return snprintf(line, LINE_MAX_CHARS, "%4u  load %s\n", i, field_name(f->k, name, sizeof name));
    case BPF_ALU | BPF_AND | BPF_K:
        return snprintf(line, LINE_MAX_CHARS, "%4u  and 0x%x\n", i, f->k);
    case BPF_RET | BPF_K:
        return snprintf(line, LINE_MAX_CHARS, "%4u  return %s %u\n", i, verdict_name(f->k), f->k & SECCOMP_RET_DATA);
    case BPF_JMP | BPF_JA:
        return snprintf(line, LINE_MAX_CHARS, "%4u  goto %llu\n", i, (unsigned long long)i + 1 + f->k);
    case BPF_JMP | BPF_JEQ | BPF_K:
        op = "==";
        break;
    case BPF_JMP | BPF_JGE | BPF_K:
        op = ">=";
        break;
    case BPF_JMP | BPF_JGT | BPF_K:
        op = ">";
        break;
    case BPF_JMP | BPF_JSET | BPF_K:
        op = "&";
        break;
    default:
        return snprintf(line, LINE_MAX_CHARS, "%4u  code 0x%x jt %u jf %u k 0x%x\n", i, f->code, f->jt, f->jf, f->k);
    }
    return snprintf(line, LINE_MAX_CHARS, "%4u  if %s 0x%x goto %u else %u\n", i, op, f->k, i + 1 + f->jt,
                    i + 1 + f->jf);
}

char *seccomp_disassemble(struct arena *a, const struct bpf_program *prog)
{
    char line[LINE_MAX_CHARS];
    size_t len = 0, at = 0;
    char *text;

    for (uint32_t i = 0; i < prog->n; i++)
        len += (size_t)line_of(&prog->insns[i], i, line);
    text = arena_alloc(a, len + 1);
    if (!text)
        return NULL;
    for (uint32_t i = 0; i < prog->n; i++) {
        size_t n = (size_t)line_of(&prog->insns[i], i, line);
        memcpy(text + at, line, n);
        at += n;
    }
    text[at] = 0;
    return text;
}
