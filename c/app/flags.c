#include "flags.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char flags_help[] =
    "usage: catzilla serve [DIR] [--host ADDRESS] [--port PORT] [--log FILE]\n"
    "       catzilla --version\n"
    "       catzilla --help\n"
    "\n"
    "serve        serves the files of DIR, or of the current directory, over HTTP until\n"
    "             SIGINT or SIGTERM\n"
    "--host       the numeric address to listen on; 127.0.0.1 unless given\n"
    "--port       the port; 8080 unless given, 0 for one that the system chooses\n"
    "--log        appends a line for each request to FILE; - means stderr\n"
    "\n"
    "Exit status: 0 after a stop by signal, 2 when it could not start.\n";

/* Reads a port into `out`; false for anything but 0 to 65535 in digits. */
static bool port_read(const char *text, uint16_t *out)
{
    unsigned value = 0;
    size_t size = strlen(text);
    if (size == 0 || size > 5 || strspn(text, "0123456789") != size)
        return false;
    for (; *text != '\0'; text++)
        value = value * 10 + (unsigned)(*text - '0');
    if (value > UINT16_MAX)
        return false;
    *out = (uint16_t)value;
    return true;
}

/*
 * Where argv[*at] is the flag `name`, finds its value: behind an equals sign, or in the next
 * argument, to which `*at` then moves. `*value` is NULL where there is none.
 */
static bool is_flag(const char *name, int argc, char **argv, int *at, const char **value)
{
    size_t size = strlen(name);
    const char *given = argv[*at];
    if (strncmp(given, name, size) != 0 || (given[size] != '\0' && given[size] != '='))
        return false;
    *value = NULL;
    if (given[size] == '=')
        *value = given + size + 1;
    else if (*at + 1 < argc)
        *value = argv[++*at];
    return true;
}

static int read_serve(int argc, char **argv, flags_t *out, char trouble[FLAGS_TROUBLE_SIZE])
{
    bool only_names = false; /* past "--" */
    for (int at = 2; at < argc; at++) {
        const char *value;
        const char *name = argv[at];
        if (!only_names && strcmp(name, "--") == 0) {
            only_names = true;
            continue;
        }
        if (only_names || name[0] != '-') {
            if (out->directory != NULL) {
                snprintf(trouble, FLAGS_TROUBLE_SIZE, "%s: one directory is enough", name);
                return -1;
            }
            out->directory = name;
            continue;
        }
        if (is_flag("--host", argc, argv, &at, &value))
            out->host = value;
        else if (is_flag("--log", argc, argv, &at, &value))
            out->log = value;
        else if (!is_flag("--port", argc, argv, &at, &value)) {
            snprintf(trouble, FLAGS_TROUBLE_SIZE, "%s: no such flag; catzilla --help lists them",
                     name);
            return -1;
        } else if (value != NULL && !port_read(value, &out->port)) {
            snprintf(trouble, FLAGS_TROUBLE_SIZE, "--port %s: not a port; give 0 to 65535", value);
            return -1;
        }
        if (value == NULL || *value == '\0') {
            snprintf(trouble, FLAGS_TROUBLE_SIZE, "%s: needs a value", name);
            return -1;
        }
    }
    if (out->directory == NULL)
        out->directory = ".";
    return 0;
}

int flags_read(int argc, char **argv, flags_t *out, char trouble[FLAGS_TROUBLE_SIZE])
{
    *out = (flags_t){.command = COMMAND_SERVE, .host = "127.0.0.1", .port = 8080};
    if (argc < 2) {
        snprintf(trouble, FLAGS_TROUBLE_SIZE, "no command; try catzilla serve or catzilla --help");
        return -1;
    }
    for (int at = 1; at < argc && strcmp(argv[at], "--") != 0; at++)
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            out->command = COMMAND_HELP;
            return 0;
        }
    if (strcmp(argv[1], "--version") == 0 && argc == 2) {
        out->command = COMMAND_VERSION;
        return 0;
    }
    if (strcmp(argv[1], "serve") == 0)
        return read_serve(argc, argv, out, trouble);
    const char *wrong = strcmp(argv[1], "--version") == 0 ? argv[2] : argv[1];
    snprintf(trouble, FLAGS_TROUBLE_SIZE, "%s: no such %s; catzilla --help lists them", wrong,
             wrong[0] == '-' ? "flag" : "command");
    return -1;
}
