/*
 * The directory is read by getdents64 itself: readdir() would take a buffer of its own from the
 * system's allocator.
 */
#define _GNU_SOURCE
#include "static/listing.h"

#include "http/date.h"

#include <catzilla/memory.h>
#include <catzilla/errors.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct entry {
    char *name; /* ends in NUL */
    uint64_t size;
    int64_t modified;
    bool is_directory;
} entry_t;

typedef struct entries {
    entry_t *at;
    size_t count;
    size_t room;
    size_t names; /* that were looked at */
    bool is_cut;  /* there is more than is looked at */
} entries_t;

/* Text that grows in the response class. Once out of memory it stays so. */
typedef struct page {
    char *data;
    size_t size;
    size_t room;
    bool failed;
} page_t;

static void page_add(page_t *page, const char *text, size_t size)
{
    if (page->failed)
        return;
    if (page->room - page->size < size) {
        size_t room = page->room * 2 > page->size + size ? page->room * 2 : page->size + size;
        char *data = catzilla_response_realloc(page->data, room);
        if (data == NULL) {
            page->failed = true;
            return;
        }
        page->data = data;
        page->room = room;
    }
    memcpy(page->data + page->size, text, size);
    page->size += size;
}

static void page_add_text(page_t *page, const char *text)
{
    page_add(page, text, strlen(text));
}

static void page_add_html(page_t *page, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        switch (text[i]) {
        case '&':
            page_add_text(page, "&amp;");
            break;
        case '<':
            page_add_text(page, "&lt;");
            break;
        case '>':
            page_add_text(page, "&gt;");
            break;
        case '"':
            page_add_text(page, "&quot;");
            break;
        default:
            page_add(page, text + i, 1);
        }
    }
}

/* A name as a relative reference; "./" keeps a colon in it from being read as a scheme. */
static void page_add_link(page_t *page, const char *name)
{
    page_add_text(page, "./");
    for (const char *at = name; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || strchr("-._~", c) != NULL;
        if (is_plain) {
            page_add(page, at, 1);
        } else {
            char escaped[4];
            snprintf(escaped, sizeof escaped, "%%%02X", c);
            page_add(page, escaped, 3);
        }
    }
}

static int entries_add(catzilla_region_t *region, entries_t *entries, const char *name,
                       const struct stat *status)
{
    if (entries->count == entries->room) {
        size_t room = entries->room == 0 ? 64 : entries->room * 2;
        entry_t *at = catzilla_region_alloc(region, room * sizeof *at);
        if (at == NULL)
            return CATZILLA_ERR_NOMEM;
        if (entries->count > 0)
            memcpy(at, entries->at, entries->count * sizeof *at);
        entries->at = at;
        entries->room = room;
    }
    char *copy = catzilla_region_strdup(region, name);
    if (copy == NULL)
        return CATZILLA_ERR_NOMEM;
    entries->at[entries->count++] = (entry_t){
        .name = copy,
        .size = (uint64_t)status->st_size,
        .modified = status->st_mtime,
        .is_directory = S_ISDIR(status->st_mode),
    };
    return 0;
}

/* Whether the directory itself tells that it is nothing to serve, which saves asking for it. */
static bool is_other_kind(unsigned char type)
{
    return type != DT_REG && type != DT_DIR && type != DT_LNK && type != DT_UNKNOWN;
}

/*
 * Adds what can be served. A link is told by what it leads to only when followed, which may be out
 * of the root, so it shows as it lies there.
 */
static int entries_consider(catzilla_region_t *region, entries_t *entries, int fd,
                            const struct dirent64 *entry, bool hidden)
{
    struct stat status;
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    bool is_skipped = (name[0] == '.' && !hidden) || is_other_kind(entry->d_type);
    if (entries->names++ == CZ_LISTING_NAMES ||
        (!is_skipped && entries->count == CZ_LISTING_MOST)) {
        entries->is_cut = true;
        return 0;
    }
    if (is_skipped)
        return 0;
    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return 0; /* gone since */
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode))
        return 0;
    return entries_add(region, entries, name, &status);
}

static int entries_read(catzilla_region_t *region, entries_t *entries, int fd, bool hidden)
{
    _Alignas(struct dirent64) char buffer[8192];
    while (!entries->is_cut) {
        ssize_t size = getdents64(fd, buffer, sizeof buffer);
        if (size < 0)
            return CATZILLA_ERR_SYSTEM;
        if (size == 0)
            return 0;
        for (ssize_t at = 0; at < size && !entries->is_cut;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
            int rc = entries_consider(region, entries, fd, entry, hidden);
            if (rc != 0)
                return rc;
            at += entry->d_reclen;
        }
    }
    return 0;
}

static int compare(const void *left, const void *right)
{
    const entry_t *a = left;
    const entry_t *b = right;
    if (a->is_directory != b->is_directory)
        return a->is_directory ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void page_add_entry(page_t *page, const entry_t *entry)
{
    const char *slash = entry->is_directory ? "/" : "";
    page_add_text(page, "<tr><td><a href=\"");
    page_add_link(page, entry->name);
    page_add_text(page, slash);
    page_add_text(page, "\">");
    page_add_html(page, entry->name, strlen(entry->name));
    page_add_text(page, slash);
    page_add_text(page, "</a></td><td>");
    if (!entry->is_directory) {
        char size[24];
        snprintf(size, sizeof size, "%llu", (unsigned long long)entry->size);
        page_add_text(page, size);
    }
    page_add_text(page, "</td><td>");
    char date[CZ_DATE_SIZE];
    cz_date_format(entry->modified, date);
    page_add(page, date + 5, CZ_DATE_SIZE - 5);
    page_add_text(page, "</td></tr>\n");
}

int cz_listing_write(catzilla_region_t *region, int fd, catzilla_slice_t path, bool is_root,
                     bool hidden, char **out, size_t *size)
{
    entries_t entries = {.at = NULL};
    page_t page = {.data = NULL};
    *out = NULL;
    int rc = entries_read(region, &entries, fd, hidden);
    if (rc != 0)
        return rc;
    if (entries.count > 0)
        qsort(entries.at, entries.count, sizeof *entries.at, compare);
    page_add_text(&page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    page_add_html(&page, path.data, path.size);
    page_add_text(&page, "</title>\n<style>\n"
                         ":root { color-scheme: light dark; }\n"
                         "body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; "
                         "max-width: 50rem; padding: 0 1rem; }\n"
                         "td { padding: 0 1rem 0 0; }\n"
                         "td + td { text-align: right; font-variant-numeric: tabular-nums; }\n"
                         "</style>\n</head>\n<body>\n<h1>");
    page_add_html(&page, path.data, path.size);
    page_add_text(&page, "</h1>\n<table>\n");
    if (!is_root)
        page_add_text(&page, "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    size_t shown = 0;
    while (shown < entries.count && page.size <= CZ_LISTING_BYTES)
        page_add_entry(&page, &entries.at[shown++]);
    page_add_text(&page, "</table>\n");
    if (entries.is_cut || shown < entries.count)
        page_add_text(&page, "<p>There are more entries than this page shows.</p>\n");
    page_add_text(&page, "</body>\n</html>\n");
    if (page.failed) {
        catzilla_response_free(page.data);
        return CATZILLA_ERR_NOMEM;
    }
    *out = page.data;
    *size = page.size;
    return 0;
}
