/* A table by address under one lock: entries live as long as their address has a connection. */
#include "server/crowd.h"

#include <catzilla/memory.h>

#include <string.h>

void cz_crowd_open(cz_crowd_t *crowd, uint32_t limit)
{
    memset(crowd, 0, sizeof *crowd);
    pthread_mutex_init(&crowd->mutex, NULL);
    crowd->limit = limit;
}

void cz_crowd_close(cz_crowd_t *crowd)
{
    for (unsigned i = 0; i < CZ_CROWD_BUCKETS; i++) {
        while (crowd->buckets[i] != NULL) {
            cz_crowd_entry_t *entry = crowd->buckets[i];
            crowd->buckets[i] = entry->next;
            catzilla_free(entry);
        }
    }
    pthread_mutex_destroy(&crowd->mutex);
}

/* Where the entry of the key is, or would be (FNV-1a). */
static cz_crowd_entry_t **find(cz_crowd_t *crowd, const char *key, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    cz_crowd_entry_t **at = &crowd->buckets[hash % CZ_CROWD_BUCKETS];
    while (*at != NULL && ((*at)->size != size || memcmp((*at)->key, key, size) != 0))
        at = &(*at)->next;
    return at;
}

static bool enter(cz_crowd_t *crowd, const char *key, size_t size)
{
    cz_crowd_entry_t **at = find(crowd, key, size);
    if (*at == NULL) {
        cz_crowd_entry_t *entry = catzilla_malloc(sizeof *entry);
        if (entry == NULL)
            return false;
        memset(entry, 0, sizeof *entry);
        memcpy(entry->key, key, size);
        entry->size = (uint8_t)size;
        *at = entry;
    }
    if ((*at)->count >= crowd->limit)
        return false;
    (*at)->count++;
    return true;
}

bool cz_crowd_enter(cz_crowd_t *crowd, const char *key, size_t size)
{
    pthread_mutex_lock(&crowd->mutex);
    bool entered = size <= CZ_CROWD_KEY && enter(crowd, key, size);
    pthread_mutex_unlock(&crowd->mutex);
    return entered;
}

void cz_crowd_leave(cz_crowd_t *crowd, const char *key, size_t size)
{
    pthread_mutex_lock(&crowd->mutex);
    cz_crowd_entry_t **at = find(crowd, key, size);
    cz_crowd_entry_t *entry = *at;
    if (entry != NULL && --entry->count == 0) {
        *at = entry->next;
        catzilla_free(entry);
    }
    pthread_mutex_unlock(&crowd->mutex);
}
