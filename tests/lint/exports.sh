#!/bin/sh
# usage: exports.sh NM -D|-g LIBRARY...
# Every symbol that a library shows to those who link it is one of the interface's, or what
# ThreadSanitizer's runtime asks of a build for it.
set -eu
nm=$1 kind=$2
shift 2
for library in "$@"; do
    symbols=$("$nm" "$kind" --defined-only "$library" | awk 'NF == 3 { print $3 }')
    strangers=$(printf '%s\n' "$symbols" | grep -v -e '^catzilla_' -e '^__tsan_default_' || true)
    if [ -n "$strangers" ] || [ -z "$symbols" ]; then
        printf '%s: exports other than catzilla_*, or none:\n%s\n' "$library" "$strangers"
        exit 1
    fi
    printf '%s: %s symbols\n' "$library" "$(printf '%s\n' "$symbols" | wc -l)"
done
