/*
 * The lines of an access log. What a client sent is escaped, so that it can neither end a line
 * nor drive a terminal, and cut, so that a line fits the room that it was promised.
 */
#include "server/accessline.h"

#include "http/date.h"
#include "http/request.h"
#include "http/text.h"

#include <stdint.h>
#include <string.h>

#define VALUE_MOST 1024u /* bytes of one value; each may become six */

/* One byte that stands for itself in neither format, behind `lead`. */
static char *put_hex(char *out, const char *lead, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    out = cz_put(out, lead, strlen(lead));
    *out++ = digits[byte >> 4];
    *out++ = digits[byte & 15];
    return out;
}

/*
 * Whether each of eight bytes stands for itself in both formats. A byte that does not may make its
 * neighbour look like one, which costs time alone.
 */
static inline bool are_plain(uint64_t bytes)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t quote = bytes ^ (each * '"'), slash = bytes ^ (each * '\\');
    uint64_t other =
        bytes | (bytes - each * ' ') | (bytes + each) | (quote - each) | (slash - each);
    return (other & (each * 0x80)) == 0;
}

/* Copies eight bytes if all are plain. */
static inline bool put_eight(char *out, const char *at)
{
    uint64_t bytes;
    memcpy(&bytes, at, 8);
    if (!are_plain(bytes))
        return false;
    memcpy(out, &bytes, 8);
    return true;
}

/* Copies less than eight bytes if all are plain. */
static inline bool put_few(char *out, const char *at, size_t size)
{
    uint32_t first, last;
    if (size >= 4) {
        memcpy(&first, at, 4);
        memcpy(&last, at + size - 4, 4);
        if (!are_plain((uint64_t)last << 32 | first))
            return false;
        memcpy(out, &first, 4);
        memcpy(out + size - 4, &last, 4);
        return true;
    }
    for (size_t i = 0; i < size; i++) {
        if (at[i] < ' ' || at[i] > '~' || at[i] == '"' || at[i] == '\\')
            return false;
        out[i] = at[i];
    }
    return true;
}

/* Copies what a text begins with that stands for itself, and returns how much; whole words of it,
 * and the last one over the one before. */
static size_t put_plain(char *out, const char *at, size_t size)
{
    size_t done = 0;
    if (size < 8)
        return put_few(out, at, size) ? size : 0;
    while (size - done >= 8 && put_eight(out + done, at + done))
        done += 8;
    return size - done < 8 && put_eight(out + size - 8, at + size - 8) ? size : done;
}

/* `lead` is what comes before two hexadecimal digits: \x in NCSA's formats, \u00 in JSON. */
static char *put_escaped(char *out, catzilla_slice_t text, const char *lead, size_t most)
{
    const char *at = text.data, *end = at + (text.size < most ? text.size : most);
    while (at < end) {
        size_t plain = put_plain(out, at, (size_t)(end - at));
        out += plain;
        at += plain;
        if (at == end)
            break;
        unsigned char byte = (unsigned char)*at++;
        if (byte < ' ' || byte > '~') {
            out = put_hex(out, lead, byte);
            continue;
        }
        if (byte == '"' || byte == '\\')
            *out++ = '\\';
        *out++ = (char)byte;
    }
    return out;
}

/* The two dates are those of RFC 9110 in another order. */
static char *put_ncsa_date(char *out, const char date[CZ_DATE_SIZE])
{
    *out++ = '[';
    out = cz_put(out, date + 5, 2);
    *out++ = '/';
    out = cz_put(out, date + 8, 3);
    *out++ = '/';
    out = cz_put(out, date + 12, 4);
    *out++ = ':';
    out = cz_put(out, date + 17, 8);
    return CZ_PUT(out, " +0000]");
}

/* Up to the second. */
static char *put_iso_date(char *out, const char date[CZ_DATE_SIZE])
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    unsigned month = 0;
    while (month < 11 && memcmp(months + 3 * (size_t)month, date + 8, 3) != 0)
        month++;
    out = cz_put(out, date + 12, 4);
    *out++ = '-';
    *out++ = (char)('0' + (month + 1) / 10);
    *out++ = (char)('0' + (month + 1) % 10);
    *out++ = '-';
    out = cz_put(out, date + 5, 2);
    *out++ = 'T';
    return cz_put(out, date + 17, 8);
}

static char *put_date(char *out, int format, uint64_t second, cz_accessline_date_t *kept)
{
    if (kept->size == 0 || kept->second != second) {
        char date[CZ_DATE_SIZE];
        cz_date_format((int64_t)second, date);
        char *end = format == CATZILLA_ACCESSLOG_JSON ? put_iso_date(kept->text, date)
                                                      : put_ncsa_date(kept->text, date);
        kept->second = second;
        kept->size = (size_t)(end - kept->text);
    }
    return cz_put(out, kept->text, kept->size);
}

static char *put_ms(char *out, unsigned ms)
{
    *out++ = '.';
    *out++ = (char)('0' + ms / 100);
    *out++ = (char)('0' + ms / 10 % 10);
    *out++ = (char)('0' + ms % 10);
    return out;
}

