/*
 * The flags of serve are rows of a table: what a value looks like, between which numbers it lies,
 * and which field takes it. So a flag is added by a row, and by its lines of help.
 */
#include "flags.h"

#include <catzilla/accesslog.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Each word stands for its number. */
static const char *const formats[] = {"common", "combined", "json", NULL};
static const char *const levels[] = {"error", "warning", "info", "debug", NULL};

typedef enum kind {
    TEXT,    /* given once */
    TEXTS,   /* to a list, and its count */
    ADDRESS, /* the same */
    WORD,
    NUMBER,
    OCTAL,
    SIZE, /* with K, M or G behind it */
    SWITCH
} kind_t;

static const struct flag {
    const char *name;
    kind_t kind;
    size_t field; /* of flags_t */
    size_t width; /* of a number there */
    const char *what;
    uint64_t least;
    uint64_t most;
    uint64_t scale; /* of the field's unit to the flag's */
    const char *const *words;
} known[] = {
#define AT(name)     offsetof(flags_t, name), sizeof(((flags_t *)0)->name)
#define TO(name)     AT(server.name)
#define SECONDS(max) "number of seconds", 0, max, 1000, NULL
#define COUNT(max)   "number", 1, max, 1, NULL
#define PLAIN        NULL, 0, 0, 0, NULL
#define DAY          86400
    {"--access-log", TEXT, AT(log), PLAIN},
    {"--body-timeout", NUMBER, TO(body_timeout_ms), SECONDS(DAY)},
    {"--drain", NUMBER, AT(drain_ms), SECONDS(DAY)},
    {"--header-timeout", NUMBER, TO(header_timeout_ms), SECONDS(DAY)},
    {"--host", TEXT, AT(host), PLAIN},
    {"--idle-timeout", NUMBER, TO(idle_timeout_ms), SECONDS(DAY)},
    {"--listen", ADDRESS, AT(listen), PLAIN},
    {"--log", TEXT, AT(log), PLAIN},
    {"--log-format", WORD, AT(log_format), "common, combined or json", 0, 0, 0, formats},
    {"--log-level", WORD, TO(log_level), "error, warning, info or debug", 0, 0, 0, levels},
    {"--max-body", SIZE, TO(max_body_bytes), "size", 1, (uint64_t)1 << 40, 1, NULL},
    {"--max-connections", NUMBER, TO(max_connections), COUNT(1000000)},
    {"--max-connections-per-address", NUMBER, TO(max_address_connections), COUNT(1000000)},
    {"--min-rate", SIZE, TO(min_rate), "size", 0, (uint64_t)1 << 30, 1, NULL},
    {"--pin", SWITCH, TO(pin_workers), PLAIN},
    {"--port", NUMBER, AT(port), "port", 0, 65535, 1, NULL},
    {"--proxy", TEXTS, AT(proxy), PLAIN},
    {"--total-timeout", NUMBER, TO(total_timeout_ms), SECONDS(DAY)},
    {"--unix", TEXT, AT(path), PLAIN},
    {"--unix-mode", OCTAL, AT(unix_mode), "mode", 0, 0777, 1, NULL},
    {"--workers", NUMBER, TO(workers), COUNT(256)},
    {"--write-timeout", NUMBER, TO(write_timeout_ms), SECONDS(DAY)},
#undef AT
#undef TO
#undef SECONDS
#undef COUNT
#undef PLAIN
#undef DAY
};

#define KNOWN (sizeof known / sizeof *known)

/* Reads up to `most` in digits, no more of them than that has; what follows is `*rest`. */
static bool digits_read(const char *text, unsigned base, uint64_t most, uint64_t *out,
                        const char **rest)
{
    uint64_t value = 0;
    uint64_t room = most;
    const char *at = text;
    for (; *at >= '0' && *at < (char)('0' + base); at++) {
        if (room == 0 && at > text)
            return false;
        value = value * base + (uint64_t)(*at - '0');
        room /= base;
    }
    *out = value;
    *rest = at;
    return at > text && value <= most;
}

static bool number_read(const struct flag *flag, const char *text, uint64_t *out)
{
    static const char units[] = "KMG";
    const char *rest;
    /* A mode is often written with a zero before it. */
    if (flag->kind == OCTAL && text[0] == '0' && text[1] != '\0')
        text++;
    if (!digits_read(text, flag->kind == OCTAL ? 8 : 10, flag->most, out, &rest))
        return false;
    const char *unit = *rest == '\0' || flag->kind != SIZE ? NULL : strchr(units, *rest);
    if (unit != NULL) {
        unsigned shift = 10 * (unsigned)(unit - units + 1);
        if (*out > flag->most >> shift)
            return false;
        *out <<= shift;
        rest++;
    }
    return *rest == '\0' && *out >= flag->least;
}

