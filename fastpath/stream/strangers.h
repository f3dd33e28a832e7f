// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Sessions that are a REALITY target's, from the moment both connections are open until the client
// has proved itself, which strangers never do: how many there may be, of a source and in all
// (strangers.c). Private to stream/.

#include "stream/relay_impl.h"

// Room for their places. -ENOMEM with nothing kept.
[[nodiscard]] int relay_strangers_create(struct relay *r);
void relay_strangers_destroy(struct relay *r);

// Counts a session that is not counted, of this source; for that another one may end. That one is
// never the newcomer.
void relay_stranger_join(struct relay *r, struct relay_session *s, const struct ip_address *source);
// It is the target's no longer, or over. Of a session with RELAY_IS_STRANGER.
void relay_stranger_leave(struct relay *r, struct relay_session *s);
