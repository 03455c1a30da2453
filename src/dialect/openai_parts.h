/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tap_inner.h"

/* The parts of the OpenAI dialect, one file each. */

/* openai_request.c: a request on its way upstream. */
enum err openai_request_put(const struct request *r, struct str upstream_model, bool ask_usage,
                            struct arena *arena, struct dialect_body *out);

/* openai_whole.c: judges a plain answer, or the plain form of a streamed one. */
enum err openai_whole_read(struct tap *t, struct str body);
void openai_whole_read_usage(struct tap *t, struct str usage);

/* openai_chunk.c: an event of chat or completions; `text` is its readable data. */
enum err openai_chunk_read(struct tap *t, const struct tap_event *e, struct str text,
                           struct delta *out);

/* openai_event.c: an event of Responses. */
enum err openai_event_read(struct tap *t, const struct tap_event *e, struct str text,
                           struct delta *out);
