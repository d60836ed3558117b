/* Code as it was before the move: memory.h brings Catzilla's functions and the system's. */
#include "memory.h"

int main(void)
{
    char *block = catzilla_request_alloc(16);
    if (block == NULL)
        return 1;
    memcpy(block, "still here", 11);
    int same = strcmp(block, "still here") == 0;
    catzilla_request_free(block);
    return same ? 0 : 1;
}
