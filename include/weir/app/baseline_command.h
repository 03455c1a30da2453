/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * weir baseline create|list|show|pin|drop: asks a gateway that runs, on its admin address.
 * `words` are the command line's behind "baseline", NULL at the end. Returns the exit status:
 * 0, 1 when it was refused or nobody answers, 2 when the words are at fault.
 */
int baseline_command(char **words);
