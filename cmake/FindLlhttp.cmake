# Finds the static llhttp: the target Llhttp::Llhttp. The package file that llhttp itself installs is
# no help, since Debian's names a shared library that its -dev package does not bring.
find_path(Llhttp_INCLUDE_DIR llhttp.h)
find_library(Llhttp_LIBRARY NAMES libllhttp.a)
if(Llhttp_INCLUDE_DIR)
  file(STRINGS "${Llhttp_INCLUDE_DIR}/llhttp.h" Llhttp_VERSION
       REGEX "^#define LLHTTP_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
  string(REGEX REPLACE "[^;0-9]" "" Llhttp_VERSION "${Llhttp_VERSION}")
  string(REPLACE ";" "." Llhttp_VERSION "${Llhttp_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Llhttp REQUIRED_VARS Llhttp_LIBRARY Llhttp_INCLUDE_DIR VERSION_VAR Llhttp_VERSION)
mark_as_advanced(Llhttp_INCLUDE_DIR Llhttp_LIBRARY)

if(Llhttp_FOUND AND NOT TARGET Llhttp::Llhttp)
  add_library(Llhttp::Llhttp STATIC IMPORTED)
  set_target_properties(
    Llhttp::Llhttp PROPERTIES IMPORTED_LOCATION "${Llhttp_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                    "${Llhttp_INCLUDE_DIR}")
endif()
