// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// TLS connections whose keys are always the same, as if they had shaken hands.

#include "wire/tls/codec.h"

// Contexts of clients and of servers; made once.
struct nx_tls_context *tls_keys_context(bool is_server);
// Gives a connection that has not shaken hands the keys of one that has.
void tls_keys_set(struct nx_tls *tls, bool is_aes256);
struct nx_tls *tls_keys_connection(bool is_server, bool is_aes256, size_t buffer);
