/* Dates as HTTP writes them (RFC 9110, section 5.6.7). Layer: http. */
#ifndef CZ_HTTP_DATE_H
#define CZ_HTTP_DATE_H
#include <catzilla/slice.h>
#include <stdbool.h>
#include <stdint.h>

/* The length of "Sun, 06 Nov 1994 08:49:37 GMT", which has no NUL. */
#define CZ_DATE_SIZE 29

/*
 * Writes the seconds since the epoch as an IMF-fixdate. Times outside the years 0 to 9999, which
 * the format cannot say, are written as the nearest that it can.
 */
void cz_date_format(int64_t seconds, char out[CZ_DATE_SIZE]);

/*
 * Reads a date in any of the three formats that a recipient must accept. False for anything else,
 * the absent slice included; `out` is untouched then.
 */
bool cz_date_parse(catzilla_slice_t text, int64_t *out);

#endif
