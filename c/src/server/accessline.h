/* Writing lines of an access log, one after another. Layer: server. */
#ifndef CZ_SERVER_ACCESSLINE_H
#define CZ_SERVER_ACCESSLINE_H
#include <catzilla/accesslog.h>

#define CZ_ACCESSLINE_MOST 8192u /* bytes of one line, its end included */

/* The date as lines of one format have it, kept while the second lasts. Starts zeroed. */
typedef struct cz_accessline_date {
    uint64_t second;
    size_t size; /* 0: none yet */
    char text[32];
} cz_accessline_date_t;

/* Writes one line to `out`, which has room for the longest; returns its end. */
char *cz_accessline_put(int format, const catzilla_access_t *access, cz_accessline_date_t *date,
                        char *out);

#endif
