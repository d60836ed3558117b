/* The library's version at run time. */
#include <catzilla/version.h>

const char *catzilla_version(void)
{
    return CATZILLA_VERSION_STRING;
}
