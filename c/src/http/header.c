/* Names and values of header fields, by one table of what each byte may be part of. */
#include "http/header.h"

#include <stdint.h>

enum {
    IS_TOKEN = 1, /* RFC 9110, section 5.6.2: tchar */
    IS_HOST = 2   /* RFC 3986, section 3.2.2: reg-name, and what IP literals add */
};

#define X IS_TOKEN
#define H IS_HOST
#define B (IS_TOKEN | IS_HOST)
static const uint8_t kind[256] = {
    ['!'] = B, ['#'] = X, ['$'] = B, ['%'] = B, ['&'] = B, ['\''] = B, ['('] = H, [')'] = H,
    ['*'] = B, ['+'] = B, [','] = H, ['-'] = B, ['.'] = B, [';'] = H,  ['='] = H, ['^'] = X,
    ['_'] = B, ['`'] = X, ['|'] = X, ['~'] = B, ['0'] = B, ['1'] = B,  ['2'] = B, ['3'] = B,
    ['4'] = B, ['5'] = B, ['6'] = B, ['7'] = B, ['8'] = B, ['9'] = B,  ['a'] = B, ['b'] = B,
    ['c'] = B, ['d'] = B, ['e'] = B, ['f'] = B, ['g'] = B, ['h'] = B,  ['i'] = B, ['j'] = B,
    ['k'] = B, ['l'] = B, ['m'] = B, ['n'] = B, ['o'] = B, ['p'] = B,  ['q'] = B, ['r'] = B,
    ['s'] = B, ['t'] = B, ['u'] = B, ['v'] = B, ['w'] = B, ['x'] = B,  ['y'] = B, ['z'] = B,
    ['A'] = B, ['B'] = B, ['C'] = B, ['D'] = B, ['E'] = B, ['F'] = B,  ['G'] = B, ['H'] = B,
    ['I'] = B, ['J'] = B, ['K'] = B, ['L'] = B, ['M'] = B, ['N'] = B,  ['O'] = B, ['P'] = B,
    ['Q'] = B, ['R'] = B, ['S'] = B, ['T'] = B, ['U'] = B, ['V'] = B,  ['W'] = B, ['X'] = B,
    ['Y'] = B, ['Z'] = B,
};
#undef X
#undef H
#undef B

static bool all_of(catzilla_slice_t text, uint8_t wanted)
{
    uint8_t all = wanted;
    for (size_t i = 0; i < text.size; i++)
        all &= kind[(unsigned char)text.data[i]];
    return all != 0;
}

bool cz_header_is_token(catzilla_slice_t text)
{
    return text.size > 0 && all_of(text, IS_TOKEN);
}

/* Whether one of eight bytes is below space or DEL; a tab counts as well. */
static bool has_control(const char *data)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, data, sizeof word);
    uint64_t below = (word - each * ' ') & ~word;
    uint64_t other = word ^ (each * 0x7f);
    return ((below | ((other - each) & ~other)) & (each * 0x80)) != 0;
}

bool cz_header_is_value(catzilla_slice_t text)
{
    size_t i = 0;
    while (text.size - i >= 8 && !has_control(text.data + i))
        i += 8;
    for (; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static char lowered(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool cz_header_is(catzilla_slice_t text, const char *lower, size_t size)
{
    if (text.size != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (lowered(text.data[i]) != lower[i])
            return false;
    }
    return true;
}

bool cz_header_same(catzilla_slice_t a, catzilla_slice_t b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lowered(a.data[i]) != lowered(b.data[i]))
            return false;
    return true;
}

static bool is_port(catzilla_slice_t text)
{
    if (text.size > 5)
        return false;
    for (const char *at = text.data, *end = at + text.size; at < end; at++)
        if ((unsigned char)(*at - '0') > 9)
            return false;
    return true;
}

/* "[address]" with an optional port; `value` begins with the bracket. */
static bool is_literal(catzilla_slice_t value)
{
    const char *close = memchr(value.data, ']', value.size);
    if (close == NULL || close == value.data + 1)
        return false;
    for (const char *c = value.data + 1; c < close; c++)
        if (*c != ':' && (kind[(unsigned char)*c] & IS_HOST) == 0)
            return false;
    catzilla_slice_t port = {close + 1, value.size - (size_t)(close + 1 - value.data)};
    if (port.size == 0)
        return true;
    port.data++;
    port.size--;
    return close[1] == ':' && is_port(port);
}

bool cz_header_is_host(catzilla_slice_t value)
{
    if (value.size > 0 && value.data[0] == '[')
        return is_literal(value);
    const char *at = value.data, *end = value.data + value.size;
    while (at < end && (kind[(unsigned char)*at] & IS_HOST) != 0)
        at++;
    if (at == end)
        return true;
    catzilla_slice_t port = {at + 1, (size_t)(end - at) - 1};
    return at > value.data && *at == ':' && is_port(port);
}

catzilla_slice_t cz_header_trim(catzilla_slice_t text)
{
    while (text.size > 0 && (*text.data == ' ' || *text.data == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}
