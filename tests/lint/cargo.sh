#!/bin/sh
# usage: cargo.sh BUILD_DIR CARGO ARGUMENT...
# Runs cargo with the jemalloc that lies in BUILD_DIR, if there is one; to build it anew takes a minute.
set -eu
build_dir=$1 cargo=$2
shift 2
newest=$(find "$build_dir" -path '*/out/lib/libjemalloc_pic.a' -type f -printf '%T@ %p\n' 2>/dev/null |
    sort -n | tail -n 1 | cut -d ' ' -f 2-)
if [ -n "$newest" ]; then
    # cargo looks at the name alone, so one that is built anew takes a new one.
    named="${newest%.a}-$(stat -c %Y "$newest").a"
    ln -sf "$newest" "$named"
    export JEMALLOC_OVERRIDE="$named"
fi
PATH="$(dirname "$cargo"):$PATH" exec "$cargo" "$@"
