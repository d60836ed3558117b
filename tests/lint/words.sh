#!/bin/sh
# usage: words.sh FOLDER PATTERN
# No C source below FOLDER has a word that the extended regular expression matches. Comments do
# not count.
set -eu
found=$(find "$1" -name '*.[ch]' | while read -r file; do
    sed -e 's://.*$::' -e 's:/\*[^*]*\*/::g' "$file" | sed -e '/\/\*/,/\*\//d' |
        grep -E "(^|[^A-Za-z0-9_.>])($2)" | sed "s:^:$file\: :" || true
done)
if [ -n "$found" ]; then
    printf '%s\n' "$found"
    exit 1
fi
