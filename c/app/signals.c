#include "signals.h"

#include <signal.h>

int signals_watch(catzilla_server_t *server)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    int rc = catzilla_server_watch_signal(server, SIGINT, NULL, NULL);
    return rc != 0 ? rc : catzilla_server_watch_signal(server, SIGTERM, NULL, NULL);
}
