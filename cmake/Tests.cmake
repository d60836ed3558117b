# Functions that register tests; each folder in tests/ lists its own.
find_path(CMOCKA_INCLUDE_DIR cmocka.h)
find_library(CMOCKA_LIBRARY cmocka)
mark_as_advanced(CMOCKA_INCLUDE_DIR CMOCKA_LIBRARY)
if(NOT CMOCKA_LIBRARY OR NOT CMOCKA_INCLUDE_DIR)
  message(FATAL_ERROR "cmocka not found: install libcmocka-dev or set BUILD_TESTING=OFF")
endif()
add_library(catzilla_cmocka INTERFACE)
target_include_directories(catzilla_cmocka SYSTEM INTERFACE "${CMOCKA_INCLUDE_DIR}")
target_link_libraries(catzilla_cmocka INTERFACE "${CMOCKA_LIBRARY}")

# The first python3 on the PATH need not be the one that has the packages.
if(NOT CATZILLA_PYTHON)
  foreach(candidate python3 /usr/bin/python3)
    find_program(catzilla_python_candidate ${candidate} NO_CACHE)
    execute_process(
      COMMAND "${catzilla_python_candidate}" -c "import pytest, requests"
      RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
    if(result EQUAL 0)
      set(CATZILLA_PYTHON "${catzilla_python_candidate}" CACHE FILEPATH "Python with pytest and requests")
      break()
    endif()
    unset(catzilla_python_candidate)
  endforeach()
  if(NOT CATZILLA_PYTHON)
    message(FATAL_ERROR "No Python with pytest and requests found: install python3-pytest and "
                        "python3-requests, name one by CATZILLA_PYTHON, or set BUILD_TESTING=OFF")
  endif()
endif()

# What every test sees of the build.
set(catzilla_test_environment
    "CATZILLA_PROGRAM=$<TARGET_FILE:catzilla_program>"
    "CATZILLA_BUILD_DIR=${PROJECT_BINARY_DIR}"
    "CATZILLA_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "CATZILLA_PRESET_SANITIZER=${CATZILLA_SANITIZE}")
if(BUILD_SHARED_LIBS)
  list(APPEND catzilla_test_environment "CATZILLA_LIBRARY=$<TARGET_FILE:catzilla>"
       "CATZILLA_MEMORY_LIBRARY=$<TARGET_FILE:catzilla_memory>")
endif()

# Most tests wait most of their time, so the presets run four at once, on two processors too. Those
# named here compute all the while and count twice, lest they be late that others wait for.
function(catzilla_busy_tests)
  set_tests_properties(${ARGV} PROPERTIES PROCESSORS 2)
endfunction()

# Starts these before others, so that none is left to run alone at the end. ctest does so by itself once
# it has seen how long each takes.
function(catzilla_long_tests)
  set_tests_properties(${ARGV} PROPERTIES COST 10)
endfunction()

# Builds a cmocka program of SOURCES and registers it. LIBRARIES replaces Catzilla::catzilla; THREADED
# marks the tests whose point is what threads do to one another.
function(catzilla_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "THREADED" "TIMEOUT" "SOURCES;LABELS;LIBRARIES;ENVIRONMENT")
  if(NOT arg_LIBRARIES)
    set(arg_LIBRARIES Catzilla::catzilla)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(arg_THREADED)
    list(APPEND arg_LABELS threaded)
  endif()
  find_package(Threads REQUIRED)
  add_executable(test_${name} ${arg_SOURCES})
  target_compile_features(test_${name} PRIVATE c_std_11)
  target_link_libraries(
    test_${name} PRIVATE ${arg_LIBRARIES} catzilla_cmocka catzilla_warnings catzilla_sanitizers
                         Threads::Threads)
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(
    ${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
                       ENVIRONMENT "${catzilla_test_environment};${arg_ENVIRONMENT}")
endfunction()

# Lets TARGET turn a server's loop by itself (tests/server/stepped.h).
function(catzilla_use_stepped target)
  target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests/server/stepped.c"
                                   "${PROJECT_SOURCE_DIR}/tests/server/routes.c")
  target_link_options(${target} PRIVATE LINKER:--wrap=uv_run)
endfunction()

# Registers FILE with pytest.
function(catzilla_add_pytest name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FILE;TIMEOUT" "LABELS;ENVIRONMENT")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  get_filename_component(file "${arg_FILE}" ABSOLUTE)
  add_test(NAME ${name} COMMAND "${CATZILLA_PYTHON}" -m pytest -q -p no:cacheprovider "${file}")
  set_tests_properties(
    ${name}
    PROPERTIES
      LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
      ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1;${catzilla_test_environment};${arg_ENVIRONMENT}")
endfunction()
