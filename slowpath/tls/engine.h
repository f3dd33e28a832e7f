// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Standard TLS as a kind of handshake that threads of the slow path drive.

#include "slowpath/handshake.h"

// The server's side; its profiles are struct tls_profile (tls/profile.h).
extern const struct handshake_kind tls_server_kind;
// The client's; struct tls_client_profile (tls/client_profile.h).
extern const struct handshake_kind tls_client_kind;
