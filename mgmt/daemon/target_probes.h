// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Has the targets of running REALITY listeners looked at, each name and kind of ALPN by a
// connection of a worker, one after the other (fastpath/stream/probe.h): as soon as a listener's
// credential is another one, once an hour, and after a reload. What is learned is for the profile's
// handshakes; whether the target is fit is told by events. Nothing waits for it: until the first
// look has ended, a listener serves without it. Control thread only.

#include "daemon/daemon.h"

[[nodiscard]] int target_probes_create(struct daemon *daemon, struct target_probes **out);
void target_probes_destroy(struct target_probes *probes); // NULL is allowed

// Begins what is due, takes what came of what was begun. Every second.
void target_probes_tick(struct daemon *daemon);
// The targets of this credential, NULL for all, are due.
void target_probes_renew(struct daemon *daemon, const char *credential);
