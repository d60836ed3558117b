/* Where the program listens, and what it says of that. Layer: app. */
#ifndef CZ_APP_LISTEN_H
#define CZ_APP_LISTEN_H
#include "flags.h"
#include "restart.h"

/*
 * Listens on the sockets that were handed over, else where the flags say; `file` is that of the
 * unix socket it has made. 0, or a code about which it has complained.
 */
int listen_all(catzilla_server_t *server, const flags_t *flags, unix_file_t *file);

/* Says where the server is and which arena holds which class; whoever started us may be waiting. */
void announce(const catzilla_server_t *server, const flags_t *flags);

#endif
