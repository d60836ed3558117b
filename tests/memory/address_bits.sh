#!/bin/sh
# usage: address_bits.sh NM ARCHIVE
# jemalloc's map of pages has the layout of 48 bits: two levels, the first a table of 2^18 pointers. With more
# bits there are three, and the first is an eighth of that.
set -eu
size=$("$1" -S --defined-only "$2" 2>/dev/null | awk '$4 == "_rjem_je_arena_emap_global" { print $2; exit }')
[ -n "$size" ] || { printf '%s: no _rjem_je_arena_emap_global\n' "$2"; exit 1; }
printf 'the first level and what is with it: 0x%s bytes\n' "$size"
[ "$((0x$size))" -ge "$((8 << 18))" ]
