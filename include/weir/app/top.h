/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * `weir top`: a running gateway in the terminal, looked at once a second until q or Ctrl-C. Where
 * the output is no terminal, one look after two readings. `file` or `admin` says which gateway;
 * both may be NULL. Exit status: 0, 1 when it does not answer, 2 when the file is at fault.
 */
int top(const char *file, const char *admin);
