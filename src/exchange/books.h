/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "life.h"

/* What an exchange came to, written down: once for every client. */

/* When it has been told. `trail` is NULL unless the exchange failed. */
void books_close(struct exchange *x, const char *trail);
