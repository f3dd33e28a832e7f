// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <assert.h>

// Every reason for which a packet, session or segment is let go, in one table: enumerator, the name
// that operators see (nexpath_drops_total{reason}, `nexpath drops`), and one sentence of help.

#define DROP_REASONS(X)                                                                            \
	X(NONE, "none", "not dropped")                                                             \
	/* ports and frames */                                                                     \
	X(RX_OVERSIZED, "rx_oversized", "frame larger than the port takes")                        \
	X(TX_FULL, "tx_full", "the port took no more frames")                                      \
	X(TX_RING_FULL, "tx_ring_full", "the transmit ring to the queue's owner was full")         \
	X(HANDOVER_FULL, "handover_full", "the ring to the owning worker was full")                \
	X(PORT_DOWN, "port_down", "the egress port is down")                                       \
	X(EMULATED_LOSS, "emulated_loss", "lost by the emulated link of a port, as configured")    \
	X(EMULATED_QUEUE, "emulated_queue", "the emulated link's queue was full")                  \
	X(EMULATED_LIMIT, "emulated_limit", "more frames under way in an emulated link than fit")  \
	X(NO_BUFFER, "no_buffer", "no packet buffer left")                                         \
	X(L2_TRUNCATED, "l2_truncated", "frame shorter than its Ethernet header")                  \
	X(L2_NOT_OURS, "l2_not_ours", "unicast frame to another station's address")                \
	X(L2_UNKNOWN_TYPE, "l2_unknown_type", "EtherType that is not handled")                     \
	X(VLAN_UNKNOWN, "vlan_unknown", "VLAN id that the port does not carry")                    \
	/* IP */                                                                                   \
	X(IP_TRUNCATED, "ip_truncated", "frame shorter than its IP header says")                   \
	X(IP_BAD_HEADER, "ip_bad_header", "bad version, header length or total length")            \
	X(IP_BAD_CHECKSUM, "ip_bad_checksum", "wrong IPv4 header checksum")                        \
	X(IP_BAD_OPTION, "ip_bad_option", "malformed, source-routed or overlong IP options")       \
	X(IP_SPOOFED, "ip_spoofed",                                                                \
		"source that no peer can have: own, loopback, multicast, unspecified")             \
	X(IP_NOT_OURS, "ip_not_ours",                                                              \
		"destination is not an own address and belongs to no session")                     \
	X(IP_NO_ROUTE, "ip_no_route", "no route to the destination")                               \
	X(IP_HOP_LIMIT, "ip_hop_limit", "hop limit reached zero here")                             \
	X(IP_TOO_BIG, "ip_too_big", "larger than the egress MTU, may not be fragmented")           \
	X(IP_UNKNOWN_PROTOCOL, "ip_unknown_protocol", "IP protocol that is not handled")           \
	X(MULTICAST_IGNORED, "multicast_ignored",                                                  \
		"broadcast or multicast that concerns nobody here")                                \
	/* fragments */                                                                            \
	X(FRAGMENT_MALFORMED, "fragment_malformed", "fragment with impossible offset or length")   \
	X(FRAGMENT_OVERLAP, "fragment_overlap", "overlapping fragments: datagram discarded")       \
	X(FRAGMENT_TIMEOUT, "fragment_timeout", "datagram not completed in time")                  \
	X(FRAGMENT_SOURCE_LIMIT, "fragment_source_limit",                                          \
		"too many datagrams in reassembly from one source")                                \
	X(FRAGMENT_LIMIT, "fragment_limit", "the reassembly memory is full")                       \
	/* transport */                                                                            \
	X(L4_TRUNCATED, "l4_truncated", "shorter than its transport header")                       \
	X(L4_BAD_HEADER, "l4_bad_header",                                                          \
		"bad transport header length, port zero or impossible flags")                      \
	X(L4_BAD_CHECKSUM, "l4_bad_checksum", "wrong TCP, UDP or ICMP checksum")                   \
	X(TCP_BAD_OPTION, "tcp_bad_option", "malformed TCP options on a SYN")                      \
	X(TCP_OUT_OF_WINDOW, "tcp_out_of_window", "segment outside the session's window")          \
	X(TCP_BAD_STATE, "tcp_bad_state", "segment that the session's state does not allow")       \
	X(TCP_OLD_DUPLICATE, "tcp_old_duplicate", "segment that holds nothing new")                \
	X(TCP_OLD_TIMESTAMP, "tcp_old_timestamp", "segment with a timestamp from before (PAWS)")   \
	X(TCP_BAD_ACKNOWLEDGEMENT, "tcp_bad_acknowledgement",                                      \
		"acknowledgement of what was never sent, or of long ago")                          \
	X(TCP_UNPROVEN, "tcp_unproven", "SYN or RST that a challenge must confirm (RFC 5961)")     \
	X(TCP_MEMORY, "tcp_memory", "the connection's memory bound, or its bound of holes")        \
	X(TCP_AFTER_CLOSE, "tcp_after_close", "data for an endpoint that takes none any more")     \
	X(TCP_BAD_COOKIE, "tcp_bad_cookie", "acknowledgement with a stale or made-up SYN cookie")  \
	X(TCP_CONNECTIONS_FULL, "tcp_connections_full", "no free connection")                      \
	X(TCP_NO_SESSION, "tcp_no_session", "segment of an unknown session: answered by a reset")  \
	X(TCP_NO_LISTENER, "tcp_no_listener", "connection to an own address without a listener")   \
	X(UDP_NO_LISTENER, "udp_no_listener", "datagram to an own address without a listener")     \
	X(REPLY_RATE, "reply_rate", "answer withheld: above the rate of resets or unreachables")   \
	/* ICMP */                                                                                 \
	X(ICMP_MALFORMED, "icmp_malformed", "malformed ICMP or neighbour discovery message")       \
	X(ICMP_IGNORED, "icmp_ignored", "ICMP type that is not handled")                           \
	X(ICMP_NO_SESSION, "icmp_no_session", "ICMP error about an unknown session")               \
	X(ICMP_RATE, "icmp_rate", "ICMP above its rate limit")                                     \
	/* neighbours */                                                                           \
	X(ARP_MALFORMED, "arp_malformed", "malformed ARP message")                                 \
	X(ARP_IGNORED, "arp_ignored", "ARP that concerns no own address")                          \
	X(NEIGHBOUR_UNRESOLVED, "neighbour_unresolved", "the next hop did not answer ARP or ND")   \
	X(NEIGHBOUR_QUEUE_FULL, "neighbour_queue_full", "too many packets wait for one next hop")  \
	X(NEIGHBOUR_TABLE_FULL, "neighbour_table_full", "the neighbour table is full")             \
	X(NEIGHBOUR_RATE, "neighbour_rate",                                                        \
		"ARP or neighbour discovery request above the rate of answers on its port")        \
	/* sessions */                                                                             \
	X(SESSION_TABLE_FULL, "session_table_full", "no free session")                             \
	X(FLOW_TABLE_FULL, "flow_table_full", "no free flow table entry")                          \
	X(SESSION_SOURCE_LIMIT, "session_source_limit",                                            \
		"too many unanswered sessions from one source")                                    \
	X(NAT_PORTS_EXHAUSTED, "nat_ports_exhausted", "no free source port toward the target")     \
	X(NAT_CONFLICT, "nat_conflict", "the client's own port is taken toward the target")        \
	X(NO_TARGET, "no_target", "the upstream has no usable target")                             \
	X(LISTENER_CLOSING, "listener_closing", "new session on a listener that is being removed") \
	X(LISTENER_LIMIT, "listener_limit", "the listener's session limit is reached")             \
	X(MODE_UNAVAILABLE, "mode_unavailable",                                                    \
		"the listener's mode is not served by this worker")                                \
	X(PROXY_HEADER, "proxy_header",                                                            \
		"the listener expects a PROXY protocol header, and none came or a wrong one")      \
	X(TLS_HANDSHAKE, "tls_handshake", "the TLS handshake failed by the client's doing")        \
	X(TLS_REFUSED, "tls_refused",                                                              \
		"TLS handshake refused: too many of its source or in all, or no memory")           \
	X(TLS_CROWDED, "tls_crowded",                                                              \
		"TLS handshake that gave way to others, the oldest of the source with most")       \
	X(TLS_TIMEOUT, "tls_timeout", "the TLS handshake was not done in time")                    \
	X(TLS_TARGET_HANDSHAKE, "tls_target_handshake",                                            \
		"the TLS handshake with a target failed by its doing")                             \
	X(TLS_TARGET_UNTRUSTED, "tls_target_untrusted",                                            \
		"a target did not prove who it is: its session was refused")                       \
	X(TLS_TARGET_TIMEOUT, "tls_target_timeout",                                                \
		"the TLS handshake with a target was not done in time")                            \
	X(TLS_RECORD, "tls_record", "a TLS record or alert that ends its connection")              \
	X(TLS_CUT, "tls_cut", "a TLS stream that ended without close_notify")                      \
	X(TLS_LEGS_FULL, "tls_legs_full", "no room for another TLS connection")                    \
	X(REALITY_SOURCE_LIMIT, "reality_source_limit",                                            \
		"oldest stranger's connection to a REALITY target, closed for its source's newer") \
	X(REALITY_LIMIT, "reality_limit", "the same where all are taken, of the source with most") \
	X(SESSION_EVICTED, "session_evicted", "unanswered session evicted for a newer one")

enum drop_reason {
#define X(id, name, help) DROP_##id,
	DROP_REASONS(X)
#undef X
	DROP_COUNT,
};
static_assert(DROP_COUNT < 255);

// The operator's name of a reason, and its sentence; static strings. Any thread.
const char *drop_reason_name(enum drop_reason reason);
const char *drop_reason_help(enum drop_reason reason);
