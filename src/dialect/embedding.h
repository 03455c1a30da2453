/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/dialect/request.h"

/*
 * Gives an embeddings answer the encoding that was asked for. OpenAI's SDKs ask for base64
 * unless told otherwise, and make an empty vector, without an error, of floats from a server
 * that does not know the word. So lists of numbers become base64 of little-endian float32;
 * what is no plain list of numbers is left as it is.
 * It costs about 60 ns a number, on the loop: some 10 ms for a hundred vectors of 1,536.
 */
void embedding_fit(const struct request *r, struct buf *body);
