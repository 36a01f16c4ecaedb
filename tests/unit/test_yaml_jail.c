/* SPDX-License-Identifier: Apache-2.0 */
/* What a taken-over moat-yaml can still do (converter_jail.h). */
#include "converter_jail.h"
#include "yaml/jail.h"

int main(void)
{
    return converter_jail_test("yaml_jail", yaml_jail_enter);
}
