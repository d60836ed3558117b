/* The jemalloc that the memory layer is built on: the peers that use it link the same archive, with
 * the same options baked in, so only the way it is called differs. Declared by hand, since the
 * header of the build stays in cargo's folders. */
#ifndef BENCH_JEMALLOC_H
#define BENCH_JEMALLOC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

void *_rjem_malloc(size_t size);
void _rjem_free(void *block);
void *_rjem_mallocx(size_t size, int flags);
void _rjem_dallocx(void *block, int flags);
size_t _rjem_malloc_usable_size(void *block);
int _rjem_mallctl(const char *name, void *old, size_t *old_size, void *new_value, size_t new_size);

/* jemalloc.h's MALLOCX_ARENA and MALLOCX_TCACHE. */
#define JE_ARENA(arena)   ((((int)(arena)) + 1) << 20)
#define JE_TCACHE(tcache) ((((int)(tcache)) + 2) << 8)

static inline void je_set(const char *name, void *value, size_t size)
{
    if (_rjem_mallctl(name, NULL, NULL, value, size) != 0) {
        fprintf(stderr, "mallctl %s failed\n", name);
        exit(1);
    }
}

static inline unsigned je_new(const char *name)
{
    unsigned id = 0;
    size_t size = sizeof id;
    if (_rjem_mallctl(name, &id, &size, NULL, 0) != 0) {
        fprintf(stderr, "mallctl %s failed\n", name);
        exit(1);
    }
    return id;
}

static inline unsigned je_arena_of(void *block)
{
    unsigned arena = 0;
    size_t size = sizeof arena;
    if (_rjem_mallctl("arenas.lookup", &arena, &size, &block, sizeof block) != 0)
        return ~0u;
    return arena;
}

/* Catzilla runs it, so the peers on jemalloc are not denied it. */
static inline void je_background_thread(void)
{
    bool on = true;
    je_set("background_thread", &on, sizeof on);
}

/* arena.<MALLCTL_ARENAS_ALL>.purge */
static inline void je_purge_all(void)
{
    je_set("arena.4096.purge", NULL, 0);
}

#endif
