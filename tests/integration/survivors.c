/*
 * Linked into servers under test: says on the program's end what is live of the two classes that
 * end with requests, which must be nothing. The harness looks.
 */
#include <catzilla/memory.h>

#include <stdio.h>

static size_t live_bytes(catzilla_memory_type_t type)
{
    size_t live = 0;
    catzilla_memory_get_arena_stats(type, &live, NULL);
    return live;
}

__attribute__((destructor)) static void tell(void)
{
    printf("live request=%zu response=%zu\n", live_bytes(CATZILLA_MEMORY_REQUEST),
           live_bytes(CATZILLA_MEMORY_RESPONSE));
}
