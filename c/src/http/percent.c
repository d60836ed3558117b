/* Percent-encoding. */
#include "http/percent.h"

int cz_percent_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool cz_percent_decode_path(catzilla_slice_t path, char *out, size_t *out_size)
{
    char *to = out;
    for (size_t i = 0; i < path.size; i++) {
        char c = path.data[i];
        if (c == '%') {
            if (path.size - i < 3)
                return false;
            int high = cz_percent_digit(path.data[i + 1]);
            int low = cz_percent_digit(path.data[i + 2]);
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return false;
            c = (char)(high * 16 + low);
            if (c == '/')
                c = '\0';
            i += 2;
        }
        *to++ = c;
    }
    *out_size = (size_t)(to - out);
    return true;
}
