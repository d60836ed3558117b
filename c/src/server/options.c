/* The options of a server: what the caller's struct lacks or leaves at 0 takes the default. */
#include "server/instance.h"

#include <string.h>

#define MOST_MEMORY (2u << 30) /* leaves the offsets room for what has been read ahead */

int cz_options_read(const catzilla_server_options_t *given, catzilla_server_options_t *out)
{
    const catzilla_server_options_t defaults = CATZILLA_SERVER_OPTIONS_INIT;
    *out = defaults;
    if (given != NULL) {
        if (given->size < sizeof given->size || given->size > sizeof *given)
            return CATZILLA_ERR_INVALID;
        memcpy(out, given, given->size);
        out->size = sizeof *out;
    }
    if (out->host == NULL)
        out->host = defaults.host;
    if (out->backlog <= 0)
        out->backlog = defaults.backlog;
    if (out->max_target_bytes == 0)
        out->max_target_bytes = defaults.max_target_bytes;
    if (out->max_header_bytes == 0)
        out->max_header_bytes = defaults.max_header_bytes;
    if (out->max_headers == 0)
        out->max_headers = defaults.max_headers;
    if (out->max_connections == 0)
        out->max_connections = defaults.max_connections;
    if (out->max_body_bytes == 0)
        out->max_body_bytes = defaults.max_body_bytes;
    if (out->max_extension_bytes == 0)
        out->max_extension_bytes = defaults.max_extension_bytes;
    if (out->max_output_bytes == 0)
        out->max_output_bytes = defaults.max_output_bytes;
    if (out->max_request_memory == 0)
        out->max_request_memory = defaults.max_request_memory;
    if (out->max_address_connections == 0)
        out->max_address_connections = defaults.max_address_connections;
    if (out->max_requests == 0)
        out->max_requests = defaults.max_requests;
    if (out->workers == 0)
        out->workers = defaults.workers;
    /*
     * Offsets into what is kept of a request have 32 bits, of a body with trailers behind it too,
     * and the fields of a head are in one block. A body that is read as it comes may have any
     * length.
     */
    if (out->max_header_bytes > (16u << 20) || out->max_headers > 4096 ||
        out->max_request_memory > MOST_MEMORY || out->workers > CZ_WORKERS_MAX ||
        strlen(out->host) >= CZ_HOST_SIZE)
        return CATZILLA_ERR_INVALID;
    return 0;
}
