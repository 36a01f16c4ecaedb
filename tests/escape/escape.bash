# SPDX-License-Identifier: Apache-2.0
# For the attacks in this folder: builds the C probes, static, once per bats file, and makes bundles with a hostile root.
load ../lib

# build_probes NAME...: $PROBES/NAME from NAME.c
build_probes()
{
    require_command musl-gcc musl-tools
    PROBES=$BATS_FILE_TMPDIR/probes
    export PROBES
    mkdir -p "$PROBES"
    local name arch
    arch=$(gcc -print-multiarch)
    for name; do
        musl-gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static -idirafter /usr/include -idirafter "/usr/include/$arch" \
            -o "$PROBES/$name" "$BATS_TEST_DIRNAME/$name.c" || return 1
    done
}

# Every capability of this process, as a JSON array for config.json.
all_caps()
{
    local names=(CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
        NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT
        SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
        WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE)
    local have i out=()
    have=$((16#$(awk '/^CapEff/ { print $2 }' /proc/self/status)))
    for i in "${!names[@]}"; do
        if ((have >> i & 1)); then out+=("\"CAP_${names[i]}\""); fi
    done
    local IFS=,
    echo "[${out[*]}]"
}

# A bundle without user namespace, seccomp, masks or missing capabilities: container root is as strong as it gets.
# strong_bundle DIR [JQ-FILTER]
strong_bundle()
{
    make_bundle "$1" ".root.readonly = false | .process.noNewPrivileges = false | .linux.maskedPaths = [] | .linux.readonlyPaths = []
        | .process.capabilities = ($(all_caps) as \$c | {bounding: \$c, effective: \$c, permitted: \$c}) | ${2:-.}"
}
