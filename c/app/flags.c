#include "flags.h"

#include <catzilla/accesslog.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char flags_help[] =
    "usage: catzilla serve [DIR] [--host ADDRESS] [--port PORT] [--workers N] [--log FILE]\n"
    "                      [--drain SECONDS] [--unix PATH]\n"
    "                      [--log-format FORMAT] [--log-level LEVEL]\n"
    "                      [--proxy ADDRESS]\n"
    "       catzilla --version\n"
    "       catzilla --help\n"
    "\n"
    "serve        serves the files of DIR, or of the current directory, over HTTP; SIGTERM\n"
    "             lets replies under way finish, SIGINT or a second SIGTERM does not\n"
    "--host       the numeric address to listen on; 127.0.0.1 unless given\n"
    "--port       the port; 8080 unless given, 0 for one that the system chooses\n"
    "--unix       also listens on the unix socket PATH\n"
    "--proxy      an address, a range such as 10.0.0.0/8, or unix: connections from there begin\n"
    "             with a header of the PROXY protocol\n"
    "--workers    threads that serve; 1 unless given\n"
    "--log        appends a line for each reply to FILE, also named --access-log; - means\n"
    "             stderr, and SIGHUP opens FILE anew\n"
    "--log-format common, combined or json; combined unless given\n"
    "--log-level  what goes to stderr: error, warning, info or debug; warning unless given\n"
    "--drain      seconds that replies under way may take after SIGTERM; 10 unless given\n"
    "\n"
    "Exit status: 0 after a stop by signal, 2 when it could not start.\n";

/* Each word stands for its number. */
static const char *const formats[] = {"common", "combined", "json", NULL};
static const char *const levels[] = {"error", "warning", "info", "debug", NULL};

/*
 * The flags of serve. One with `words` is one of these, else one with `what` is a number from
 * `least` to `most`, else it is a text.
 */
static const struct flag {
    const char *name;
    size_t field; /* of flags_t: unsigned or const char * */
    const char *what;
    unsigned least;
    unsigned most;
    const char *const *words;
} known[] = {
    {"--access-log", offsetof(flags_t, log), NULL, 0, 0, NULL},
    {"--drain", offsetof(flags_t, drain), "number of seconds", 0, 86400, NULL},
    {"--host", offsetof(flags_t, host), NULL, 0, 0, NULL},
    {"--log", offsetof(flags_t, log), NULL, 0, 0, NULL},
    {"--log-format", offsetof(flags_t, log_format), "common, combined or json", 0, 0, formats},
    {"--log-level", offsetof(flags_t, log_level), "error, warning, info or debug", 0, 0, levels},
    {"--port", offsetof(flags_t, port), "port", 0, 65535, NULL},
    {"--proxy", offsetof(flags_t, proxy), NULL, 0, 0, NULL},
    {"--unix", offsetof(flags_t, path), NULL, 0, 0, NULL},
    {"--workers", offsetof(flags_t, workers), "number", 1, 256, NULL},
};

/* Reads `least` to `most` in digits, no more of them than `most` has. */
static bool number_read(const char *text, unsigned least, unsigned most, unsigned *out)
{
    unsigned value = 0;
    unsigned room = most;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || room == 0)
            return false;
        value = value * 10 + (unsigned)(*at - '0');
        room /= 10;
    }
    *out = value;
    return value >= least && value <= most;
}

static bool word_read(const char *text, const char *const *words, unsigned *out)
{
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* The flag that `word` is, alone or followed by an equals sign. */
static const struct flag *flag_find(const char *word)
{
    size_t size = strcspn(word, "=");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == size && memcmp(known[i].name, word, size) == 0)
            return &known[i];
    return NULL;
}

/*
 * Reads the flag argv[*at] with its value, which is behind an equals sign or in the next
 * argument, to which `*at` then moves.
 */
static int flag_read(int argc, char **argv, int *at, flags_t *out, char *trouble)
{
    const char *word = argv[*at];
    const struct flag *flag = flag_find(word);
    if (flag == NULL) {
        snprintf(trouble, FLAGS_TROUBLE_SIZE, "%s: no such flag; catzilla --help lists them", word);
        return -1;
    }
    const char *value = strchr(word, '=');
    if (value != NULL)
        value++;
    else if (*at + 1 < argc)
        value = argv[++*at];
    if (value == NULL || *value == '\0') {
        snprintf(trouble, FLAGS_TROUBLE_SIZE, "%s: needs a value", word);
        return -1;
    }
    void *field = (char *)out + flag->field;
    if (flag->what == NULL) {
        *(const char **)field = value;
    } else if (flag->words != NULL) {
        if (word_read(value, flag->words, field))
            return 0;
        snprintf(trouble, FLAGS_TROUBLE_SIZE, "%s %s: give %s", flag->name, value, flag->what);
        return -1;
    } else if (!number_read(value, flag->least, flag->most, field)) {
        snprintf(trouble, FLAGS_TROUBLE_SIZE, "%s %s: not a %s; give %u to %u", flag->name, value,
                 flag->what, flag->least, flag->most);
        return -1;
    }
    return 0;
}

static int read_serve(int argc, char **argv, flags_t *out, char trouble[FLAGS_TROUBLE_SIZE])
{
    bool only_names = false; /* past "--" */
    for (int at = 2; at < argc; at++) {
        const char *word = argv[at];
        if (!only_names && strcmp(word, "--") == 0) {
            only_names = true;
        } else if (!only_names && word[0] == '-') {
            if (flag_read(argc, argv, &at, out, trouble) != 0)
                return -1;
        } else if (out->directory != NULL) {
            snprintf(trouble, FLAGS_TROUBLE_SIZE, "%s: one directory is enough", word);
            return -1;
        } else {
            out->directory = word;
        }
    }
    if (out->directory == NULL)
        out->directory = ".";
    return 0;
}

int flags_read(int argc, char **argv, flags_t *out, char trouble[FLAGS_TROUBLE_SIZE])
{
    *out = (flags_t){.command = COMMAND_SERVE,
                     .host = "127.0.0.1",
                     .port = 8080,
                     .workers = 1,
                     .drain = 10,
                     .log_format = CATZILLA_ACCESSLOG_COMBINED,
                     .log_level = CATZILLA_LOG_WARNING};
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
