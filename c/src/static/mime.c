/*
 * The built-in table is constant and sorted, so it is searched by halves and costs no memory; a
 * mount's own types are looked at before it.
 *
 * Markdown and source code are text/plain: browsers offer to save what they have no viewer for,
 * and the registered text/markdown is among that.
 */
#include "static/mime.h"

#define TEXT "text/plain; charset=utf-8"

/* In the order of strcmp() by extension. */
static const struct {
    char extension[12];
    const char *type;
} table[] = {
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"c", TEXT},
    {"cc", TEXT},
    {"cfg", TEXT},
    {"cmake", TEXT},
    {"conf", TEXT},
    {"cpp", TEXT},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"diff", TEXT},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"go", TEXT},
    {"gz", "application/gzip"},
    {"h", TEXT},
    {"hpp", TEXT},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/vnd.microsoft.icon"},
    {"in", TEXT},
    {"ini", TEXT},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"log", TEXT},
    {"map", "application/json"},
    {"markdown", TEXT},
    {"md", TEXT},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/opus"},
    {"otf", "font/otf"},
    {"patch", TEXT},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"py", TEXT},
    {"rs", TEXT},
    {"rst", TEXT},
    {"sh", TEXT},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", TEXT},
    {"ts", TEXT},
    {"tsv", "text/tab-separated-values; charset=utf-8"},
    {"ttf", "font/ttf"},
    {"txt", TEXT},
    {"vtt", "text/vtt; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"yaml", TEXT},
    {"yml", TEXT},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

/* Texts that by custom have no extension. */
static const char *const plain_names[] = {
    "AUTHORS", "CHANGELOG", "COPYING", "Dockerfile", "LICENSE", "Makefile", "NOTICE", "README",
};

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* The order of `a` and `b`, letters folded to small ones. */
static int compare(catzilla_slice_t a, catzilla_slice_t b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    for (size_t i = 0; i < shorter; i++) {
        int difference = lower(a.data[i]) - lower(b.data[i]);
        if (difference != 0)
            return difference;
    }
    return a.size == b.size ? 0 : a.size < b.size ? -1 : 1;
}

catzilla_slice_t cz_mime_extension(catzilla_slice_t name)
{
    for (size_t i = name.size; i > 1; i--)
        if (name.data[i - 1] == '.')
            return (catzilla_slice_t){name.data + i, name.size - i};
    return (catzilla_slice_t){NULL, 0};
}

bool cz_mime_same_extension(catzilla_slice_t a, catzilla_slice_t b)
{
    return compare(a, b) == 0;
}

catzilla_slice_t cz_mime_type(catzilla_slice_t name)
{
    catzilla_slice_t extension = cz_mime_extension(name);
    if (extension.data == NULL) {
        for (size_t i = 0; i < sizeof plain_names / sizeof *plain_names; i++)
            if (catzilla_slice_equal(name, catzilla_slice_of(plain_names[i])))
                return CATZILLA_SLICE(TEXT);
        return CATZILLA_SLICE("application/octet-stream");
    }
    size_t from = 0;
    size_t to = sizeof table / sizeof *table;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare(extension, catzilla_slice_of(table[middle].extension));
        if (order == 0)
            return catzilla_slice_of(table[middle].type);
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return CATZILLA_SLICE("application/octet-stream");
}
