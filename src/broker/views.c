/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/broker.h"

int views_enter(struct broker *b, struct err *err)
{
    b->views = true;
    for (uint32_t i = 0; i < b->rules.n_trees; i++)
        b->trees[i].change_mount = b->trees[i].show_mount = mount_id(b->trees[i].change);
    return 0;
}
