# Sealing an archive: its objects become one, in which only the public functions stay global. Users may
# then link Rust archives of their own beside ours (each brings Rust's standard library, and two with
# global symbols clash), and nothing of ours can meet a name of theirs.

# Through the compiler, which knows the target's linker. GNU ld by name: lld leaves section groups as
# they are.
set(catzilla_partial_link "${CMAKE_C_COMPILER}" -r -nostdlib -fuse-ld=bfd)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  list(APPEND catzilla_partial_link -no-pie)
endif()
if(CMAKE_C_COMPILER_TARGET)
  list(APPEND catzilla_partial_link "--target=${CMAKE_C_COMPILER_TARGET}")
endif()

# Sets OUT to the commands that make RESULT, an archive or an object by its name, of ARCHIVES, whole,
# and of PARTS as far as they are needed. OBJCOPY takes further flags. Wants COMMAND_EXPAND_LISTS.
function(catzilla_seal_commands out result)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "ARCHIVES;PARTS;OBJCOPY")
  string(REGEX REPLACE "\\.a$" ".o" object "${result}")
  if("${object}" STREQUAL "${result}")
    set(archive_commands "")
  else()
    set(archive_commands
        COMMAND "${CMAKE_COMMAND}" -E rm -f "${result}"
        COMMAND "${CMAKE_AR}" rcs "${result}" "${object}"
        COMMAND "${CMAKE_COMMAND}" -E rm "${object}")
  endif()
  set(${out}
      COMMAND ${catzilla_partial_link} -Wl,--force-group-allocation -o "${object}"
              -Wl,--whole-archive ${arg_ARCHIVES} -Wl,--no-whole-archive ${arg_PARTS}
      COMMAND "${CMAKE_OBJCOPY}" --remove-section=.llvmbc --remove-section=.llvmcmd --wildcard
              "--keep-global-symbol=catzilla_*" ${arg_OBJCOPY} "${object}"
      ${archive_commands}
      PARENT_SCOPE)
endfunction()

# Seals the static library TARGET as the last step of its build, with what it is made of.
function(catzilla_seal_library target)
  catzilla_seal_commands(
    commands "${PROJECT_BINARY_DIR}/lib${target}.a"
    ARCHIVES "$<TARGET_FILE:${target}>"
    PARTS ${catzilla_sealed_archives})
  add_custom_command(TARGET ${target} POST_BUILD ${commands} COMMAND_EXPAND_LISTS VERBATIM)
endfunction()
