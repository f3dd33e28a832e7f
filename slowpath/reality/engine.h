// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A REALITY server as a kind of handshake that threads of the slow path drive, and what the
// handshakes of one listener share.

#include "core/atomic.h"
#include "reality/server.h"
#include "slowpath/handshake.h"

// Made by the control thread; handshakes on any thread use it.
struct reality_profile {
	shared_word_t holders;
	struct tls13_library *library;
	struct reality_credential *credential;
	struct reality_replay *replay;
	struct reality_shapes *shapes;
	struct reality_server_config config;
};

// -EINVAL or -ENOTSUP with a line in error that says what is wrong with the settings; -ENOMEM.
[[nodiscard]] int reality_profile_create(const struct reality_settings *settings,
	struct reality_profile **out, char *error, size_t error_size);
// For another holder, who destroys it too. Any thread that holds it.
struct reality_profile *reality_profile_share(struct reality_profile *profile);
// Of the last holder. NULL is allowed. Handshakes that use it must be over.
void reality_profile_destroy(struct reality_profile *profile);

// Its profiles are struct reality_profile; outcomes are enum reality_result.
extern const struct handshake_kind reality_server_kind;
