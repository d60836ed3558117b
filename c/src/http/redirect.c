#include "http/redirect.h"

#include "http/response.h"

#include <string.h>

int cz_redirect_to_slash(const catzilla_request_t *request, catzilla_response_t *response)
{
    catzilla_slice_t raw = catzilla_request_path(request);
    catzilla_slice_t query = catzilla_request_query(request);
    size_t start = raw.size;
    while (start > 0 && raw.data[start - 1] != '/')
        start--;
    size_t name_size = raw.size - start;
    size_t size = sizeof "./" - 1 + name_size + 1 + (query.data != NULL ? 1 + query.size : 0);
    char *location = catzilla_request_alloc(size);
    if (location == NULL)
        return CATZILLA_ERR_NOMEM;
    memcpy(location, "./", 2);
    memcpy(location + 2, raw.data + start, name_size);
    location[2 + name_size] = '/';
    if (query.data != NULL) {
        location[3 + name_size] = '?';
        memcpy(location + 4 + name_size, query.data, query.size);
    }
    cz_response_plain(response, 301);
    int rc = catzilla_response_header(response, CATZILLA_SLICE("Location"),
                                      (catzilla_slice_t){location, size});
    catzilla_request_free(location);
    return rc;
}
