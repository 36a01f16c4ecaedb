/* SPDX-License-Identifier: Apache-2.0 */
/* What a taken-over moat-screen can still do (converter_jail.h). */
#include "converter_jail.h"
#include "screen/jail.h"

int main(void)
{
    return converter_jail_test("screen_jail", screen_jail_enter);
}
