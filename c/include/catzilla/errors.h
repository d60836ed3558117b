/* Codes and texts of the C modules, and what every public header needs. Layer: base. */
#ifndef CATZILLA_ERRORS_H
#define CATZILLA_ERRORS_H
#include <catzilla/memory.h>

#ifndef CATZILLA_API
#if defined(__GNUC__)
#define CATZILLA_API __attribute__((visibility("default")))
#else
#define CATZILLA_API
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The memory layer has -1 to -31 (memory.h); the C modules continue from here. */
#define CATZILLA_ERROR_MAP(XX)                                                                     \
    XX(ADDRESS_IN_USE, -32, "address already in use")                                              \
    XX(ADDRESS, -33, "not an address of this machine")                                             \
    XX(ACCESS, -34, "permission denied")                                                           \
    XX(NOT_FOUND, -35, "no such file, route or value")                                             \
    XX(PATTERN, -36, "malformed route pattern")                                                    \
    XX(CONFLICT, -37, "route conflicts with an earlier one")                                       \
    XX(HEADER, -38, "header name or value with a forbidden character")                             \
    XX(LIMIT, -39, "a configured limit was reached")                                               \
    XX(CLOSED, -40, "the connection is closed")                                                    \
    XX(SYSTEM, -41, "the operating system refused")                                                \
    XX(SYNTAX, -42, "malformed input")                                                             \
    XX(DESCRIPTORS, -43, "no more file descriptors")

/* Negative numbers, as functions return them. */
enum catzilla_error {
#define CATZILLA_ERROR_ENUM(name, number, text) CATZILLA_ERR_##name = (number),
    CATZILLA_ERROR_MAP(CATZILLA_ERROR_ENUM)
#undef CATZILLA_ERROR_ENUM
};

/**
 * Names an error code of any Catzilla module, the memory layer's included.
 * Memory:  the text is constant.
 * Threads: any.
 * Errors:  none; a number that is no code has a text of its own.
 */
CATZILLA_API const char *catzilla_strerror(int code);

#ifdef __cplusplus
}
#endif
#endif
