# The flags of CATZILLA_SANITIZE, as an INTERFACE target for our own sources.
add_library(catzilla_sanitizers INTERFACE)
if(CATZILLA_SANITIZE)
  if(CATZILLA_SANITIZE MATCHES "address" AND CATZILLA_JEMALLOC)
    message(FATAL_ERROR "AddressSanitizer cannot see into jemalloc's blocks: set CATZILLA_JEMALLOC=OFF")
  endif()
  target_compile_options(
    catzilla_sanitizers INTERFACE -fsanitize=${CATZILLA_SANITIZE} -fno-sanitize-recover=all
                                  -fno-omit-frame-pointer)
  target_link_options(catzilla_sanitizers INTERFACE -fsanitize=${CATZILLA_SANITIZE})
endif()

# What guides libFuzzer. The fuzz targets alone link it; other programs are instrumented in vain.
if(CATZILLA_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "libFuzzer is clang's: set CMAKE_C_COMPILER=clang or CATZILLA_FUZZ=OFF")
  endif()
  target_compile_options(catzilla_sanitizers INTERFACE -fsanitize=fuzzer-no-link)
endif()
