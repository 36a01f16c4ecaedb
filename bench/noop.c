/* SPDX-License-Identifier: Apache-2.0 */
/* The program every start is timed with: static, and over at once. With an argument it stays, to be looked at. */
#include <unistd.h>

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        pause();
    return 0;
}
