# SPDX-License-Identifier: Apache-2.0
# For the files that run Java programs behind -b jvm: the JDK in $JDK, a place for their files in $WORK.

# For setup_file. MOAT_TEST_JDK: another JDK than that of javac.
java_place()
{
    require_root
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data MOAT_CACHE_DIR=$BATS_FILE_TMPDIR/cache
    unset JAVA_HOME JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH TZ XDG_CACHE_HOME
    export LC_ALL=C.UTF-8
    local javac=${MOAT_TEST_JDK:+$MOAT_TEST_JDK/bin/javac}
    javac=$(readlink -f "${javac:-$(command -v javac || printf '%s\n' /usr/lib/jvm/*/bin/javac | head -1)}")
    [ -x "$javac" ] || skip "needs a JDK with javac (Debian package openjdk-17-jdk-headless)"
    export JDK=${javac%/bin/javac}
    # Not below /tmp, which is fresh inside.
    WORK=$(mktemp -d /var/tmp/moat-test-XXXXXX)
    export WORK
    chmod 755 "$WORK"
}

# For teardown_file.
java_gone() { [ -z "$WORK" ] || rm -rf "$WORK"; }
