/* How many connections each address has open. Layer: server. */
#ifndef CZ_SERVER_CROWD_H
#define CZ_SERVER_CROWD_H
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CZ_CROWD_BUCKETS 256u
#define CZ_CROWD_KEY     8u

typedef struct cz_crowd_entry {
    struct cz_crowd_entry *next;
    uint32_t count;
    uint8_t size;
    char key[CZ_CROWD_KEY];
} cz_crowd_entry_t;

typedef struct cz_crowd {
    pthread_mutex_t mutex; /* taken when a connection comes or goes, and only with a limit */
    cz_crowd_entry_t *buckets[CZ_CROWD_BUCKETS];
    uint32_t limit; /* UINT32_MAX: none, and nothing is counted */
} cz_crowd_t;

void cz_crowd_open(cz_crowd_t *crowd, uint32_t limit);
void cz_crowd_close(cz_crowd_t *crowd);

/* Counts one more; false where the address has as many as it may, or memory is exhausted. */
bool cz_crowd_enter(cz_crowd_t *crowd, const char *key, size_t size);
void cz_crowd_leave(cz_crowd_t *crowd, const char *key, size_t size);

#endif
