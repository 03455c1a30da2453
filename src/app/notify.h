/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

/*
 * What a service manager and its service say to each other (sd_notify(3), sd_listen_fds(3)):
 * states go to the datagram socket that NOTIFY_SOCKET names, and listening sockets come as
 * file descriptors from 3 on, counted by LISTEN_FDS for the process that LISTEN_PID names.
 * Without a service manager all of this does nothing.
 */

enum { NOTIFY_FIRST_FD = 3 };

/* "READY=1", "STOPPING=1", "RELOADING=1", ...; what cannot be sent is not missed. */
void notify_say(const char *state);
/* The manager wants to know when a reload began as well (MONOTONIC_USEC). */
void notify_reloading(void);

/*
 * The inherited listening socket of this name (FileDescriptorName=), or the n-th, if its name
 * says nothing; -1: there is none. Marked close-on-exec.
 */
int notify_socket(struct str name, unsigned n);
