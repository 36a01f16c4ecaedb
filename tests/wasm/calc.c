/* SPDX-License-Identifier: Apache-2.0 */
/* calc: each line of the input is a sum with + - * / and brackets; its value, or what is wrong with it. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static const char *at;
static const char *wrong;

static double sum(void);

static void space(void)
{
    while (isspace((unsigned char)*at))
        at++;
}

static double atom(void)
{
    char *end;
    double v;

    space();
    if (*at == '-') {
        at++;
        return -atom();
    }
    if (*at == '(') {
        at++;
        v = sum();
        space();
        if (*at++ != ')')
            wrong = "a bracket is missing";
        return v;
    }
    v = strtod(at, &end);
    if (end == at)
        wrong = "a number is missing";
    at = end;
    return v;
}

static double product(void)
{
    double v = atom();

    for (space(); !wrong && (*at == '*' || *at == '/'); space())
        v = *at++ == '*' ? v * atom() : v / atom();
    return v;
}

static double sum(void)
{
    double v = product();

    for (space(); !wrong && (*at == '+' || *at == '-'); space())
        v = *at++ == '+' ? v + product() : v - product();
    return v;
}

int main(void)
{
    char line[1024];

    while (fgets(line, sizeof line, stdin)) {
        at = line;
        wrong = NULL;
        double v = sum();
        if (!wrong && *at)
            wrong = "something is left over";
        if (wrong)
            printf("error: %s\n", wrong);
        else
            printf("%.10g\n", v);
    }
    return 0;
}
