/* A program that links a Rust archive of its own beside Catzilla's. */
#include "baked.h"

uint32_t own_sum(uint32_t last);

int main(void)
{
    uint32_t *sum = catzilla_task_alloc(sizeof *sum);
    if (sum == NULL || !baked_options_arrived())
        return 1;
    *sum = own_sum(100);
    int right = *sum == 5050;
    catzilla_free(sum);
    return right ? 0 : 1;
}
