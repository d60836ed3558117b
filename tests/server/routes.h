/* Handlers of each kind of reply, for servers that tests step through. */
#ifndef TESTS_SERVER_ROUTES_H
#define TESTS_SERVER_ROUTES_H
#include <catzilla/server.h>

/* What handlers have taken and not yet been released from: borrowed bodies, streams, readers. */
extern int routes_held;

/*
 * Adds the routes. `files` is a mount of catzilla_static_create(), or NULL; it is served below
 * "/files/". The first code that is not 0.
 */
int routes_add(catzilla_server_t *server, void *files);

/* Goes on with what waits for it: completes replies put off, resumes bodies. Whether any did. */
bool routes_go_on(void);

#endif
