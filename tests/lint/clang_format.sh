#!/bin/sh
# usage: clang_format.sh CLANG_FORMAT
# memory.h is cbindgen's to format.
set -eu
find c tests cmake -name '*.[ch]' ! -path c/include/catzilla/memory.h -print0 |
    xargs -0 "$1" --dry-run -Werror
