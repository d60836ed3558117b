# What is not ours: Corrosion, libuv and llhttp. Each is taken where it is installed, in the system or
# in the private prefix that `quickstart setup` fills; else, with CATZILLA_FETCH, it is fetched at a
# pinned commit. The libraries become the INTERFACE targets catzilla_libuv and catzilla_llhttp.
include(FetchContent)

set(CATZILLA_DEPS_DIR "${PROJECT_SOURCE_DIR}/build/deps"
    CACHE PATH "Prefix of dependencies that the system's packages do not offer")
list(APPEND CMAKE_PREFIX_PATH "${CATZILLA_DEPS_DIR}/usr")

# Where fall-backs come from: the commits of v0.6.1, release/v9.4.2 and v1.52.1.
set(CATZILLA_CORROSION_REPOSITORY "https://github.com/corrosion-rs/corrosion.git" CACHE STRING "")
set(CATZILLA_CORROSION_COMMIT 1499b14e4906a2890f5cee1547c8848db261753d CACHE STRING "")
set(CATZILLA_LLHTTP_REPOSITORY "https://github.com/nodejs/llhttp.git" CACHE STRING "")
set(CATZILLA_LLHTTP_COMMIT f831650b4f693bc1b4a6fe08f1b8ae25196e9f6a CACHE STRING "")
set(CATZILLA_LIBUV_REPOSITORY "https://github.com/libuv/libuv.git" CACHE STRING "")
set(CATZILLA_LIBUV_COMMIT 1cfa32ff59c076ffb6ed735bbc8c18361558661f CACHE STRING "")
foreach(name CORROSION LLHTTP LIBUV)
  mark_as_advanced(CATZILLA_${name}_REPOSITORY CATZILLA_${name}_COMMIT)
endforeach()

# Fetches NAME, or says what is missing and how to get it.
function(catzilla_fetch_sources name lack)
  if(NOT CATZILLA_FETCH)
    message(FATAL_ERROR "${lack}, or set CATZILLA_FETCH=ON")
  endif()
  string(TOUPPER ${name} upper)
  message(STATUS "${lack}; fetching ${CATZILLA_${upper}_COMMIT}")
  # The folder that does not exist keeps MakeAvailable from adding the project, which it would do
  # with its install rules.
  FetchContent_Declare(
    ${name}
    GIT_REPOSITORY "${CATZILLA_${upper}_REPOSITORY}"
    GIT_TAG ${CATZILLA_${upper}_COMMIT}
    SOURCE_SUBDIR added-below)
  FetchContent_MakeAvailable(${name})
  set(${name}_SOURCE_DIR "${${name}_SOURCE_DIR}" PARENT_SCOPE)
  set(${name}_BINARY_DIR "${${name}_BINARY_DIR}" PARENT_SCOPE)
endfunction()

# Fetches and adds NAME. A library becomes a static one fit to be part of a shared one, and its install
# rules and tests stay out of ours.
function(catzilla_fetch name lack)
  catzilla_fetch_sources(${name} "${lack}")
  set(BUILD_SHARED_LIBS OFF)
  set(BUILD_TESTING OFF)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  set(LIBUV_BUILD_SHARED OFF)
  add_subdirectory("${${name}_SOURCE_DIR}" "${${name}_BINARY_DIR}" EXCLUDE_FROM_ALL SYSTEM)
endfunction()

find_package(Corrosion 0.6 CONFIG QUIET)
if(NOT Corrosion_FOUND)
  catzilla_fetch(corrosion "Corrosion 0.6 not found: run ./quickstart setup or install corrosion")
endif()

# The archives that become part of a static libcatzilla, so that an installed one asks its users for
# nothing that their system does not package.
set(catzilla_sealed_archives "")

add_library(catzilla_llhttp INTERFACE)
find_package(Llhttp 9.2 QUIET MODULE)
if(Llhttp_FOUND)
  target_link_libraries(catzilla_llhttp INTERFACE Llhttp::Llhttp)
  list(APPEND catzilla_sealed_archives "$<TARGET_FILE:Llhttp::Llhttp>")
else()
  catzilla_fetch_sources(llhttp "llhttp 9.2 not found: run ./quickstart setup or install libllhttp-dev")
  # Its own project wants a C++ compiler, for three files of C.
  add_library(catzilla_llhttp_fetched STATIC)
  foreach(name api http llhttp)
    target_sources(catzilla_llhttp_fetched PRIVATE "${llhttp_SOURCE_DIR}/src/${name}.c")
  endforeach()
  target_include_directories(catzilla_llhttp_fetched SYSTEM PUBLIC "${llhttp_SOURCE_DIR}/include")
  set_target_properties(catzilla_llhttp_fetched PROPERTIES POSITION_INDEPENDENT_CODE ON
                                                           INTERPROCEDURAL_OPTIMIZATION OFF)
  target_compile_options(catzilla_llhttp_fetched PRIVATE -fno-lto)
  target_link_libraries(catzilla_llhttp INTERFACE catzilla_llhttp_fetched)
  list(APPEND catzilla_sealed_archives "$<TARGET_FILE:catzilla_llhttp_fetched>")
endif()

add_library(catzilla_libuv INTERFACE)
find_package(Libuv 1.44 QUIET MODULE)
if(Libuv_FOUND)
  target_link_libraries(catzilla_libuv INTERFACE Libuv::Libuv)
else()
  catzilla_fetch(libuv "libuv 1.44 not found: install libuv1-dev")
  target_link_libraries(catzilla_libuv INTERFACE uv_a)
  list(APPEND catzilla_sealed_archives "$<TARGET_FILE:uv_a>")
endif()

# Gives the library what it is made of.
function(catzilla_link_dependencies target)
  if(BUILD_SHARED_LIBS)
    target_link_libraries(
      ${target} PRIVATE $<BUILD_INTERFACE:catzilla_llhttp> $<BUILD_INTERFACE:catzilla_libuv>
                        $<BUILD_INTERFACE:catzilla_sanitizers>)
  elseif(Libuv_FOUND)
    target_link_libraries(${target} PRIVATE Libuv::Libuv)
  endif()
endfunction()
