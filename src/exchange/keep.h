/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "life.h"

/* What of an answer is kept, for whom, and under which key. */

/* Did the last call bring a whole answer? */
bool keep_is_answered(const struct exchange *x);
/* Its plain form; absent when there is none. */
struct str keep_plain_form(const struct exchange *x);

/*
 * Makes the entry of a complete answer, for the cache and for followers; NULL when there is no
 * plain form of it. `body` is that form.
 */
struct entry *keep_entry(const struct exchange *x, struct str body);

/* A refusal, of or by an upstream, for those who sent the same bytes: its key is their digest. */
struct entry *keep_refusal(const struct exchange *x);
/* A failure for whoever waited for the same. */
struct entry *keep_failure(const struct exchange *x);
/* As another gateway tells it: a status (0: none), and how long to wait (ms; -1: not said). */
struct entry *keep_failure_of(int status, int64_t wait_ms);
int64_t keep_wait_ms(const struct entry *failure);

/* May the answer of this exchange be kept at all? Fills why_not otherwise. */
bool keep_allows(const struct model *m, const struct ask *ask, const struct request *r,
                 const struct fingerprint *print, const char **why_not);

/* Is it kept for who asks again with the same Idempotency-Key, whatever else it is kept for? */
bool keep_is_for_key(const struct exchange *x);
/* The key of an answer that is kept for its Idempotency-Key alone. */
void keep_idempotent_key(const struct ask *ask, struct digest *out);

/* Whose answers these are: the tenant's, or everybody's where the model says so. */
struct str keep_scope(const struct model *m, const struct ask *ask);

/* The upstream's headers that travel to the client, and its request id. */
void keep_headers(struct exchange *x);
