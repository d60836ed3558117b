#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int access_log_open(const char *name, unsigned format, catzilla_accesslog_t **out)
{
    catzilla_accesslog_options_t options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    *out = NULL;
    if (name == NULL)
        return 0;
    options.format = (int)format;
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
    va_list arguments;
    va_start(arguments, format);
    flockfile(stderr); /* workers report at the same time */
    fputs("catzilla: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(arguments);
}
