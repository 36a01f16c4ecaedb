#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed.sh FILE OUT.S NAME: an assembler file with FILE's bytes between NAME and NAME_end.
set -eu
cat >"$2" <<TXT
    .section .rodata
    .balign 16
    .globl $3, $3_end
$3:
    .incbin "$(realpath "$1")"
$3_end:
    .section .note.GNU-stack,"",%progbits
TXT
