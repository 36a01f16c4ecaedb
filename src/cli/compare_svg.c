/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `moat compare` measured, as a picture: a panel for each figure, a bar for each subject, all bars of a panel from
 * zero. Still, without scripts and fonts of its own; colours follow the reader's preference for light or dark. Names
 * and words from outside are escaped.
 */
#include "base/io.h"
#include "cli/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WIDTH   900
#define MARGIN  20
#define COLUMNS 3
#define SPACE   14
#define PANEL   ((WIDTH - 2 * MARGIN - (COLUMNS - 1) * SPACE) / COLUMNS)
#define TOP     78 /* the first panel */
#define PAD     12
#define HEAD    30 /* of a panel, above its bars */
#define ROW     30 /* of a bar, with the words above it */
#define BAR     8
#define BAR_LEN (PANEL - 2 * PAD)
#define FOOT    30
#define LABEL   62 /* the widest name is some 60 wide */
#define ROOM    1.15

static const char style[] =
    "<style>"
    ".b{fill:#ffffff}.p{fill:#f6f8fa;stroke:#d1d9e0}.t{fill:#1f2328}.m{fill:#59636e}.w{stroke:#1f2328}.g{fill:#e4e8ec}"
    ".c0{fill:#8c959f}.c1{fill:#2f81f7}.c2{fill:#e16f24}.c3{fill:#2da44e}.c4{fill:#a475f9}.c5{fill:#d4a72c}"
    ".c6{fill:#e85aad}.c7{fill:#1b9aaa}.c8{fill:#cf4a4a}"
    "@media(prefers-color-scheme:dark){"
    ".b{fill:#0d1117}.p{fill:#151b23;stroke:#3d444d}.t{fill:#f0f6fc}.m{fill:#9198a1}.w{stroke:#f0f6fc}.g{fill:#262c36}"
    "}</style>\n";

/* As XML text; what XML cannot hold is a question mark. */
static void put_text(FILE *f, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '<')
            fputs("&lt;", f);
        else if (*c == '>')
            fputs("&gt;", f);
        else if (*c == '&')
            fputs("&amp;", f);
        else
            fputc(*c < 0x20 || *c >= 0x7f ? '?' : *c, f);
    }
}

/* The longest bar stands for this; a smallest or largest round far away is cut. */
static double scale_of(const struct compare *c, int id)
{
    double scale = 0;

    for (size_t i = 0; i < c->n_subjects; i++) {
        struct compare_summary s = compare_summarise(&c->subjects[i].series[id]);
        if (s.n && !c->subjects[i].failed && s.median > scale)
            scale = s.median;
    }
    if (id == COMPARE_SURFACE && c->surface_of)
        scale = c->surface_of / ROOM;
    return scale * ROOM;
}

static void put_words(FILE *f, const struct compare *c, int id, const struct compare_subject *s,
                      const struct compare_summary *sum)
{
    char value[32], times[24];

    if (!sum->n || s->failed) {
        fputs("-", f);
        return;
    }
    compare_value(sum->median, compare_figures[id].unit, value, sizeof value);
    compare_times(c, s, sum, (enum compare_id)id, times, sizeof times);
    fprintf(f, "%s<tspan class=\"m\" font-weight=\"400\" dx=\"6\">%s", value, times);
    if (id == COMPARE_SURFACE)
        fprintf(f, "of %u", c->surface_of);
    else
        fprintf(f, "%s&#177;%.0f%%", *times ? " " : "", sum->median > 0 ? 100 * sum->deviation / sum->median : 0);
    fputs("</tspan>", f);
}

static void put_bar(FILE *f, const struct compare *c, int id, size_t i, int x, int y, double scale)
{
    const struct compare_subject *s = &c->subjects[i];
    struct compare_summary sum = compare_summarise(&s->series[id]);
    bool measured = sum.n && !s->failed && scale > 0;

    fprintf(f, "<text class=\"m\" x=\"%d\" y=\"%d\">", x, y + 12);
    put_text(f, s->name);
    fprintf(f, "</text><text class=\"t\" x=\"%d\" y=\"%d\" text-anchor=\"end\" font-weight=\"600\">", x + BAR_LEN,
            y + 12);
    put_words(f, c, id, s, &sum);
    fprintf(f, "</text>\n<rect class=\"g\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\"/>", x, y + 17, BAR_LEN,
            BAR);
    if (measured) {
        double from = sum.min / scale, to = sum.max / scale, length = BAR_LEN * sum.median / scale;
        fprintf(f, "<rect class=\"c%zu\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>", i % 9, x, y + 17,
                length < 1.5 ? 1.5 : length, BAR);
        if (sum.n > 1)
            fprintf(f, "<path class=\"w\" d=\"M%.1f %.1fH%.1f\"/>", x + BAR_LEN * (from > 1 ? 1 : from),
                    y + 17 + BAR / 2.0, x + BAR_LEN * (to > 1 ? 1 : to));
    }
    fputc('\n', f);
}

