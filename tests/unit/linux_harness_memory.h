/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the harness: guest pages, page-cache objects. Private to the harness. */
#ifndef MOAT_TEST_LINUX_HARNESS_MEMORY_H
#define MOAT_TEST_LINUX_HARNESS_MEMORY_H

#include "linux_harness.h"

/* Everything of the last run is gone; p->aspace and p->memobj are set. */
bool memory_begin(const struct harness *, struct platform *p);
const void *memory_image(void);
struct memobj *memory_image_object(void);
const struct files_ops *memory_files(const struct harness *); /* with its object; NULL */
void *memory_stack(size_t n);  /* guest memory: the top of a stack with a guard page; aborts when there is no room */
void *memory_xstate(size_t n); /* freed with the run; aligned to 64 */

#endif
