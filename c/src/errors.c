/* Error codes in words. */
#include <catzilla/errors.h>

const char *catzilla_strerror(int code)
{
    switch (code) {
#define ERROR_CASE(name, number, text)                                                             \
    case CATZILLA_ERR_##name:                                                                      \
        return text;
        CATZILLA_ERROR_MAP(ERROR_CASE)
#undef ERROR_CASE
    default:
        return catzilla_memory_strerror(code);
    }
}
