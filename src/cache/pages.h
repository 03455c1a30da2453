/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Zeroed memory straight from the system, page by page as it is touched: a large table that
 * is hardly used costs hardly anything. Aborts when there is none, as mem.h does.
 */
void *pages_new(size_t size);
void pages_free(void *at, size_t size); /* NULL is fine */
