/* Where a client is sent on. Layer: http. */
#ifndef CZ_HTTP_REDIRECT_H
#define CZ_HTTP_REDIRECT_H
#include <catzilla/response.h>

/*
 * Sends the client to the same name with a slash behind it, so that the page's relative links
 * work. The reference is relative too: it holds under any prefix, and cannot name another host.
 */
int cz_redirect_to_slash(const catzilla_request_t *request, catzilla_response_t *response);

#endif
