/* Names and values of header fields (RFC 9110, section 5). Layer: http. */
#ifndef CZ_HTTP_HEADER_H
#define CZ_HTTP_HEADER_H
#include <catzilla/slice.h>

/* Whether the text is a token. */
bool cz_header_is_token(catzilla_slice_t text);

/* Whether the text may be sent as a value: no control character but the tab. */
bool cz_header_is_value(catzilla_slice_t text);

/* Whether the text is `lower`, a name in small letters, in any case. */
bool cz_header_is(catzilla_slice_t text, const char *lower, size_t size);

/* Whether two names are the same, in any case. */
bool cz_header_same(catzilla_slice_t a, catzilla_slice_t b);

/* How many bytes a target begins with that mean nothing but themselves: no "#", "%" or "?". */
size_t cz_header_plain_target(catzilla_slice_t target);

/* Whether a Host value is a host with an optional port; the empty one is. */
bool cz_header_is_host(catzilla_slice_t value);

/* The text without spaces and tabs around it. */
catzilla_slice_t cz_header_trim(catzilla_slice_t text);

#endif
