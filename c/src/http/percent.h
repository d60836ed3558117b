/* Percent-encoding (RFC 3986, section 2.1). Layer: http. */
#ifndef CZ_HTTP_PERCENT_H
#define CZ_HTTP_PERCENT_H
#include <catzilla/slice.h>

/*
 * Decodes a path into `out`, which has room for `path.size` bytes and may be the path itself. An
 * encoded slash becomes NUL, so that it stays inside its segment (catzilla_router_lookup()).
 * False for a malformed escape and for an encoded NUL.
 */
bool cz_percent_decode_path(catzilla_slice_t path, char *out, size_t *out_size);

/* The value of a hexadecimal digit, -1 for another character. */
int cz_percent_digit(char c);

#endif