static bool word_read(const char *text, const char *const *words, uint64_t *out)
{
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* Reads ADDRESS:PORT, an IPv6 address in brackets. */
static bool address_read(const char *text, flags_address_t *out)
{
    uint64_t port;
    const char *rest;
    const char *colon = strrchr(text, ':');
    if (colon == NULL || !digits_read(colon + 1, 10, 65535, &port, &rest) || *rest != '\0')
        return false;
    size_t size = (size_t)(colon - text);
    bool brackets = size > 2 && text[0] == '[' && colon[-1] == ']';
    if (brackets) {
        text++;
        size -= 2;
    } else if (memchr(text, ':', size) != NULL || memchr(text, '[', size) != NULL) {
        return false;
    }
    if (size == 0 || size >= sizeof out->host)
        return false;
    memcpy(out->host, text, size);
    out->host[size] = '\0';
    out->port = (unsigned)port;
    return true;
}

static void number_store(const struct flag *flag, flags_t *out, uint64_t value)
{
    char *field = (char *)out + flag->field;
    uint32_t narrow = (uint32_t)(value * flag->scale);
    uint64_t wide = value * flag->scale;
    if (flag->width == sizeof narrow)
        memcpy(field, &narrow, sizeof narrow);
    else
        memcpy(field, &wide, sizeof wide);
}

/* The flag that `word` is, alone or followed by an equals sign. */
static const struct flag *flag_find(const char *word)
{
    size_t size = strcspn(word, "=");
    for (size_t i = 0; i < KNOWN; i++)
        if (strlen(known[i].name) == size && memcmp(known[i].name, word, size) == 0)
            return &known[i];
    return NULL;
}

__attribute__((format(printf, 2, 3))) static int say(char *trouble, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(trouble, FLAGS_TROUBLE_SIZE, format, arguments);
    va_end(arguments);
    return -1;
}

static int list_full(const struct flag *flag, char *trouble)
{
    return say(trouble, "%s: given too often; at most %u times", flag->name, FLAGS_REPEATED);
}

static int text_store(const struct flag *flag, const char *value, flags_t *out, char *trouble)
{
    const char **field = (const char **)(void *)((char *)out + flag->field);
    if (*field != NULL)
        return say(trouble, "%s %s: given twice%s", flag->name, value,
                   field == &out->host ? "; more addresses are for --listen" : "");
    *field = value;
    return 0;
}

static int value_store(const struct flag *flag, const char *value, flags_t *out, char *trouble)
{
    uint64_t number = 0;
    switch (flag->kind) {
    case TEXT:
        return text_store(flag, value, out, trouble);
    case TEXTS:
        if (out->proxy_count == FLAGS_REPEATED)
            return list_full(flag, trouble);
        out->proxy[out->proxy_count++] = value;
        return 0;
    case ADDRESS:
        if (out->listen_count == FLAGS_REPEATED)
            return list_full(flag, trouble);
        if (!address_read(value, &out->listen[out->listen_count]))
            return say(trouble, "%s %s: give ADDRESS:PORT, such as 0.0.0.0:80 or [::1]:8080",
                       flag->name, value);
        out->listen_count++;
        return 0;
    case WORD:
        if (!word_read(value, flag->words, &number))
            return say(trouble, "%s %s: give %s", flag->name, value, flag->what);
        memcpy((char *)out + flag->field, &(unsigned){(unsigned)number}, sizeof(unsigned));
        return 0;
    default:
        if (number_read(flag, value, &number))
            number_store(flag, out, number);
        else if (flag->kind == OCTAL)
            return say(trouble, "%s %s: not a %s; give 0 to 0%" PRIo64, flag->name, value,
                       flag->what, flag->most);
        else
            return say(trouble, "%s %s: not a %s; give %" PRIu64 " to %" PRIu64, flag->name, value,
                       flag->what, flag->least, flag->most);
        return 0;
    }
}

/*
 * Reads the flag argv[*at] with its value, which is behind an equals sign or in the next
 * argument, to which `*at` then moves.
 */
static int flag_read(int argc, char **argv, int *at, flags_t *out, char *trouble)
{
    const char *word = argv[*at];
    const struct flag *flag = flag_find(word);
    if (flag == NULL)
        return say(trouble, "%s: no such flag; catzilla --help lists them", word);
    const char *value = strchr(word, '=');
    if (flag->kind == SWITCH) {
        if (value != NULL)
            return say(trouble, "%s: takes no value", word);
        memcpy((char *)out + flag->field, &(int){1}, sizeof(int));
        return 0;
    }
    if (value != NULL)
        value++;
    else if (*at + 1 < argc)
        value = argv[++*at];
    if (value == NULL || *value == '\0')
        return say(trouble, "%s: needs a value", word);
    return value_store(flag, value, out, trouble);
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
            return say(trouble, "%s: one directory is enough", word);
        } else {
            out->directory = word;
        }
    }
    if (out->directory == NULL)
        out->directory = ".";
    if (out->host == NULL)
        out->host = "127.0.0.1";
    return 0;
}

int flags_read(int argc, char **argv, flags_t *out, char trouble[FLAGS_TROUBLE_SIZE])
{
    *out = (flags_t){.command = COMMAND_SERVE,
                     .port = 8080,
                     .unix_mode = 0660,
                     .drain_ms = 10000,
                     .log_format = CATZILLA_ACCESSLOG_COMBINED,
                     .server = CATZILLA_SERVER_OPTIONS_INIT};
    out->server.log_level = CATZILLA_LOG_WARNING;
    if (argc < 2)
        return say(trouble, "no command; try catzilla serve or catzilla --help");
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
    return say(trouble, "%s: no such %s; catzilla --help lists them", wrong,
               wrong[0] == '-' ? "flag" : "command");
}
