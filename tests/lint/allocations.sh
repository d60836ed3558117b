#!/bin/sh
# Every block that C takes names its class: no call of the system's allocator, itself or through a
# function that hides one. Comments do not count.
set -eu
calls='(malloc|calloc|realloc|reallocarray|free|aligned_alloc|posix_memalign|memalign|valloc|strdup'
calls="$calls|strndup|asprintf|vasprintf|getline|getdelim|realpath|open_memstream|scandir)"
find c -name '*.[ch]' | while read -r file; do
    sed -e 's://.*$::' -e 's:/\*[^*]*\*/::g' "$file" | sed -e '/\/\*/,/\*\//d' |
        grep -E "(^|[^A-Za-z0-9_.>])$calls *\(" | sed "s:^:$file\: :" || true
done | { ! grep .; }
