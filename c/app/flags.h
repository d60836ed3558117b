/* The program's command line. Layer: app. */
#ifndef CZ_APP_FLAGS_H
#define CZ_APP_FLAGS_H

typedef enum command { COMMAND_SERVE, COMMAND_HELP, COMMAND_VERSION } command_t;

typedef struct flags {
    command_t command;
    const char *directory; /* to serve */
    const char *host;
    unsigned port;
    const char *path;  /* of a unix socket, or NULL */
    const char *proxy; /* whose headers are believed, or NULL */
    unsigned workers;
    unsigned drain;      /* seconds */
    unsigned log_format; /* catzilla_accesslog_format_t */
    unsigned log_level;  /* catzilla_log_level_t */
    const char *log;     /* a file's name, "-" for stderr, or NULL */
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
