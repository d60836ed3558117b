/* Route patterns taken apart. Layer: routing. */
#ifndef CZ_ROUTER_PATTERN_H
#define CZ_ROUTER_PATTERN_H
#include <catzilla/errors.h>
#include <catzilla/slice.h>

#define CZ_PATTERN_MAX_SEGMENTS 64

typedef enum cz_segment_kind {
    CZ_SEGMENT_TEXT,
    CZ_SEGMENT_PARAM,
    CZ_SEGMENT_REST
} cz_segment_kind_t;

/* In the order in which a lookup tries them: what accepts less comes first. */
typedef enum cz_param_type {
    CZ_PARAM_UUID,
    CZ_PARAM_UINT,
    CZ_PARAM_INT,
    CZ_PARAM_HEX,
    CZ_PARAM_ALPHA,
    CZ_PARAM_ALNUM,
    CZ_PARAM_SLUG,
    CZ_PARAM_ANY,
    CZ_PARAM_TYPES
} cz_param_type_t;

typedef struct cz_segment {
    cz_segment_kind_t kind;
    cz_param_type_t type;  /* of a parameter */
    catzilla_slice_t text; /* the literal text, or the parameter's name; borrows the pattern */
} cz_segment_t;

/*
 * Splits `pattern` into at most CZ_PATTERN_MAX_SEGMENTS of `segments`. On CATZILLA_ERR_PATTERN
 * `trouble` says what is wrong.
 */
int cz_pattern_parse(catzilla_slice_t pattern, cz_segment_t *segments, size_t *count,
                     const char **trouble);

/* Whether the segment `value` is one of `type`. */
bool cz_param_accepts(cz_param_type_t type, catzilla_slice_t value);

/* The type's name in a pattern, "" for CZ_PARAM_ANY. */
const char *cz_param_type_name(cz_param_type_t type);

#endif
