/* Greets by name: curl http://127.0.0.1:8080/hello/World */
#include <catzilla/catzilla.h>
#include <stdio.h>
#include <stdlib.h>

/* The text is a block of the response class: it ends when its last byte is written. */
static int hello(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_slice_t name = catzilla_request_param(request, "name");
    size_t size = name.size + sizeof "Hello, !\n";
    char *text = catzilla_response_alloc(size);
    (void)user_data;
    if (text == NULL)
        return CATZILLA_ERR_NOMEM;
    snprintf(text, size, "Hello, %.*s!\n", (int)name.size, name.data);
    return catzilla_response_body_borrow(response, catzilla_slice_of(text), catzilla_response_free,
                                         text);
}

int main(int argc, char **argv)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    options.port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 8080);
    catzilla_server_t *server;
    int rc = catzilla_server_create(&options, &server);
    if (rc == 0)
        rc = catzilla_server_route(server, "GET", "/hello/{name}", hello, NULL);
    if (rc == 0)
        rc = catzilla_server_run(server);
    if (rc != 0)
        fprintf(stderr, "hello: %s\n", catzilla_strerror(rc));
    catzilla_server_destroy(server);
    return rc != 0;
}
