/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/base/str.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * An address that the gateway listens on: handed down by a service manager as an open socket,
 * or taken by itself.
 */

/* The socket of this name, or at this place where they have none; 0: it was not handed down. */
int address_inherited(const char *name, unsigned place);

/* An address that is in use already is a mistake, unless it is meant to be shared. */
MUST_CHECK enum err address_probe(struct str address, int inherited, bool shared,
                                  struct fault *why);

/* `address` with its port replaced by the one that was really taken; in `out`. */
struct str address_with_port(struct str address, unsigned port, char *out, size_t size);
