// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Which profile of the slow path (slowpath/service.h) each listener and upstream has: made from the
// files that a configuration's credentials name, the same one again as long as neither those nor
// the configuration change. Files are read by credentials_prepare alone; what runs keeps its
// profiles until something else is published. Control thread only.

#include "daemon/daemon.h"
#include "slowpath/tls/profile.h"

struct credentials;
struct reality_profile;

[[nodiscard]] int credentials_create(struct daemon *daemon, struct credentials **out);
void credentials_destroy(struct credentials *credentials); // NULL is allowed

// Reads the files of config's credentials, those of `only` when it is not NULL, and makes the
// profiles that are to run next. A negative errno with a line in error that names the file: what
// runs runs on, and nothing is prepared.
[[nodiscard]] int credentials_prepare(struct daemon *daemon, const struct config *config,
	const char *only, char *error, size_t error_size);
// Whether the credential of that name is another one than what runs, by its text or its files.
bool credentials_have_changed(const struct daemon *daemon, const char *name);
// What was prepared runs from now on, or is forgotten. Nothing happens where nothing was.
void credentials_commit(struct daemon *daemon);
void credentials_abandon(struct daemon *daemon);

// The number of a listener's profile in what was prepared, or else in what runs; 0: none. For
// struct compile_input.
uint32_t credentials_number(struct daemon *daemon, const struct config_listener *listener);
// The same of an upstream's.
uint32_t credentials_upstream_number(struct daemon *daemon, const struct config_upstream *upstream);
// The upstream that has a profile; "?": none any more. Valid until something else is published.
const char *credentials_upstream(const struct daemon *daemon, uint32_t number);
// A profile of REALITY at listeners by its number, until it is forgotten, and that of its probes
// (slowpath/reality/probe_engine.h). NULL: it is none, or is forgotten.
struct reality_profile *credentials_reality(
	const struct daemon *daemon, uint32_t number, uint32_t *probes);
// Forgets profiles that no configuration wants any more, once no session can ask for them: those
// that were accepted under one begin their handshake under it. Every worker must have left the
// snapshots before. now_s: of a clock that does not jump, above 0.
void credentials_sweep(struct daemon *daemon, uint64_t now_s);
// The slow path goes away, and every profile with it.
void credentials_forget(struct daemon *daemon);

// When a certificate of the running credential of that name expires, in Unix seconds; 0: none does.
int64_t credentials_expiry(const struct daemon *daemon, const char *name);
// Events for those that expire within 14 days, within one, and those that have. Every second.
void credentials_expiry_tell(struct daemon *daemon);

// A credential of kind tls as slowpath/tls takes it; borrows its strings.
struct tls_certificate credential_certificate(const struct config_credential *credential);
