/* SPDX-License-Identifier: Apache-2.0 */
/* moat-enter, embedded: MOAT_ENTER_FILE is the built executable. */
    .section .rodata
    .balign 16
    .globl enter_blob, enter_blob_end
enter_blob:
    .incbin MOAT_ENTER_FILE
enter_blob_end:
    .section .note.GNU-stack,"",%progbits
