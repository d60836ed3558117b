/* The access log and the program's own messages. Layer: app. */
#ifndef CZ_APP_LOG_H
#define CZ_APP_LOG_H
#include <catzilla/server.h>

/* Where the lines go. */
typedef struct access_log {
    int fd; /* -1: nowhere */
} access_log_t;

/* Opens the file `name` for appending; "-" is stderr and NULL is nowhere. -1 with errno. */
int access_log_open(access_log_t *log, const char *name);

void access_log_close(access_log_t *log);

/* The server's callback: one line for one reply. `user_data` is an access_log_t. */
void access_log_write(const catzilla_access_t *access, void *user_data);

/* The server's callback: warnings and errors go to stderr. */
void message_write(int level, const char *message, void *user_data);

/* The memory layer's callback, which is called for trouble alone. */
void trouble_write(int level, const char *message, void *user_data);

/* Prints one line, "catzilla: …", to stderr. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

#endif
