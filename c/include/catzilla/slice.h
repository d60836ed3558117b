/* A piece of text or bytes that somebody else owns. Layer: base. */
#ifndef CATZILLA_SLICE_H
#define CATZILLA_SLICE_H
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Never assumed to end in NUL. An absent value is {NULL, 0}; an empty one has data != NULL. */
typedef struct catzilla_slice {
    const char *data;
    size_t size;
} catzilla_slice_t;

/* A slice of a string literal, without its NUL. */
#ifdef __cplusplus
#define CATZILLA_SLICE(literal)                                                                    \
    catzilla_slice_t                                                                               \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
#else
#define CATZILLA_SLICE(literal) ((catzilla_slice_t){literal, sizeof(literal) - 1})
#endif

/**
 * The slice over a C string; NULL gives the absent slice.
 * Memory:  borrows the string for as long as the slice is used.
 * Threads: any.
 */
static inline catzilla_slice_t catzilla_slice_of(const char *text)
{
    catzilla_slice_t slice;
    slice.data = text;
    slice.size = text == NULL ? 0 : strlen(text);
    return slice;
}

/**
 * Whether two slices hold the same bytes. Absent and empty compare equal.
 * Threads: any.
 */
static inline bool catzilla_slice_equal(catzilla_slice_t a, catzilla_slice_t b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#ifdef __cplusplus
}
#endif
#endif
