# What shared libraries need besides: a soname, a short export list, debug info in a file of its own.

# While the major version is 0 a minor release may break the interface, so it is part of the soname;
# from 1.0 on the major version alone is.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(catzilla_soversion "0.${PROJECT_VERSION_MINOR}")
else()
  set(catzilla_soversion "${PROJECT_VERSION_MAJOR}")
endif()

function(catzilla_finish_shared target)
  set_target_properties(
    ${target} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${catzilla_soversion}
                         INSTALL_RPATH "$ORIGIN" LINK_DEPENDS "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/exports.map")
  target_link_options(${target} PRIVATE
                      "LINKER:--version-script=${CMAKE_CURRENT_FUNCTION_LIST_DIR}/exports.map"
                      LINKER:--gc-sections LINKER:--no-undefined)
  add_custom_command(
    TARGET ${target} POST_BUILD
    COMMAND "${CMAKE_OBJCOPY}" --only-keep-debug "$<TARGET_FILE:${target}>"
            "$<TARGET_FILE:${target}>.debug"
    COMMAND "${CMAKE_OBJCOPY}" --strip-debug "--add-gnu-debuglink=$<TARGET_FILE:${target}>.debug"
            "$<TARGET_FILE:${target}>"
    VERBATIM)
endfunction()
