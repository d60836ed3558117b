/* Status codes in words (RFC 9110, section 15). Layer: http. */
#ifndef CZ_HTTP_STATUS_H
#define CZ_HTTP_STATUS_H
#include <catzilla/slice.h>

/* The whole status line with its CRLF; the reason is empty where the code has no name. */
catzilla_slice_t cz_status_line(int status, char scratch[32]);

/* The reason phrase, such as "Not Found"; empty where the code has no name. */
catzilla_slice_t cz_status_reason(int status);

#endif
