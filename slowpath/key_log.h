// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A file of the secrets of TLS handshakes, in the format of NSS (RFC 9850), for whoever debugs with
// a packet capture. One for the process, off unless whoever starts it wants it so; who turns it
// on says so loudly.

#include "core/base.h"

enum {
	KEY_LOG_RANDOM_BYTES = 32,
};

// Appends to the file at path, made readable by its owner alone where it is not there; NULL: the
// log is off from now on. A negative errno: it is off. While no slow path runs.
[[nodiscard]] int key_log_open(const char *path);
// While it does not change no slow path runs either.
bool key_log_is_on(void);
// "LABEL CLIENT_RANDOM SECRET"; nothing while the log is off. Any thread.
void key_log_line(const char *line);
// The same of their bytes, of which a secret has 64 at most.
void key_log_secret(const char *label, const uint8_t client_random[KEY_LOG_RANDOM_BYTES],
	const uint8_t *secret, size_t length);
