/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy as YAML, with comments that say why a rule reaches further than what was used, and what was not seen.
 * Names come from the program: what could end a comment or a scalar is escaped. Pure.
 */
#include "confine/paths.h"
#include "learn/learn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- scalars ----------------------------------------------------------------------------------------------------- */

static bool is_plain(const char *text)
{
    if (*text != '/' && strncmp(text, "./", 2) != 0 &&
        !((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z')))
        return false;
    for (const char *c = text; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              strchr("/._-+:=@%~^", *c)))
            return false;
    return text[strlen(text) - 1] != ':';
}

/* Length of the UTF-8 sequence at `s` that YAML prints as it is; 0: none. */
static size_t printable(const unsigned char *s)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;
    uint32_t code = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));

    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    bool ok = (code >= 0x20 && code != 0x7f && code < 0x80) ||
              (code >= 0xa0 && code < 0xd800 && code != 0x2028 && code != 0x2029) ||
              (code >= 0xe000 && code < 0xfffe && code != 0xfeff) || (code >= 0x10000 && code <= 0x10ffff);
    bool shortest = n < 3 || (n == 3 && code >= 0x800) || (n == 4 && code >= 0x10000);
    return ok && shortest ? n : 0;
}

char *learn_scalar_text(struct arena *a, const char *text)
{
    size_t most = 4 * strlen(text) + 3, n = 0;

    if (*text && is_plain(text))
        return arena_strdup(a, text);
    char *out = arena_alloc(a, most);
    if (!out)
        return NULL;
    out[n++] = '"';
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        size_t len = printable(c);
        if (!len && *c >= 0x80)
            return NULL; /* bytes that are no text have no place in YAML */
        if (!len) {
            n += (size_t)sprintf(out + n, "\\x%02x", *c++);
            continue;
        }
        if (*c == '"' || *c == '\\')
            out[n++] = '\\';
        memcpy(out + n, c, len);
        n += len;
        c += len;
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}

char *learn_item_text(struct arena *a, const struct learn_rule *rule)
{
    char letters[8];
    const char *text = arena_printf(a, "%s:%s", rule->path, paths_access_text(rule->access, letters));

    return text ? learn_scalar_text(a, text) : NULL;
}

/* ---- comments ---------------------------------------------------------------------------------------------------- */

#define COMMENT_WIDTH 116

/* One paragraph, wrapped; what is not printable becomes '?'. */
static void comment(FILE *f, const char *indent, const char *first, const char *text)
{
    size_t column = 0;

    for (const char *c = text; *c;) {
        size_t len = strcspn(c, " ");
        if (column && column + 1 + len > COMMENT_WIDTH) {
            fputc('\n', f);
            column = 0;
        }
        if (!column)
            column = (size_t)fprintf(f, "%s#%s", indent, c == text ? first : "   ");
        fputc(' ', f);
        for (size_t i = 0; i < len;) {
            size_t n = printable((const unsigned char *)c + i);
            fwrite(n ? c + i : "?", 1, n ? n : 1, f);
            i += n ? n : 1;
        }
        column += 1 + len;
        c += len + strspn(c + len, " ");
    }
    fputc('\n', f);
}

static void write_head(FILE *f, const struct learn *l, const struct learn_story *story)
{
    static const char *const unseen[] = {
        "files that were open before, and what is read or written through them",
        "the environment: under this policy it is what `moat run -b broker` gives",
        "modes, owners and times set through open files; signals",
        "memory, time and processes, which have moat's usual limits",
        "calls of 32-bit programs; sockets without a name in the file system; what the kernel runs by binfmt_misc",
    };
    char line[LEARN_PATH_SIZE + 512];

    fputs("# Written by `moat learn`: what one run used, and no more.\n", f);
    snprintf(line, sizeof line, "Program: %s, with %u argument%s, in %s; it ended with %s.", story->program,
             story->arguments, story->arguments == 1 ? "" : "s", l->cwd, story->end);
    comment(f, "", "", line);
    fputs("# A run that does something else may need more: `moat run --deny-log` says what, and `moat learn --merge` "
          "adds it.\n"
          "#\n# Not seen:\n",
          f);
    for (size_t i = 0; i < ARRAY_LEN(unseen); i++)
        comment(f, "", " -", unseen[i]);
    if (l->n_notes)
        fputs("# Used, and not given by this policy:\n", f);
    for (uint32_t i = 0; i < l->n_notes; i++)
        comment(f, "", " -", l->notes[i]);
    if (l->notes_lost)
        fputs("# - more of this kind\n", f);
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static void write_rules(FILE *f, const struct learn *l, enum path_verdict verdict, const char *name)
{
    bool any = false;

    for (uint32_t i = 0; i < l->n_rules; i++) {
        const struct learn_rule *rule = &l->rules[i];
        if (rule->verdict != verdict || rule->known)
            continue;
        const char *text = learn_item_text(l->arena, rule);
        if (!any)
            fprintf(f, "%s:\n", name);
        any = true;
        if (rule->why)
            comment(f, "  ", "", rule->why);
        if (text)
            fprintf(f, "  - %s\n", text);
        else
            comment(f, "  ", " not given, since its name is no text:", rule->path);
    }
}

static int by_path(const void *a, const void *b)
{
    return strcmp((*(const struct learn_link *const *)a)->path, (*(const struct learn_link *const *)b)->path);
}

const struct learn_link **learn_links_new(const struct learn *l, uint32_t *n)
{
    const struct learn_link **v = arena_array(l->arena, l->n_links + 1, sizeof *v);

    *n = 0;
    for (uint32_t i = 0; v && i < l->links_size; i++)
        if (l->links[i] && !l->links[i]->known)
            v[(*n)++] = l->links[i];
    if (v)
        qsort(v, *n, sizeof *v, by_path);
    return v;
}

static void write_links(FILE *f, const struct learn *l)
{
    uint32_t n;
    const struct learn_link **v = learn_links_new(l, &n);

    if (v && n)
        fputs("# Links that the program looked at themselves.\nlinks:\n", f);
    for (uint32_t i = 0; v && i < n; i++) {
        const char *path = learn_scalar_text(l->arena, v[i]->path), *target = learn_scalar_text(l->arena, v[i]->target);
        if (path && target)
            fprintf(f, "  %s: %s\n", path, target);
        else
            comment(f, "  ", " not given, since its name is no text:", v[i]->path);
    }
}

static void write_nets(FILE *f, const struct learn *l)
{
    bool any = false;

    for (uint32_t i = 0; i < l->n_nets; i++) {
        const char *text = l->nets[i].known ? NULL : learn_scalar_text(l->arena, l->nets[i].text);
        if (!text)
            continue;
        if (!any)
            fputs("allowNet:\n", f);
        any = true;
        fprintf(f, "  - %s\n", text);
    }
}

static void write_scratch(FILE *f, const struct learn *l)
{
    if (l->n_scratch)
        fputs("# Files that it made and left to nobody: a file system in memory instead of the host's.\nmounts:\n", f);
    for (uint32_t i = 0; i < l->n_scratch; i++)
        fprintf(f, "  - {type: tmpfs, target: %s, mode: \"1777\"}\n", l->scratch[i]);
}

char *learn_write(const struct learn *l, const struct learn_story *story)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    write_head(f, l, story);
    fputs("version: 1\ndefaults: none\n", f);
    write_rules(f, l, PATH_ALLOW, "allow");
    write_rules(f, l, PATH_BROKER, "broker");
    write_links(f, l);
    write_scratch(f, l);
    write_nets(f, l);
    bool failed = ferror(f);
    if (fclose(f) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
