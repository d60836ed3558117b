/* For code that says #include "memory.h" and means Catzilla's. This folder comes before the
 * system's, whose header of that name declares the functions on bytes, so those are declared too.
 */
#ifndef CATZILLA_COMPAT_MEMORY_H
#define CATZILLA_COMPAT_MEMORY_H

#include <catzilla/memory.h>
#include <string.h>

#endif
