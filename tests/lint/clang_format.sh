#!/bin/sh
# memory.h is cbindgen's to format.
set -eu
if ! command -v clang-format >/dev/null; then
    echo "clang-format not found: run ./quickstart setup or install clang-format"
    exit 1
fi
find c tests cmake -name '*.[ch]' ! -path c/include/catzilla/memory.h -print0 |
    xargs -0 clang-format --dry-run -Werror
