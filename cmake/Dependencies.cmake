# What is not ours: Corrosion, libuv and llhttp. Each is taken where it is installed, in the system or
# in the private prefix that `quickstart setup` fills; else, with CATZILLA_FETCH, it is fetched at a
# pinned commit. The libraries become the INTERFACE targets catzilla_libuv and catzilla_llhttp.
include(FetchContent)

set(CATZILLA_DEPS_DIR "${PROJECT_SOURCE_DIR}/build/deps"
    CACHE PATH "Prefix of dependencies that the system's packages do not offer")
list(APPEND CMAKE_PREFIX_PATH "${CATZILLA_DEPS_DIR}/usr")
set(catzilla_corrosion_repository "https://github.com/corrosion-rs/corrosion.git")
set(catzilla_corrosion_commit 1499b14e4906a2890f5cee1547c8848db261753d) # v0.6.1
set(catzilla_llhttp_repository "https://github.com/nodejs/llhttp.git")
set(catzilla_llhttp_commit f831650b4f693bc1b4a6fe08f1b8ae25196e9f6a) # release/v9.4.2
set(catzilla_libuv_repository "https://github.com/libuv/libuv.git")
set(catzilla_libuv_commit 1cfa32ff59c076ffb6ed735bbc8c18361558661f) # v1.52.1

# Fetches NAME, or says what is missing and how to get it. Its own install rules stay out of ours.
macro(catzilla_fetch name lack)
  if(NOT CATZILLA_FETCH)
    message(FATAL_ERROR "${lack}, or set CATZILLA_FETCH=ON")
  endif()
  message(STATUS "${lack}; fetching ${catzilla_${name}_commit}")
  FetchContent_Declare(
    ${name}
    GIT_REPOSITORY "${catzilla_${name}_repository}"
    GIT_TAG ${catzilla_${name}_commit}
    SOURCE_SUBDIR added-below)
  FetchContent_MakeAvailable(${name})
  add_subdirectory("${${name}_SOURCE_DIR}" "${${name}_BINARY_DIR}" EXCLUDE_FROM_ALL)
endmacro()

find_package(Corrosion 0.6 CONFIG QUIET)
if(NOT Corrosion_FOUND)
  catzilla_fetch(corrosion "Corrosion 0.6 not found: run ./quickstart setup or install corrosion")
endif()

# llhttp's own package file names a shared library that its -dev package does not bring.
add_library(catzilla_llhttp INTERFACE)
find_library(CATZILLA_LLHTTP_LIBRARY NAMES libllhttp.a)
find_path(CATZILLA_LLHTTP_INCLUDE_DIR llhttp.h)
mark_as_advanced(CATZILLA_LLHTTP_LIBRARY CATZILLA_LLHTTP_INCLUDE_DIR)
if(CATZILLA_LLHTTP_LIBRARY AND CATZILLA_LLHTTP_INCLUDE_DIR)
  target_include_directories(catzilla_llhttp SYSTEM INTERFACE "${CATZILLA_LLHTTP_INCLUDE_DIR}")
  target_link_libraries(catzilla_llhttp INTERFACE "${CATZILLA_LLHTTP_LIBRARY}")
  set(catzilla_sealed_archives "${CATZILLA_LLHTTP_LIBRARY}")
else()
  catzilla_fetch(llhttp "llhttp 9.2 not found: run ./quickstart setup or install libllhttp-dev")
  target_link_libraries(catzilla_llhttp INTERFACE llhttp_static)
  set(catzilla_sealed_archives "$<TARGET_FILE:llhttp_static>")
endif()

add_library(catzilla_libuv INTERFACE)
find_package(Libuv 1.44 QUIET)
if(Libuv_FOUND)
  target_link_libraries(catzilla_libuv INTERFACE Libuv::Libuv)
else()
  catzilla_fetch(libuv "libuv 1.44 not found: install libuv1-dev")
  target_link_libraries(catzilla_libuv INTERFACE uv_a)
  list(APPEND catzilla_sealed_archives "$<TARGET_FILE:uv_a>")
endif()

# Gives the library what it is made of. llhttp, and a fetched libuv, become part of it, so that an
# installed static library asks its users for nothing that their system does not package.
function(catzilla_link_dependencies target)
  if(BUILD_SHARED_LIBS)
    target_link_libraries(
      ${target} PRIVATE $<BUILD_INTERFACE:catzilla_llhttp> $<BUILD_INTERFACE:catzilla_libuv>
                        $<BUILD_INTERFACE:catzilla_sanitizers>)
  elseif(Libuv_FOUND)
    target_link_libraries(${target} PRIVATE Libuv::Libuv)
  endif()
endfunction()
