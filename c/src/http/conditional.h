/* Conditional requests (RFC 9110, section 13). Layer: http. */
#ifndef CZ_HTTP_CONDITIONAL_H
#define CZ_HTTP_CONDITIONAL_H
#include <catzilla/slice.h>
#include <stdbool.h>
#include <stdint.h>

/* The fields of a request, each absent where it was not sent; of one sent several times the values
 * stand one behind another, with commas between them. */
typedef struct cz_conditions {
    catzilla_slice_t if_match;
    catzilla_slice_t if_none_match;
    catzilla_slice_t if_modified_since;
    catzilla_slice_t if_unmodified_since;
    catzilla_slice_t if_range;
} cz_conditions_t;

/* What is known of the present representation. */
typedef struct cz_validators {
    catzilla_slice_t etag; /* strong, with its quotes */
    int64_t modified;      /* seconds since the epoch */
    int64_t now;           /* the same */
} cz_validators_t;

typedef enum cz_condition {
    CZ_CONDITION_HOLDS,        /* answer as if there were no condition */
    CZ_CONDITION_NOT_MODIFIED, /* 304 */
    CZ_CONDITION_FAILED        /* 412 */
} cz_condition_t;

/* Weighs the conditions of a GET or HEAD in the order of RFC 9110, section 13.2.2. */
cz_condition_t cz_conditional_weigh(const cz_conditions_t *conditions,
                                    const cz_validators_t *present);

/* Whether a Range field counts: If-Range is absent or names the present representation. */
bool cz_conditional_range_counts(const cz_conditions_t *conditions, const cz_validators_t *present);

#endif
