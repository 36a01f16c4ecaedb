/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/broker.h"

int shut_in(struct broker *b, int userns, struct err *err)
{
    return 0;
}
