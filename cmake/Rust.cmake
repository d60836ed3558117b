# The Rust side: imports the one staticlib through Corrosion and makes the memory library of it.
include(Seal)
include(Shared)

# Corrosion and cargo would stop at these too, with messages that name no cure.
file(STRINGS "${PROJECT_SOURCE_DIR}/Cargo.toml" catzilla_rust_line REGEX "^rust-version = ")
string(REGEX MATCH "[0-9.]+" catzilla_rust_wanted "${catzilla_rust_line}")
if(Rust_VERSION VERSION_LESS catzilla_rust_wanted)
  message(FATAL_ERROR "Rust ${Rust_VERSION} is too old: install Rust ${catzilla_rust_wanted} or newer, "
                      "or name a toolchain by Rust_TOOLCHAIN")
endif()
find_program(CATZILLA_MAKE NAMES make gmake)
mark_as_advanced(CATZILLA_MAKE)
if(CATZILLA_JEMALLOC AND NOT CATZILLA_MAKE)
  message(FATAL_ERROR "make not found, by which jemalloc is built: install make or set CATZILLA_JEMALLOC=OFF")
endif()
if(CATZILLA_SANITIZE STREQUAL "thread")
  get_target_property(catzilla_rustc Rust::Rustc IMPORTED_LOCATION)
  execute_process(COMMAND "${catzilla_rustc}" --print sysroot OUTPUT_VARIABLE catzilla_sysroot
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT Rust_IS_NIGHTLY OR NOT EXISTS "${catzilla_sysroot}/lib/rustlib/src/rust/library/Cargo.toml")
    message(FATAL_ERROR "ThreadSanitizer wants Rust's own library built anew, which stable Rust cannot: run "
                        "`rustup toolchain install nightly --component rust-src` and set Rust_TOOLCHAIN=nightly")
  endif()
endif()

set(catzilla_cargo_features "")
if(CATZILLA_JEMALLOC)
  list(APPEND catzilla_cargo_features jemalloc)
endif()
if(CATZILLA_TEST_HOOKS)
  list(APPEND catzilla_cargo_features test-hooks)
endif()

corrosion_import_crate(
  MANIFEST_PATH "${PROJECT_SOURCE_DIR}/rust/ffi/Cargo.toml"
  CRATES catzilla-ffi
  CRATE_TYPES staticlib
  LOCKED
  NO_USES_TERMINAL
  NO_DEFAULT_FEATURES
  FEATURES ${catzilla_cargo_features}
  PROFILE $<IF:$<CONFIG:Debug>,dev,release>)

# jemalloc takes a minute to build, so all builds with one C compiler share cargo's intermediate files;
# those inside another project keep theirs to themselves. jemalloc's configure script refuses a path
# with a space. Each checkout has a folder of its own, since cargo takes the artefacts of another one,
# if they are newer, for its own. (Cargo before 1.91 knows no such folder: each build has its own.)
if(NOT PROJECT_IS_TOP_LEVEL)
  set(catzilla_cargo_root "${PROJECT_BINARY_DIR}/cargo")
else()
  set(catzilla_cargo_root "${PROJECT_SOURCE_DIR}/build/cargo")
endif()
if(catzilla_cargo_root MATCHES "[ \t]")
  set(catzilla_cargo_root "$ENV{XDG_CACHE_HOME}")
  if(NOT catzilla_cargo_root)
    set(catzilla_cargo_root "$ENV{HOME}/.cache")
  endif()
  string(APPEND catzilla_cargo_root "/catzilla")
endif()
if(NOT "$ENV{CATZILLA_CARGO_BUILD_DIR}" STREQUAL "")
  set(catzilla_cargo_root "$ENV{CATZILLA_CARGO_BUILD_DIR}")
endif()
set(CATZILLA_CARGO_BUILD_DIR "${catzilla_cargo_root}"
    CACHE PATH "Where cargo keeps its intermediate files; a path without a space")
if(CATZILLA_JEMALLOC AND Rust_VERSION VERSION_LESS 1.91 AND PROJECT_BINARY_DIR MATCHES "[ \t]")
  message(FATAL_ERROR "jemalloc cannot be built below ${PROJECT_BINARY_DIR}: choose a build folder without "
                      "a space, or Rust 1.91, whose cargo can keep its files elsewhere")
endif()
if(CATZILLA_JEMALLOC AND CATZILLA_CARGO_BUILD_DIR MATCHES "[ \t]")
  message(FATAL_ERROR "jemalloc cannot be built below ${CATZILLA_CARGO_BUILD_DIR}: set "
                      "CATZILLA_CARGO_BUILD_DIR to a path without a space")
