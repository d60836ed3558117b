/* Media types by the ends of names. Layer: content. */
#ifndef CZ_STATIC_MIME_H
#define CZ_STATIC_MIME_H
#include <catzilla/slice.h>

/* The whole value of Content-Type for a file called `name`; constant. Never absent. */
catzilla_slice_t cz_mime_type(catzilla_slice_t name);

/* What follows the last dot of `name`; absent where it has none, or begins with it. */
catzilla_slice_t cz_mime_extension(catzilla_slice_t name);

/* Whether two extensions are the same but for the case of ASCII letters. */
bool cz_mime_same_extension(catzilla_slice_t a, catzilla_slice_t b);

#endif