static void put_panel(FILE *f, const struct compare *c, int id, int x, int y, int height)
{
    const struct compare_figure *figure = &compare_figures[id];
    bool job = id == COMPARE_START && c->job_command;
    double scale = scale_of(c, id);

    fprintf(f, "<rect class=\"p\" x=\"%d.5\" y=\"%d.5\" width=\"%d\" height=\"%d\" rx=\"6\"/>", x, y, PANEL - 1,
            height - 1);
    fprintf(f, "<text class=\"t\" x=\"%d\" y=\"%d\" font-size=\"13\" font-weight=\"600\">", x + PAD, y + 21);
    put_text(f, job ? "the job" : figure->words);
    fprintf(f, "</text><text class=\"m\" x=\"%d\" y=\"%d\" text-anchor=\"end\" font-size=\"10\">%s is better</text>\n",
            x + PANEL - PAD, y + 21, figure->more_is_better ? "more" : "less");
    for (size_t i = 0; i < c->n_subjects; i++)
        put_bar(f, c, id, i, x + PAD, y + HEAD + (int)i * ROW, scale);
}

static void draw(FILE *f, const struct compare *c)
{
    int panel = HEAD + (int)c->n_subjects * ROW + 8, lines = (COMPARE_FIGURES + COLUMNS - 1) / COLUMNS;
    int height = TOP + lines * panel + (lines - 1) * SPACE + FOOT + 8;
    char text[512];

    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "font-family=\"system-ui,-apple-system,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif\" "
            "font-size=\"11\" role=\"img\" aria-labelledby=\"t d\">\n<title id=\"t\">The same job natively and behind "
            "each boundary</title>\n<desc id=\"d\">",
            WIDTH, height, WIDTH, height);
    compare_method(c, text, sizeof text);
    put_text(f, text);
    fprintf(f, "</desc>\n%s<rect class=\"b\" width=\"%d\" height=\"%d\"/>\n", style, WIDTH, height);
    fprintf(f, "<text class=\"t\" x=\"%d\" y=\"34\" font-size=\"18\" font-weight=\"700\">", MARGIN);
    if (c->job_command) {
        char job[96];
        compare_job(c, job, sizeof job);
        put_text(f, job);
    } else {
        fputs("The same job natively and behind each boundary", f);
    }
    fprintf(f, "</text>\n<text class=\"m\" x=\"%d\" y=\"56\">", MARGIN);
    compare_machine(c, text, sizeof text);
    put_text(f, text);
    fputs("</text>\n", f);
    for (int id = 0; id < COMPARE_FIGURES; id++)
        put_panel(f, c, id, MARGIN + id % COLUMNS * (PANEL + SPACE), TOP + id / COLUMNS * (panel + SPACE), panel);
    fprintf(f,
            "<text class=\"m\" x=\"%d\" y=\"%d\">bar: median of %u rounds; line: from the smallest to the largest; "
            "&#177;: median distance from the median; x: of native's</text>\n</svg>\n",
            MARGIN, height - 16, c->rounds);
}

/* What is there is kept until there is something to put into it. */
int compare_check_svg(const char *path, struct err *err)
{
    struct stat st;
    bool is_new = stat(path, &st) < 0 && errno == ENOENT;
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);

    if (fd < 0)
        return err_sys(err, -errno, "--svg %s: cannot be written", path);
    if (is_new)
        unlink(path);
    return 0;
}

int compare_write_svg(const struct compare *c, const char *path, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    if (!f)
        return err_set(err, -ENOMEM, "out of memory");
    draw(f, c);
    if (fclose(f) != 0)
        return err_set(err, -ENOMEM, "out of memory");
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int r = fd < 0 ? -errno : io_write_all(fd, text, len);
    return r < 0 ? err_sys(err, r, "--svg %s", path) : 0;
}
