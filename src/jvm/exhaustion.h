/* SPDX-License-Identifier: Apache-2.0 */
/* Which limit of the virtual machine an OutOfMemoryError speaks of. Pure. */
#ifndef MOAT_JVM_EXHAUSTION_H
#define MOAT_JVM_EXHAUSTION_H

#include "jvm/meter.h"

/* By the text of the error, as HotSpot 17 to 25 and their libraries write it; JVM_END_NONE where it is none of theirs.
 */
enum jvm_end jvm_end_of_text(const char *text);

/* By the line that -XX:+ExitOnOutOfMemoryError prints before it ends the process; JVM_END_NONE where it is not that. */
enum jvm_end jvm_end_of_line(const char *line);

#endif
