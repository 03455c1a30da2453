/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Blocks of a size that we chose cannot fail: these abort when the machine has no memory
 * left. Bytes of a size that a client chose come from an arena or a buf with a ceiling.
 */
void *mem_new(size_t size); /* zeroed */
void *mem_new_array(size_t count, size_t size);
void *mem_grow(void *at, size_t size);
char *mem_copy_text(const char *zero_terminated);

#define MEM_NEW(type) ((type *)mem_new(sizeof(type)))
