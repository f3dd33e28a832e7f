// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What workers and the control thread tell operators (`nexpath events`, docs/events.md). Workers do
// not format or log: they put fixed-size records on a bounded ring; the control thread turns them
// into {seq, time, kind, severity, message, hint}. A full ring loses the record and counts it.

#include "core/base.h"

enum event_severity {
	EVENT_INFO = 0,
	EVENT_WARNING,
	EVENT_ERROR
};

// enumerator, kind as operators see it, severity, hint
#define EVENT_KINDS(X)                                                                                                           \
	X(STARTED, "started", INFO, "")                                                                                          \
	X(STOPPING, "stopping", INFO, "")                                                                                        \
	X(CONFIG_APPLIED, "config_applied", INFO, "")                                                                            \
	X(CONFIG_REFUSED, "config_refused", ERROR, "nexpath config check FILE lists every fault")                                \
	X(CONFIG_CONFIRMED, "config_confirmed", INFO, "")                                                                        \
	X(CONFIG_REVERTED, "config_reverted", WARNING,                                                                           \
		"the confirm timer fired; apply again and confirm in time")                                                      \
	X(CONFIG_SKIPPED, "config_revision_skipped", ERROR,                                                                      \
		"nexpath config history shows which revision runs")                                                              \
	X(LISTENER_OPENED, "listener_opened", INFO, "")                                                                          \
	X(LISTENER_CLOSED, "listener_closed", INFO, "")                                                                          \
	X(TCP_LISTENER_BIND_FAILED, "tcp_listener_bind_failed", ERROR,                                                           \
		"the address must be one of the node's own")                                                                     \
	X(UDP_LISTENER_BIND_FAILED, "udp_listener_bind_failed", ERROR,                                                           \
		"the address must be one of the node's own")                                                                     \
	X(TCP_UPSTREAM_CONNECT_FAILED, "tcp_upstream_connect_failed", WARNING,                                                   \
		"check that the target listens and its way back leads here")                                                     \
	X(UDP_UPSTREAM_CONNECT_FAILED, "udp_upstream_connect_failed", WARNING,                                                   \
		"check that the target listens and its way back leads here")                                                     \
	X(PORT_CONFLICT, "port_conflict", ERROR, "give one of the two another address or port")                                  \
	X(PORT_UP, "port_up", INFO, "")                                                                                          \
	X(PORT_DOWN, "port_down", ERROR,                                                                                         \
		"its listeners are down until it returns; nexpath port list")                                                    \
	X(PORT_GONE, "port_gone", ERROR, "the device disappeared; it is reopened when it returns")                               \
	X(PORT_OVERSIZED, "port_frame_oversized", WARNING,                                                                       \
		"ethtool -K IF gro off lro off tso off gso off on both ends of the link")                                        \
	X(KERNEL_FORWARDING, "kernel_forwarding_on", WARNING,                                                                    \
		"sysctl -w net.ipv4.conf.all.forwarding=0 net.ipv6.conf.all.forwarding=0, or the kernel forwards a second copy") \
	X(ADDRESS_CONFLICT, "address_conflict", ERROR,                                                                           \
		"another station uses the address; remove it there or here")                                                     \
	X(ADDRESS_HELD_BY_KERNEL, "address_held_by_kernel", ERROR, "ip addr del ADDRESS dev IF")                                 \
	X(TLS_UPSTREAM_FAILED, "tls_upstream_failed", WARNING,                                                                   \
		"check that the target speaks TLS, and what the upstream's credential asks of it")                               \
	X(TLS_UPSTREAM_UNTRUSTED, "tls_upstream_untrusted", ERROR,                                                               \
		"its sessions are refused: roots or server_name do not fit the target, or somebody is in the middle")            \
	X(REALITY_REAL_CERTIFICATE, "reality_real_certificate", ERROR,                                                           \
		"compare public_key, short_id and the clocks with the server's; else somebody is in the middle")                 \
	X(REALITY_FOREIGN_CERTIFICATE, "reality_foreign_certificate", ERROR,                                                     \
		"somebody is in the middle, or the target is no REALITY server")                                                 \
	X(REALITY_TARGET_UNFIT, "reality_target_unfit", WARNING,                                                                 \
		"clients may get the target itself, or be told from its visitors; nexpath credential check NAME")                \
	X(REALITY_TARGET_FIT, "reality_target_fit", INFO, "")                                                                    \
	X(TLS_UPSTREAM_INSECURE, "tls_upstream_insecure", WARNING,                                                               \
		"whoever is in the middle reads all: set roots and server_name instead of insecure")                             \
	X(NAT_PORTS_EXHAUSTED, "nat_ports_exhausted", ERROR,                                                                     \
		"give the upstream more source addresses")                                                                       \
	X(SESSION_TABLE_FULL, "session_table_full", ERROR,                                                                       \
		"raise workers.memory_mb or workers.sessions")                                                                   \
	X(NAME_RESOLVED, "name_resolved", INFO, "")                                                                              \
	X(NAME_UNRESOLVED, "name_unresolved", WARNING, "check the resolvers and the name")                                       \
	X(TARGET_OWN_LISTENER, "target_is_own_listener", ERROR,                                                                  \
		"the name resolves to one of this node's listeners: a loop")                                                     \
	X(CAPTURE_STARTED, "capture_started", INFO, "")                                                                          \
	X(CAPTURE_STOPPED, "capture_stopped", INFO, "")                                                                          \
	X(WORKER_STALLED, "worker_stalled", ERROR,                                                                               \
		"the worker made no turn for a second; is its CPU shared?")                                                      \
	X(SLOWPATH_STALLED, "slowpath_stalled", ERROR,                                                                           \
		"its handshakes time out, others go on; is its CPU shared?")                                                     \
	X(SLOWPATH_RESUMED, "slowpath_resumed", INFO, "")                                                                        \
	X(SLOWPATH_SILENT, "slowpath_silent", ERROR,                                                                             \
		"its handshakes time out, others go on; restart nexpathd if that lasts")                                         \
	X(SLOWPATH_ANSWERS, "slowpath_answers", INFO, "")                                                                        \
	X(STAPLE_REFUSED, "staple_refused", WARNING,                                                                             \
		"the certificate is served without it; fetch a new response and reload")                                         \
	X(CREDENTIAL_EXPIRES, "credential_expires", WARNING,                                                                     \
		"put a new certificate in its file, then nexpath credential reload")                                             \
	X(CREDENTIAL_EXPIRED, "credential_expired", ERROR,                                                                       \
		"put a new certificate in its file, then nexpath credential reload")                                             \
	X(CREDENTIAL_RELOADED, "credential_reloaded", INFO, "")                                                                  \
	X(CREDENTIAL_REFUSED, "credential_refused", ERROR,                                                                       \
		"what ran before runs on; mend the file, then nexpath credential reload")                                        \
	X(KEY_LOG_ON, "key_log_on", ERROR,                                                                                       \
		"whoever reads that file reads what TLS protects; restart without NEXPATH_KEY_LOG")                              \
	X(CORE_DUMPS_ON, "core_dumps_on", ERROR,                                                                                 \
		"whoever reads a core file of it reads private keys; restart without NEXPATH_CORE_DUMPS")                        \
	X(EVENTS_LOST, "events_lost", WARNING, "more happened than the ring holds")

enum event_kind {
#define X(id, name, severity, hint) EVENT_KIND_##id,
	EVENT_KINDS(X)
#undef X
	EVENT_KIND_COUNT,
};

// One record from a worker. subject is a listener, target, port or netif index, as the kind says.
struct worker_event {
	uint16_t kind; // enum event_kind
	uint16_t subject;
	uint32_t count; // how many happened since the last record of this kind and subject
	usec_t time;
	struct ip_address address;
	struct ip_address peer;
	uint16_t port; // host order
	uint8_t mac[6];
};
static_assert(sizeof(struct worker_event) == 56);

const char *event_kind_name(enum event_kind kind);
enum event_severity event_kind_severity(enum event_kind kind);
const char *event_kind_hint(enum event_kind kind);
const char *event_severity_name(enum event_severity severity);
