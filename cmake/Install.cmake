# What `cmake --install` lays out. Two export sets, so that a program that wants the memory layer alone
# need not have libuv.
include(CMakePackageConfigHelpers)

# Packagers may name folders absolutely; what is relative stays so, since a prefix may be moved.
function(catzilla_installed out base folder)
  if(IS_ABSOLUTE "${folder}")
    set(${out} "${folder}" PARENT_SCOPE)
  else()
    set(${out} "${base}/${folder}" PARENT_SCOPE)
  endif()
endfunction()

set(catzilla_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Catzilla")
set_target_properties(catzilla_memory PROPERTIES EXPORT_NAME memory)
set_target_properties(catzilla_memory_compat PROPERTIES EXPORT_NAME memory_compat)

install(TARGETS catzilla_memory catzilla_memory_compat EXPORT CatzillaMemoryTargets)
install(TARGETS catzilla EXPORT CatzillaTargets)
if(BUILD_SHARED_LIBS)
  install(FILES "$<TARGET_FILE:catzilla_memory>.debug" "$<TARGET_FILE:catzilla>.debug"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/.debug")
else()
  install(FILES "${PROJECT_BINARY_DIR}/libcatzilla-memory.a" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()
catzilla_installed(catzilla_rpath "$ORIGIN/.." "${CMAKE_INSTALL_LIBDIR}")
set_target_properties(catzilla_program PROPERTIES INSTALL_RPATH "${catzilla_rpath}")
install(TARGETS catzilla_program)
foreach(set Memory "")
  install(EXPORT Catzilla${set}Targets NAMESPACE Catzilla:: DESTINATION "${catzilla_config_dir}")
endforeach()

install(DIRECTORY c/include/catzilla DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_BINARY_DIR}/include/catzilla/version.h"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/catzilla")
install(FILES c/include/compat/memory.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/catzilla/compat")

# Before 1.0 a minor release may break the interface, as the soname says too.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(catzilla_compatibility SameMinorVersion)
else()
  set(catzilla_compatibility SameMajorVersion)
endif()
write_basic_package_version_file(CatzillaConfigVersion.cmake COMPATIBILITY ${catzilla_compatibility})
if(NOT BUILD_SHARED_LIBS AND Libuv_FOUND)
  set(catzilla_needs_libuv ON)
endif()
configure_package_config_file(cmake/CatzillaConfig.cmake.in CatzillaConfig.cmake
                              INSTALL_DESTINATION "${catzilla_config_dir}")
install(FILES "${PROJECT_BINARY_DIR}/CatzillaConfig.cmake"
              "${PROJECT_BINARY_DIR}/CatzillaConfigVersion.cmake" cmake/FindLibuv.cmake
        DESTINATION "${catzilla_config_dir}")

# pkg-config. A static library cannot name what it wants, so its file does, and not as private: plain
# `pkg-config --libs` must do.
set(catzilla_pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(IS_ABSOLUTE "${catzilla_pc_dir}")
  set(catzilla_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH catzilla_pc_up "/${catzilla_pc_dir}" "/")
  string(REGEX REPLACE "/$" "" catzilla_pc_up "${catzilla_pc_up}")
  set(catzilla_pc_prefix "\${pcfiledir}/${catzilla_pc_up}")
endif()
catzilla_installed(catzilla_pc_libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
catzilla_installed(catzilla_pc_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
if(NOT BUILD_SHARED_LIBS)
  list(TRANSFORM catzilla_native_libraries PREPEND "-l" OUTPUT_VARIABLE catzilla_pc_natives)
  list(JOIN catzilla_pc_natives " " catzilla_pc_natives)
  if(catzilla_needs_libuv)
    set(catzilla_pc_libuv ", libuv")
  endif()
endif()
foreach(name catzilla catzilla-memory)
  configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${catzilla_pc_dir}")
endforeach()
