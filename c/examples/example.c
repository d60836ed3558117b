#include "example.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static int run(catzilla_server_t *server, const char *path)
{
    uint16_t port;
    int rc = catzilla_server_watch_signal(server, SIGINT, NULL, NULL);
    if (rc == 0)
        rc = catzilla_server_watch_signal(server, SIGTERM, NULL, NULL);
    /* Listening comes first, so that a port of 0 has become a real one. */
    if (rc == 0)
        rc = catzilla_server_listen(server);
    if (rc == 0)
        rc = catzilla_server_port(server, &port);
    if (rc != 0)
        return rc;
    printf("http://127.0.0.1:%u%s\n", (unsigned)port, path);
    fflush(stdout);
    return catzilla_server_run(server);
}

int example_serve(int argc, char **argv, const char *path, example_routes_fn add_routes,
                  void *user_data)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_server_t *server;
    options.port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 8080);
    int rc = catzilla_server_create(&options, &server);
    if (rc == 0)
        rc = add_routes(server, user_data);
    if (rc == 0)
        rc = run(server, path);
    if (rc != 0)
        fprintf(stderr, "%s: %s\n", argv[0], catzilla_strerror(rc));
    catzilla_server_destroy(server);
    return rc != 0;
}
