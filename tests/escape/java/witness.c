/* SPDX-License-Identifier: Apache-2.0 */
/* A program that proves by its status that it was executed. */
int main(void)
{
    return 42;
}
