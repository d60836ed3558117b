# Finds libuv, which Debian 12 packages without a CMake file: the target Libuv::Libuv. Installed beside
# CatzillaConfig.cmake too, since a static libcatzilla needs libuv where it is linked.
find_path(Libuv_INCLUDE_DIR uv.h)
find_library(Libuv_LIBRARY NAMES uv)
if(Libuv_INCLUDE_DIR)
  file(STRINGS "${Libuv_INCLUDE_DIR}/uv/version.h" Libuv_VERSION
       REGEX "^#define UV_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
  string(REGEX REPLACE "[^;0-9]" "" Libuv_VERSION "${Libuv_VERSION}")
  string(REPLACE ";" "." Libuv_VERSION "${Libuv_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Libuv REQUIRED_VARS Libuv_LIBRARY Libuv_INCLUDE_DIR VERSION_VAR Libuv_VERSION)
mark_as_advanced(Libuv_INCLUDE_DIR Libuv_LIBRARY)

if(Libuv_FOUND AND NOT TARGET Libuv::Libuv)
  add_library(Libuv::Libuv UNKNOWN IMPORTED)
  set_target_properties(
    Libuv::Libuv PROPERTIES IMPORTED_LOCATION "${Libuv_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                 "${Libuv_INCLUDE_DIR}")
endif()
