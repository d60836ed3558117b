/* The access log and the program's own messages. Layer: app. */
#ifndef CZ_APP_LOG_H
#define CZ_APP_LOG_H
#include <catzilla/accesslog.h>

/* Opens the access log `name`; "-" is stderr, and NULL is none: `*out` is NULL then. */
int access_log_open(const char *name, unsigned format, catzilla_accesslog_t **out);

/* The server's callback: prints one line. */
void message_write(int level, const char *message, void *user_data);

/* The memory layer's callback, which is called for trouble alone. */
void trouble_write(int level, const char *message, void *user_data);

/* Prints one line, "catzilla: …", to stderr; a pipe that is full of unread ones loses it. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

#endif
