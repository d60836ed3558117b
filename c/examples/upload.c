/*
 * Takes uploads of any size without keeping them: curl -T FILE http://127.0.0.1:8080/sum
 *
 * The handler of a streaming route runs when the head of a request is there, and names a function
 * that is given the body piece by piece. Memory stays the same for a byte and for a terabyte.
 */
#include "example.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct sum {
    uint64_t bytes;
    uint64_t hash; /* FNV-1a */
} sum_t;

static int add(catzilla_request_t *request, catzilla_response_t *response,
               catzilla_body_event_t event, catzilla_slice_t data, void *user_data)
{
    sum_t *sum = user_data;
    char text[64];
    (void)request;
    if (event == CATZILLA_BODY_ABORTED)
        return 0; /* the sum was scratch memory of the request, and ends with it */
    if (event == CATZILLA_BODY_END) {
        int size =
            snprintf(text, sizeof text, "%" PRIu64 " %016" PRIx64 "\n", sum->bytes, sum->hash);
        return catzilla_response_body(response, (catzilla_slice_t){text, (size_t)size});
    }
    for (size_t i = 0; i < data.size; i++)
        sum->hash = (sum->hash ^ (unsigned char)data.data[i]) * UINT64_C(0x100000001b3);
    sum->bytes += data.size;
    return 0;
}

static int sum_up(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    sum_t *sum = catzilla_request_scratch(request, sizeof *sum);
    (void)response;
    (void)user_data;
    if (sum == NULL)
        return CATZILLA_ERR_NOMEM;
    *sum = (sum_t){0, UINT64_C(0xcbf29ce484222325)};
    catzilla_request_limit_body(request, UINT64_C(1) << 40);
    return catzilla_request_read_body(request, add, sum);
}

static int add_routes(catzilla_server_t *server, void *user_data)
{
    int rc = catzilla_server_route_streaming(server, "PUT", "/sum", sum_up, user_data);
    return rc != 0 ? rc
                   : catzilla_server_route_streaming(server, "POST", "/sum", sum_up, user_data);
}

int main(int argc, char **argv)
{
    return example_serve(argc, argv, "/sum", add_routes, NULL);
}
