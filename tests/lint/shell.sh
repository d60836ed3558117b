#!/bin/sh
# The scripts are POSIX shell's.
set -eu
if ! command -v shellcheck >/dev/null; then
    echo "shellcheck not found: run ./quickstart setup or install shellcheck"
    exit 1
fi
shellcheck --severity=warning quickstart .ci/run tests/lint/*.sh tests/memory/*.sh
