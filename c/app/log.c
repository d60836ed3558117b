#include "log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int access_log_open(const char *name, unsigned format, catzilla_accesslog_t **out)
{
    catzilla_accesslog_options_t options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    *out = NULL;
    if (name == NULL)
        return 0;
    options.format = (int)format;
    options.log = message_write;
    if (strcmp(name, "-") == 0)
        options.fd = fileno(stderr);
    else
        options.path = name;
    return catzilla_accesslog_create(&options, out);
}

void message_write(int level, const char *message, void *user_data)
{
    (void)level;
    (void)user_data;
    complain("%s", message);
}

void trouble_write(int level, const char *message, void *user_data)
{
    (void)level;
    (void)user_data;
    complain("%s", message);
}

void complain(const char *format, ...)
{
    static const char begin[] = "catzilla: ";
    char line[1024];
    struct pollfd ready = {STDERR_FILENO, POLLOUT, 0};
    size_t used = sizeof begin - 1;
    va_list arguments;
    memcpy(line, begin, used);
    va_start(arguments, format);
    int size = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    va_end(arguments);
    if (size < 0)
        return;
    used += (size_t)size < sizeof line - used - 1 ? (size_t)size : sizeof line - used - 2;
    line[used++] = '\n';
    /* In one call, since workers report at the same time; and not where that would wait for
     * somebody who does not read, since they serve meanwhile. */
    if (poll(&ready, 1, 0) == 1 && write(STDERR_FILENO, line, used) < 0)
        return;
}
