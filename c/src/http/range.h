/* The Range field of a request (RFC 9110, section 14). Layer: http. */
#ifndef CZ_HTTP_RANGE_H
#define CZ_HTTP_RANGE_H
#include <catzilla/slice.h>
#include <stdint.h>

typedef enum cz_range_kind {
    CZ_RANGE_WHOLE,        /* no range that is understood: the answer is 200 with everything */
    CZ_RANGE_PART,         /* 206 with one part */
    CZ_RANGE_UNSATISFIABLE /* 416 */
} cz_range_kind_t;

/*
 * Reads the field's value against a body of `size` bytes. A unit other than bytes, a malformed
 * value and several parts at once give the whole, as the standard allows: a client that asks for
 * many overlapping parts would make the answer larger than the body. `first` and `length` are set
 * for a part.
 */
cz_range_kind_t cz_range_read(catzilla_slice_t value, uint64_t size, uint64_t *first,
                              uint64_t *length);

#endif
