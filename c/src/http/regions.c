/* Regions kept for reuse: a request that needs none costs none, and a busy worker makes few. */
#include "http/regions.h"

void cz_regions_limit(const cz_regions_t *regions, catzilla_region_t *region, size_t held)
{
    catzilla_region_set_limit(region, held < regions->limit ? regions->limit - held : 0);
}

catzilla_region_t *cz_regions_take(cz_regions_t *regions, size_t held)
{
    catzilla_region_t *region = NULL;
    if (regions->count > 0)
        region = regions->spare[--regions->count];
    else if (catzilla_region_create(CATZILLA_MEMORY_REQUEST, &region) != 0)
        return NULL;
    cz_regions_limit(regions, region, held);
    return region;
}

void cz_regions_give(cz_regions_t *regions, catzilla_region_t *region)
{
    if (region == NULL)
        return;
    if (regions->count == CZ_REGIONS_SPARE) {
        catzilla_region_destroy(region);
        return;
    }
    catzilla_region_reset(region);
    regions->spare[regions->count++] = region;
}

void cz_regions_trim(cz_regions_t *regions)
{
    while (regions->count > 0)
        catzilla_region_destroy(regions->spare[--regions->count]);
}
