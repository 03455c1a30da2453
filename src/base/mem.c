/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/mem.h"

#include "weir/base/ensure.h"

#include <stdlib.h>
#include <string.h>

void *mem_new(size_t size)
{
    return mem_new_array(1, size);
}

void *mem_new_array(size_t count, size_t size)
{
    void *at = calloc(count > 0 ? count : 1, size > 0 ? size : 1);

    ensure(at);
    return at;
}

void *mem_grow(void *at, size_t size)
{
    void *moved = realloc(at, size > 0 ? size : 1);

    ensure(moved);
    return moved;
}

char *mem_copy_text(const char *zero_terminated)
{
    size_t size = strlen(zero_terminated) + 1;
    char *copy = mem_new(size);

    memcpy(copy, zero_terminated, size);
    return copy;
}