/* The address without brackets and port. */
static catzilla_slice_t host_of(catzilla_slice_t peer)
{
    size_t end = peer.size;
    while (end > 0 && peer.data[end - 1] != ':')
        end--;
    if (end > 0)
        peer.size = end - 1;
    if (peer.size > 1 && peer.data[0] == '[') {
        peer.data++;
        peer.size -= 2;
    }
    return peer.size > 0 ? peer : CATZILLA_SLICE("-");
}

static catzilla_slice_t header_of(const catzilla_access_t *access, catzilla_slice_t name)
{
    const catzilla_slice_t absent = {NULL, 0};
    return access->request == NULL ? absent : cz_request_header(access->request, name);
}

static char *put_quoted(char *out, catzilla_slice_t text)
{
    *out++ = '"';
    out = text.size == 0 ? CZ_PUT(out, "-") : put_escaped(out, text, "\\x", VALUE_MOST);
    *out++ = '"';
    return out;
}

static char *put_ncsa(char *out, const catzilla_access_t *access, cz_accessline_date_t *date,
                      bool combined)
{
    out = put_escaped(out, host_of(access->peer), "\\x", 64);
    out = CZ_PUT(out, " - - ");
    out = put_date(out, CATZILLA_ACCESSLOG_COMMON, access->time_ms / 1000, date);
    out = CZ_PUT(out, " \"");
    if (access->method.size == 0) {
        *out++ = '-';
    } else {
        out = put_escaped(out, access->method, "\\x", 64);
        *out++ = ' ';
        out = put_escaped(out, access->target, "\\x", VALUE_MOST);
        *out++ = ' ';
        out = put_escaped(out, access->version, "\\x", 16);
    }
    out = CZ_PUT(out, "\" ");
    out = cz_put_number(out, (uint64_t)access->status);
    *out++ = ' ';
    out = cz_put_number(out, access->body_bytes);
    if (!combined)
        return out;
    *out++ = ' ';
    /* Four bytes for each of a target and two values must fit a line. */
    catzilla_slice_t referer = header_of(access, CATZILLA_SLICE("Referer"));
    catzilla_slice_t agent = header_of(access, CATZILLA_SLICE("User-Agent"));
    referer.size = referer.size < 384 ? referer.size : 384;
    agent.size = agent.size < 384 ? agent.size : 384;
    out = put_quoted(out, referer);
    *out++ = ' ';
    return put_quoted(out, agent);
}

static char *put_member(char *out, const char *name, catzilla_slice_t value, size_t most)
{
    if (value.size == 0)
        return out;
    out = CZ_PUT(out, ",\"");
    out = cz_put(out, name, strlen(name));
    out = CZ_PUT(out, "\":\"");
    out = put_escaped(out, value, "\\u00", most);
    *out++ = '"';
    return out;
}

static char *put_count(char *out, const char *name, uint64_t value)
{
    out = CZ_PUT(out, ",\"");
    out = cz_put(out, name, strlen(name));
    out = CZ_PUT(out, "\":");
    return cz_put_number(out, value);
}

static char *put_json(char *out, const catzilla_access_t *access, cz_accessline_date_t *date)
{
    out = CZ_PUT(out, "{\"time\":\"");
    out = put_date(out, CATZILLA_ACCESSLOG_JSON, access->time_ms / 1000, date);
    out = put_ms(out, (unsigned)(access->time_ms % 1000));
    out = CZ_PUT(out, "Z\"");
    out = put_member(out, "peer", access->peer, 64);
    out = put_member(out, "method", access->method, 64);
    out = put_member(out, "target", access->target, 700);
    out = put_member(out, "version", access->version, 16);
    out = put_count(out, "status", (uint64_t)access->status);
    out = put_count(out, "bytes", access->body_bytes);
    out = put_count(out, "duration_us", access->duration_ns / 1000);
    out = put_count(out, "memory_peak", access->memory_peak);
    out = put_count(out, "worker", access->worker);
    out = put_member(out, "referer", header_of(access, CATZILLA_SLICE("Referer")), 200);
    out = put_member(out, "user_agent", header_of(access, CATZILLA_SLICE("User-Agent")), 200);
    *out++ = '}';
    return out;
}

char *cz_accessline_put(int format, const catzilla_access_t *access, cz_accessline_date_t *date,
                        char *out)
{
    if (format == CATZILLA_ACCESSLOG_JSON)
        out = put_json(out, access, date);
    else
        out = put_ncsa(out, access, date, format == CATZILLA_ACCESSLOG_COMBINED);
    *out++ = '\n';
    return out;
}

size_t catzilla_accesslog_line(int format, const catzilla_access_t *access, char *out, size_t size)
{
    cz_accessline_date_t date = {0};
    if (size < CZ_ACCESSLINE_MOST)
        return 0;
    return (size_t)(cz_accessline_put(format, access, &date, out) - out);
}
