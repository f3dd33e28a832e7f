// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Probes of a REALITY listener's target (probe.h) as a kind of handshake that threads of the slow
// path drive: what one finds goes into the profile's shapes.

#include "reality/engine.h"

// Its profiles are struct reality_profile, of which a probe looks at slow_open.place. It takes the
// target's stream alone, and wants to hear when that is silent.
extern const struct handshake_kind reality_probe_kind;
