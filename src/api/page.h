/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

/*
 * The admin page: one HTML file with its style, script and chart library in it, made by
 * page/bundle.py when Weir is built.
 *
 * The fields forbid it to load or to talk to anything but the address that it came from, and
 * to run or to wear what is not in it: each of its scripts and its style is let in by its hash.
 */

struct str page_html(void);
struct str page_fields(void); /* of the answer that has it */
