# The memory layer's header: kept in the tree, generated from rust/ffi by a pinned cbindgen, so that
# those who only build C need no generator. `memory-header` writes it anew; a test compares the two.
set(catzilla_cbindgen_version 0.29.2)

find_program(CATZILLA_CBINDGEN cbindgen HINTS "${CATZILLA_DEPS_DIR}/bin")
mark_as_advanced(CATZILLA_CBINDGEN)
if(CATZILLA_CBINDGEN)
  execute_process(COMMAND "${CATZILLA_CBINDGEN}" --version OUTPUT_VARIABLE catzilla_cbindgen_found
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()

if("${catzilla_cbindgen_found}" STREQUAL "cbindgen ${catzilla_cbindgen_version}")
  set(catzilla_cbindgen "${CATZILLA_CBINDGEN}" --quiet --config rust/ffi/cbindgen.toml
                        --output c/include/catzilla/memory.h)
else()
  set(catzilla_cbindgen
      sh -c "echo \"cbindgen ${catzilla_cbindgen_version} not found: run ./quickstart setup\"; exit 1")
endif()
add_custom_target(memory-header COMMAND ${catzilla_cbindgen} rust/ffi
                  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" VERBATIM)
