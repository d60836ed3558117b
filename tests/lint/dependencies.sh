#!/bin/sh
# usage: dependencies.sh CARGO...
# The shipped archive holds nothing of others but jemalloc's binding and libc's declarations.
set -eu
allowed='^(catzilla-(ffi|memory)|libc|tikv-jemalloc-sys) '
tree=$("$@" tree --locked -e normal -p catzilla-ffi --prefix none)
printf '%s\n' "$tree"
if printf '%s\n' "$tree" | grep -v -E "$allowed"; then
    echo "these are none of them"
    exit 1
fi
