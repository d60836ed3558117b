/* Regions kept for reuse by one worker. Layer: http. */
#ifndef CZ_HTTP_REGIONS_H
#define CZ_HTTP_REGIONS_H
#include <catzilla/errors.h>

#define CZ_REGIONS_SPARE 64u /* kept at most while the worker is busy */

typedef struct cz_regions {
    catzilla_region_t *spare[CZ_REGIONS_SPARE];
    unsigned count;
    size_t limit; /* of all that a request holds */
} cz_regions_t;

/*
 * An empty region of the request class, for a request that holds `held` bytes beside it; NULL when
 * memory is exhausted.
 */
catzilla_region_t *cz_regions_take(cz_regions_t *regions, size_t held);

/* What the region may have beside `held` bytes, from now on. */
void cz_regions_limit(const cz_regions_t *regions, catzilla_region_t *region, size_t held);

/* Ends all blocks of a region, its cleanups run, and keeps or destroys it. NULL does nothing. */
void cz_regions_give(cz_regions_t *regions, catzilla_region_t *region);

/* Destroys those that wait. */
void cz_regions_trim(cz_regions_t *regions);

#endif
