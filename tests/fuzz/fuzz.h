/*
 * What every fuzz target includes. A target is one function over arbitrary bytes, which must not
 * crash and must hold what it checks; libFuzzer or, without it, replay.c calls it.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H
#include <catzilla/slice.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run with what did not hold; both drivers take an abort as a finding. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy in a block of exactly its size, so that a read past it is seen. Release with free(). */
static inline char *fuzz_copy(const void *data, size_t size)
{
    char *copy = malloc(size == 0 ? 1 : size);
    FUZZ_CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

/* Takes what comes before the next `end` off the front of `*rest`, and the `end` with it. */
static inline catzilla_slice_t fuzz_part(catzilla_slice_t *rest, char end)
{
    catzilla_slice_t part = *rest;
    const char *at = rest->size == 0 ? NULL : memchr(rest->data, end, rest->size);
    if (at == NULL) {
        rest->data += rest->size;
        rest->size = 0;
        return part;
    }
    part.size = (size_t)(at - part.data);
    rest->data += part.size + 1;
    rest->size -= part.size + 1;
    return part;
}

#endif
