/* What of a request's path may name a file. Layer: content. */
#ifndef CZ_STATIC_PATH_H
#define CZ_STATIC_PATH_H
#include <catzilla/slice.h>
#include <stdbool.h>

/* Room for the longest path, its NUL included. */
#define CZ_PATH_SIZE 4096

/*
 * Writes the decoded path `rest` as a relative path for the system: segments with single slashes
 * between them, "." for the root. `raw` is the path as it was sent. Refuses an encoded slash, as
 * the file it means cannot exist, NUL, empty segments, "." and "..", and names that begin with a
 * dot unless `hidden`. Everything refused is CATZILLA_ERR_NOT_FOUND; `out` is unspecified then.
 */
int cz_path_relative(catzilla_slice_t raw, catzilla_slice_t rest, bool hidden,
                     char out[CZ_PATH_SIZE]);

#endif
