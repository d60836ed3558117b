/* A program that wants the memory layer alone. */
#include "baked.h"

int main(void)
{
    if (catzilla_memory_init() != 0 || !baked_options_arrived())
        return 1;
    char *text = catzilla_cache_alloc(100);
    if (text == NULL)
        return 1;
    memset(text, 'x', 100);
    text = catzilla_static_realloc(text, 1000);
    if (text == NULL || text[99] != 'x')
        return 1;
    catzilla_free(text);
    puts(catzilla_memory_jemalloc_version());
    return 0;
}
