/* Tells whether the options baked into jemalloc arrived in the program that asks. */
#ifndef BAKED_H
#define BAKED_H
#include <catzilla/memory.h>
#include <stdio.h>
#include <string.h>

static inline int baked_options_arrived(void)
{
    static const char *const options[][2] = {{"dirty_decay_ms", "1000"},
                                             {"muzzy_decay_ms", "0"},
                                             {"metadata_thp", "disabled"},
                                             {"cache_oblivious", "false"},
                                             {"prof_active", "false"}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        char value[32];
        int rc = catzilla_memory_get_option(options[i][0], value, sizeof value);
        if (rc != 0 || strcmp(value, options[i][1]) != 0) {
            fprintf(stderr, "%s: code %d, value %s\n", options[i][0], rc, value);
            return 0;
        }
    }
    return 1;
}
#endif
