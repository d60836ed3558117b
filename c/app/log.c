/*
 * A line is composed on the stack and leaves in one write(), so that lines of several programs
 * that append to one file stay whole.
 */
#define _GNU_SOURCE
#include "log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A longer target is cut. */
#define LINE_SIZE   2048
#define TARGET_MOST 1024

int access_log_open(access_log_t *log, const char *name)
{
    log->fd = -1;
    if (name == NULL)
        return 0;
    if (strcmp(name, "-") == 0)
        log->fd = dup(STDERR_FILENO);
    else
        log->fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return log->fd < 0 ? -1 : 0;
}

void access_log_close(access_log_t *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

/* Copies what a client sent so that it can neither end the line nor drive a terminal. */
static void escape(catzilla_slice_t text, char *out, size_t size)
{
    size_t used = 0;
    if (text.size == 0) {
        out[0] = '-';
        out[1] = '\0';
        return;
    }
    for (size_t i = 0; i < text.size && used + sizeof "\\x00" <= size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c > ' ' && c < 0x7f && c != '\\')
            out[used++] = (char)c;
        else
            used += (size_t)snprintf(out + used, size - used, "\\x%02X", c);
    }
    out[used] = '\0';
}

void access_log_write(const catzilla_access_t *access, void *user_data)
{
    const access_log_t *log = user_data;
    char target[TARGET_MOST];
    char method[64];
    char date[sizeof "2026-01-01T00:00:00Z"];
    char line[LINE_SIZE];
    struct tm tm;
    time_t now = time(NULL);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    escape(access->method, method, sizeof method);
    escape(access->target, target, sizeof target);
    int size =
        snprintf(line, sizeof line, "%s %s %s %d bytes=%" PRIu64 " us=%" PRIu64 " peer=%.*s\n",
                 date, method, target, access->status, access->body_bytes,
                 access->duration_ns / 1000, (int)access->peer.size, access->peer.data);
    /* A full disk is no reason to stop serving. */
    ssize_t written = write(log->fd, line, (size_t)size);
    (void)written;
}

void message_write(int level, const char *message, void *user_data)
{
    (void)user_data;
    if (level <= CATZILLA_LOG_WARNING)
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
    fputs("catzilla: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}
