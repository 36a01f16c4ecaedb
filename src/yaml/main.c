/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-yaml: one YAML document on descriptor 0 becomes a record of host/yaml_record.h on descriptor 1. Started by moat
 * with an empty environment; the build starts it with --plain, which writes the JSON alone and problems as text on
 * descriptor 2. Shut in before it reads a byte: it can then read and write those three, use memory, and end.
 */
#include "base/io.h"
#include "yaml/convert.h"
#include "yaml/jail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssize_t read_all(char *buf, size_t size)
{
    size_t n = 0;

    while (n < size) {
        ssize_t k = read(0, buf + n, size - n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? -1 : (ssize_t)n;
        n += (size_t)k;
    }
    return (ssize_t)n;
}

static int write_record(const struct yaml_output *o)
{
    struct yaml_head head = {.version = YAML_VERSION,
                             .n_positions = o->n_positions,
                             .n_problems = o->n_problems,
                             .json_len = (uint32_t)o->json_len};

    if (io_write_all(1, &head, sizeof head) < 0 ||
        io_write_all(1, o->positions, o->n_positions * sizeof *o->positions) < 0 ||
        io_write_all(1, o->problems, o->n_problems * sizeof *o->problems) < 0 ||
        io_write_all(1, o->json, o->json_len) < 0)
        return 1;
    return 0;
}

static int write_plain(const struct yaml_output *o)
{
    char line[512];

    for (uint32_t i = 0; i < o->n_problems; i++) {
        const struct yaml_problem *p = &o->problems[i];
        int n = snprintf(line, sizeof line, "%u:%u: %s; accepted: %s\n", p->line, p->column, p->text, p->accepted);
        io_write_all(2, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    }
    return o->n_problems || io_write_all(1, o->json, o->json_len) < 0 || io_write_all(1, "\n", 1) < 0;
}

int main(int argc, char **argv)
{
    static struct yaml_output out;
    struct err err = {0};
    bool plain = argc > 1 && !strcmp(argv[1], "--plain");

    if (yaml_jail_enter(&err) < 0) {
        io_write_all(2, err.text, strlen(err.text));
        return 2;
    }
    char *text = malloc(YAML_TEXT_MAX + 1); /* one more: too large is seen by the converter */
    ssize_t n = text ? read_all(text, YAML_TEXT_MAX + 1) : -1;
    if (n < 0 || yaml_convert(text, (size_t)n, &out) < 0)
        return 1;
    return plain ? write_plain(&out) : write_record(&out);
}
