/* The page that stands for a directory without an index. Layer: content. */
#ifndef CZ_STATIC_LISTING_H
#define CZ_STATIC_LISTING_H
#include <catzilla/memory.h>
#include <catzilla/slice.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The loop waits meanwhile, so that a page costs no more than a moment however much lies there:
 * entries past this many are left out, as are all past so many names or bytes of the page, and the
 * page says so.
 */
#define CZ_LISTING_MOST  1000u
#define CZ_LISTING_NAMES 10000u
#define CZ_LISTING_BYTES (1u << 20)

/*
 * Writes an HTML page of what lies in the directory `fd`: directories first, then files with their
 * sizes and times, each in the order of their bytes. `path` is the request's path, for the title;
 * a root has no link upwards. What it gathers meanwhile is taken of `region`, and counts among what
 * the request may hold. The page is one block of the response class, which the caller frees;
 * CATZILLA_ERR_NOMEM or CATZILLA_ERR_SYSTEM, and `*out` is NULL then.
 */
int cz_listing_write(catzilla_region_t *region, int fd, catzilla_slice_t path, bool is_root,
                     bool hidden, char **out, size_t *size);

#endif
