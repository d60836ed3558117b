/* Handlers of each kind of reply, for servers that tests step through. */
#ifndef TESTS_SERVER_ROUTES_H
#define TESTS_SERVER_ROUTES_H
#include <catzilla/server.h>

#include <stdint.h>

/* What handlers have taken and not yet been released from: borrowed bodies, streams, readers. */
extern int routes_held;

/*
 * Adds the routes. `files` is a mount of catzilla_static_create(), or NULL; it is served below
 * "/files/". The first code that is not 0.
 */
int routes_add(catzilla_server_t *server, void *files);

/* A server with these routes. One that cannot be made ends the test. */
catzilla_server_t *routes_server(const catzilla_server_options_t *options);

/*
 * Runs `script` on the server, turn by turn, and destroys it. One that fails, or leaves something
 * held, ends the test.
 */
void routes_run(catzilla_server_t *server, void (*script)(uint16_t port, void *data), void *data);

/* Goes on with what waits for it: completes replies put off, resumes bodies. Whether any did. */
bool routes_go_on(void);

#endif
