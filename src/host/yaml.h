/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML documents as JSON, by libexec/moat-yaml, and the cache of what it said. Life: yaml_read() -> with no problems
 * the JSON is parsed by base/json.h like any other; yaml_position_of() says where a part of it stood in the YAML.
 */
#ifndef MOAT_HOST_YAML_H
#define MOAT_HOST_YAML_H

#include "base/err.h"
#include "base/mem.h"
#include "host/yaml_record.h"

#include <stdbool.h>

struct yaml_text {
    char *json; /* json[json_len] is writable; hostile */
    size_t json_len;
    const struct yaml_position *positions;
    uint32_t n_positions;
    struct yaml_problem *problems; /* printable, in the order of the text */
    uint32_t n_problems;
    bool cached;
};

/*
 * Converts text[0..len). data_dir: moat's data directory, below which cache/yaml/ keeps good conversions under the
 * digest of the text and the converter's version; NULL or not there: no cache. An entry counts only when directory and
 * file belong to this user alone, and its own sum holds. Everything handed out lies in the arena. Problems of the text
 * are no failure; a converter that is missing, dies or lies is.
 */
int yaml_read(struct arena *a, const char *text, size_t len, const char *data_dir, struct yaml_text *out,
              struct err *err);

/* Where JSON offset `offset` stood; line 1, column 1 when nothing is known of it. */
void yaml_position_of(const struct yaml_text *t, size_t offset, unsigned *line, unsigned *column);

/* A record as it came from the converter or the cache; bytes is changed (words are made printable) and borrowed.
 * -EPROTO. For tests: yaml_read() calls it. */
int yaml_record_check(char *bytes, size_t len, struct yaml_text *out, struct err *err);

#endif
