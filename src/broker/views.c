/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/broker.h"

int views_enter(struct broker *b, struct err *err)
{
    b->views = true;
    return 0;
}
