// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Keys, ids and versions of REALITY as texts have them. Pure; false leaves *out untouched but for
// config_key_read.

#include "core/base.h"

// length bytes in base64url without padding (RFC 4648 section 5), as Xray writes keys. False for
// any other text; out may then hold a part, which the caller wipes.
[[nodiscard]] bool config_key_read(const char *text, uint8_t *out, size_t length);
// The other way; out has room for KEY_TEXT_BYTES(length).
#define KEY_TEXT_BYTES(length) (((length)*4 + 2) / 3 + 1)
void config_key_print(const uint8_t *key, size_t length, char *out);

// 0 to 16 hexadecimal digits, an even number; zeros fill it up.
[[nodiscard]] bool config_short_id_read(const char *text, uint8_t out[8]);

// "26.3.27" as 0x1a031b; each part at most 255.
[[nodiscard]] bool config_version_read(const char *text, uint32_t *out);
