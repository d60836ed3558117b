/* What signals do to the program. Layer: app. */
#ifndef CZ_APP_SIGNALS_H
#define CZ_APP_SIGNALS_H
#include <catzilla/server.h>

/* SIGINT and SIGTERM stop `server`; a client or terminal that went away ends nothing. */
int signals_watch(catzilla_server_t *server);

#endif