endif()
string(SHA256 catzilla_checkout "${PROJECT_SOURCE_DIR}")
string(SUBSTRING "${catzilla_checkout}" 0 12 catzilla_checkout)
set(catzilla_cargo_build_dir
    "${CATZILLA_CARGO_BUILD_DIR}/${CMAKE_C_COMPILER_ID}-${catzilla_checkout}")

# The empty MAKEFLAGS frees jemalloc's build from a jobserver that make does not pass on.
corrosion_set_env_vars(catzilla_ffi "MAKEFLAGS=" "CARGO_BUILD_BUILD_DIR=${catzilla_cargo_build_dir}")

# What Rust's standard library and jemalloc want of the system.
get_target_property(catzilla_native_libraries catzilla_ffi-static INTERFACE_LINK_LIBRARIES)
# The compiler adds its own, the archive or the shared one as the link asks.
list(REMOVE_ITEM catzilla_native_libraries gcc_s)

if(CATZILLA_SANITIZE STREQUAL "thread")
  corrosion_set_cargo_flags(catzilla_ffi -Zbuild-std=std,panic_abort)
  corrosion_add_target_rustflags(catzilla_ffi -Zsanitizer=thread)
  add_library(catzilla_tsan_runtime OBJECT "${CMAKE_CURRENT_LIST_DIR}/tsan_runtime.c")
  target_compile_options(catzilla_tsan_runtime PRIVATE -fno-builtin)
  target_link_libraries(catzilla_tsan_runtime PRIVATE catzilla_sanitizers)
  set_target_properties(catzilla_tsan_runtime PROPERTIES POSITION_INDEPENDENT_CODE ON)
  set(catzilla_rust_parts "$<TARGET_OBJECTS:catzilla_tsan_runtime>")
  set(catzilla_rust_visible --keep-global-symbol=__tsan_default_suppressions)
  target_link_libraries(catzilla_ffi INTERFACE ${catzilla_rust_parts})
endif()

# Makes TARGET the library of all Rust: a shared library, or an INTERFACE over a sealed archive.
# Sets catzilla_memory_scope to the keyword that its usage requirements take.
function(catzilla_add_memory_library target)
  # Debug info, most of it jemalloc's, is nine tenths of the archive. A shared library splits its own
  # off; sanitizers want it for their reports.
  set(sealed "${PROJECT_BINARY_DIR}/libcatzilla-memory.a")
  set(strip "$<$<NOT:$<CONFIG:Debug>>:--strip-debug>")
  if(BUILD_SHARED_LIBS)
    set(sealed "${PROJECT_BINARY_DIR}/libcatzilla-memory.o")
    set(strip "")
  elseif(CATZILLA_SANITIZE)
    set(strip "")
  endif()
  catzilla_seal_commands(
    commands "${sealed}"
    ARCHIVES "$<TARGET_FILE:catzilla_ffi-static>"
    PARTS ${catzilla_rust_parts}
    OBJCOPY ${strip} ${catzilla_rust_visible})
  add_custom_command(
    OUTPUT "${sealed}" ${commands}
    DEPENDS cargo-build_catzilla_ffi "$<TARGET_FILE:catzilla_ffi-static>" ${catzilla_rust_parts}
    COMMENT "Sealing the Rust archive"
    COMMAND_EXPAND_LISTS VERBATIM)

  if(BUILD_SHARED_LIBS)
    add_library(${target} SHARED "${sealed}")
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C OUTPUT_NAME catzilla-memory)
    target_link_libraries(${target} PRIVATE ${catzilla_native_libraries}
                                            $<BUILD_INTERFACE:catzilla_sanitizers>)
    # jemalloc's background threads and thread-local destructors outlive a dlclose.
    target_link_options(${target} PRIVATE LINKER:-z,nodelete)
    catzilla_finish_shared(${target})
    set(catzilla_memory_scope PUBLIC PARENT_SCOPE)
    return()
  endif()

  add_custom_target(${target}_sealed ALL DEPENDS "${sealed}")
  add_library(${target}_archive STATIC IMPORTED GLOBAL)
  add_dependencies(${target}_archive ${target}_sealed)
  set_target_properties(
    ${target}_archive PROPERTIES IMPORTED_LOCATION "${sealed}" INTERFACE_LINK_LIBRARIES
                                                               "${catzilla_native_libraries}")
  add_library(${target} INTERFACE)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(installed "${CMAKE_INSTALL_LIBDIR}")
  else()
    set(installed "$<INSTALL_PREFIX>/${CMAKE_INSTALL_LIBDIR}")
  endif()
  target_link_libraries(
    ${target}
    INTERFACE "$<BUILD_INTERFACE:${target}_archive>"
              "$<INSTALL_INTERFACE:${installed}/libcatzilla-memory.a>"
              "$<INSTALL_INTERFACE:${catzilla_native_libraries}>")
  set(catzilla_memory_scope INTERFACE PARENT_SCOPE)
endfunction()
