/* The program's command line. Layer: app. */
#ifndef CZ_APP_FLAGS_H
#define CZ_APP_FLAGS_H
#include <catzilla/server.h>

typedef enum command { COMMAND_SERVE, COMMAND_HELP, COMMAND_VERSION } command_t;

/* How often a flag that may be repeated is. */
#define FLAGS_REPEATED 16

typedef struct flags_address {
    char host[64]; /* numeric, without brackets */
    unsigned port;
} flags_address_t;

typedef struct flags {
    command_t command;
    const char *directory; /* to serve */
    const char *host;
    unsigned port;
    flags_address_t listen[FLAGS_REPEATED]; /* beside these */
    unsigned listen_count;
    const char *path; /* of a unix socket, or NULL */
    unsigned unix_mode;
    const char *proxy[FLAGS_REPEATED]; /* whose headers are believed */
    unsigned proxy_count;
    unsigned drain_ms;
    unsigned log_format;              /* catzilla_accesslog_format_t */
    const char *log;                  /* a file's name, "-" for stderr, or NULL */
    catzilla_server_options_t server; /* what of it has a flag */
} flags_t;

/* Room for the sentence that says what is wrong. */
#define FLAGS_TROUBLE_SIZE 256

/*
 * Reads the command line. Returns 0, or -1 with the trouble in one line without its end. All
 * texts in `out` are borrowed from `argv`.
 */
int flags_read(int argc, char **argv, flags_t *out, char trouble[FLAGS_TROUBLE_SIZE]);

/* What --help prints. */
extern const char flags_help[];

#endif
