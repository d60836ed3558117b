/* What all examples but the first do alike: one server, its URL, its end. */
#ifndef EXAMPLE_H
#define EXAMPLE_H
#include <catzilla/catzilla.h>

/* Adds the routes of an example; returns 0 or a code. */
typedef int (*example_routes_fn)(catzilla_server_t *server, void *user_data);

/*
 * Serves on the port that is the first argument, or 8080, until SIGINT or SIGTERM, and prints the
 * URL with `path`. Returns the exit status.
 */
int example_serve(int argc, char **argv, const char *path, example_routes_fn add_routes,
                  void *user_data);

#endif
