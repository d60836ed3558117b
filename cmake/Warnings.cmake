# Warnings for our own sources; linked privately, so that users of the library are not held to them.
add_library(catzilla_warnings INTERFACE)
target_compile_options(
  catzilla_warnings
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
            $<$<BOOL:${CATZILLA_WERROR}>:-Werror>)
