/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The sockets of all processes that listen on one address with SO_REUSEPORT are a group, and
 * the kernel spreads new connections over it. Before one of them is closed the others can be
 * given all of them, as those that a closed one has queued would be reset.
 *
 * `own`: how many of the group are this process's, which must be those that listened first.
 * Returns how many there are of others; none: there is nobody to steer to.
 */
unsigned reuseport_steer(int fd, unsigned own);
