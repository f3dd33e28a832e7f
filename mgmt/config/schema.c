// SPDX-License-Identifier: BSD-3-Clause
#include "config/schema.h"

// One line a key: the struct and member that hold it say where parsing puts it.
#define IN(type, member) .offset = offsetof(struct type, member)
#define RANGE(low, high) .minimum = (low), .maximum = (high)
// From the first window that is offered to what fills 1 Gbit/s at 50 ms in spite of loss.
#define MEMORY .unit = UNIT_BYTES, .fallback = "4194304", RANGE(64 << 10, 64 << 20)
// In the order of enum tcp_look (tcp/tcp.h), whose table says what each is.
#define TCP_PROFILE_WORDS "default|linux|freebsd|windows"

const struct schema_key schema_keys[] = {
	{"workers", .type = SCHEMA_GROUP, .effect = EFFECT_RESTART, IN(config, workers),
		.sentence = "The poll-mode threads that carry the traffic."},
	{"workers.cpus", .type = SCHEMA_CPUS, .fallback = "0", .effect = EFFECT_RESTART,
		RANGE(1, MAX_WORKERS), IN(config_workers, cpus),
		.sentence = "CPUs of the workers, one worker each; a CPU named twice carries two."},
	{"workers.idle", .type = SCHEMA_WORD, .words = "adaptive|poll", .fallback = "adaptive",
		.effect = EFFECT_RESTART, IN(config_workers, idle),
		.sentence =
			"Whether a worker without traffic sleeps (adaptive) or never does (poll)."},
	{"workers.burst", .type = SCHEMA_INTEGER, .fallback = "64", .effect = EFFECT_RESTART,
		RANGE(1, MAX_BURST), IN(config_workers, burst),
		.sentence = "Packets taken from a port at once."},
	{"workers.memory_mb", .type = SCHEMA_INTEGER, .unit = UNIT_MEBIBYTES, .fallback = "512",
		.effect = EFFECT_RESTART, RANGE(64, 4 << 20), IN(config_workers, memory_mb),
		.sentence = "Memory for packet buffers and tables, all workers together."},
	{"workers.hugepages", .type = SCHEMA_WORD, .words = "auto|on|off", .fallback = "auto",
		.effect = EFFECT_RESTART, IN(config_workers, hugepages),
		.sentence =
			"Whether memory comes from hugepages: where there are any, always, never."},
	{"workers.sessions", .type = SCHEMA_INTEGER, .fallback = "0", .effect = EFFECT_RESTART,
		RANGE(0, 1u << 27), IN(config_workers, sessions),
		.sentence =
			"Sessions that the node can hold at once; 0 takes what memory_mb allows."},
	{"workers.drain_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS, .fallback = "10",
		.effect = EFFECT_NONE, RANGE(0, 86400), IN(config_workers, drain_s),
		.sentence = "How long sessions may run on after SIGTERM."},

	{"slowpath", .type = SCHEMA_GROUP, .effect = EFFECT_RESTART, IN(config, slowpath),
		.sentence = "The plain threads that resolve names and do what may wait."},
	{"slowpath.cpus", .type = SCHEMA_CPUS, .effect = EFFECT_RESTART, RANGE(1, MAX_WORKERS),
		IN(config_slowpath, cpus),
		.sentence = "CPUs of these threads, none of which a worker owns."},
	{"slowpath.threads", .type = SCHEMA_INTEGER, .fallback = "1", .effect = EFFECT_RESTART,
		RANGE(1, 64), IN(config_slowpath, threads),
		.sentence = "How many threads do handshakes; a source's are all one thread's."},
	{"slowpath.handshakes", .type = SCHEMA_INTEGER, .fallback = "2048",
		.effect = EFFECT_RESTART, RANGE(16, 65536), IN(config_slowpath, handshakes),
		.sentence =
			"Handshakes that a thread holds at once, about 64 KiB each; beyond them one that has "
			"not said its hello gives way, or the newcomer is refused."},
	{"slowpath.source_handshakes", .type = SCHEMA_INTEGER, .fallback = "512",
		.effect = EFFECT_RESTART, RANGE(1, 65536), IN(config_slowpath, source_handshakes),
		.sentence = "Of those, what one source (an IPv4 address, an IPv6 /56) may hold."},
	{"slowpath.source_rate", .type = SCHEMA_INTEGER, .fallback = "1000",
		.effect = EFFECT_RESTART, RANGE(1, 1000000), IN(config_slowpath, source_rate),
		.sentence =
			"Handshakes a second that one source may begin, and as many at once after a pause."},
	{"slowpath.handshake_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "10", .effect = EFFECT_RESTART, RANGE(1, 300),
		IN(config_slowpath, handshake_timeout_s),
		.sentence = "How long a handshake may take, from its first byte."},

	{"management", .type = SCHEMA_GROUP, .effect = EFFECT_RESTART, IN(config, management),
		.sentence = "Who may look at the node and change it, and where."},
	{"management.socket", .type = SCHEMA_PATH, .fallback = "/run/nexpath/nexpath.sock",
		.effect = EFFECT_RESTART, RANGE(2, 107), IN(config_management, socket),
		.sentence = "Path of the management socket."},
	{"management.group", .type = SCHEMA_NAME, .fallback = "nexpath", .effect = EFFECT_RESTART,
		RANGE(1, 32), IN(config_management, group),
		.sentence = "Group whose members may change things, besides root."},
	{"management.read_group", .type = SCHEMA_NAME, .effect = EFFECT_RESTART, RANGE(1, 32),
		IN(config_management, read_group),
		.sentence = "Group whose members may only look."},
	{"management.metrics", .type = SCHEMA_ENDPOINT, .effect = EFFECT_RESTART,
		IN(config_management, metrics),
		.sentence = "Kernel address and port of the Prometheus endpoint; absent: off."},
	{"management.key_dir", .type = SCHEMA_PATH, .fallback = "/etc/nexpath/keys",
		.effect = EFFECT_NONE, RANGE(1, 255), IN(config_management, key_dir),
		.sentence = "Folder under which files with private values must lie."},

	{"log", .type = SCHEMA_GROUP, .effect = EFFECT_NONE, IN(config, log),
		.sentence = "What is written to standard error."},
	{"log.level", .type = SCHEMA_WORD, .words = "error|warning|info|debug", .fallback = "info",
		.effect = EFFECT_NONE, IN(config_log, level),
		.sentence = "The least severity written."},
	{"log.format", .type = SCHEMA_WORD, .words = "text|json", .fallback = "text",
		.effect = EFFECT_NONE, IN(config_log, format),
		.sentence = "Lines for people, or one JSON object a line."},
	{"log.sessions", .type = SCHEMA_WORD, .words = "off|close|all", .fallback = "off",
		.effect = EFFECT_NONE, IN(config_log, sessions),
		.sentence = "Whether sessions are logged: not, at their end, or at start and end."},

	{"resolvers", .type = SCHEMA_RESOLVERS, .fallback = "system", .effect = EFFECT_NONE,
		RANGE(1, 8), IN(config, resolvers),
		.sentence = "Name servers: \"system\", or a list of ADDR or ADDR:PORT."},

	{"credentials", .type = SCHEMA_GROUPS, .effect = EFFECT_NEW_SESSIONS, RANGE(0, 1024),
		IN(config, credentials), .size = sizeof(struct config_credential),
		.sentence = "Keys and certificates, named by the transports that use them."},
	{"credentials[].name", .type = SCHEMA_NAME, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, NAME_BYTES - 1), .flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY,
		IN(config_credential, name), .sentence = "Name of the credential."},
	{"credentials[].kind", .type = SCHEMA_WORD,
		.words = "tls|tls-client|reality|reality-client", .effect = EFFECT_NEW_SESSIONS,
		.flags = SCHEMA_REQUIRED, IN(config_credential, kind),
		.sentence =
			"What it is for; the first words of each key below say which kinds have it."},
	{"credentials[].certificate", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), IN(config_credential, certificate),
		.sentence =
			"tls (required), tls-client: file:PATH of the certificate chain in PEM, the own one "
			"first; of a client it answers a server that asks for one."},
	{"credentials[].key", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS, RANGE(7, 255),
		IN(config_credential, key),
		.sentence =
			"tls (required), tls-client: file:PATH of the private key in PEM, under "
			"management.key_dir and readable by its owner alone."},
	{"credentials[].names", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 256), IN(config_credential, names),
		.sentence =
			"tls: host names that clients ask for it by (SNI), exact or *.DOMAIN; absent: those in "
			"the certificate."},
	{"credentials[].alpn", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS, RANGE(1, 16),
		IN(config_credential, alpn),
		.sentence =
			"tls, tls-client: protocols that the other end speaks, the preferred one first; absent: "
			"clients' lists go unanswered, and none is sent to targets."},
	{"credentials[].min_version", .type = SCHEMA_WORD, .words = "1.2|1.3", .fallback = "1.2",
		.effect = EFFECT_NEW_SESSIONS, IN(config_credential, min_version),
		.sentence = "tls, tls-client: the least version of TLS."},
	{"credentials[].ocsp", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS, RANGE(7, 255),
		IN(config_credential, ocsp),
		.sentence =
			"tls: file:PATH of an OCSP response in DER, stapled for clients that ask."},
	{"credentials[].client_ca", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), IN(config_credential, client_ca),
		.sentence =
			"tls: file:PATH of the authorities in PEM that sign clients' certificates."},
	{"credentials[].client_certificate", .type = SCHEMA_WORD, .words = "off|optional|required",
		.fallback = "off", .effect = EFFECT_NEW_SESSIONS,
		IN(config_credential, client_certificate),
		.sentence =
			"tls: whether clients show a certificate of client_ca: not asked, as they like, or "
			"else refused."},
	{"credentials[].roots", .type = SCHEMA_STRING, .fallback = "system",
		.effect = EFFECT_NEW_SESSIONS, RANGE(6, 255), IN(config_credential, roots),
		.sentence =
			"tls-client, reality-client: file:PATH of the authorities in PEM that may sign servers, or "
			"\"system\" for those of this machine."},
	{"credentials[].server_name", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 253), IN(config_credential, server_name),
		.sentence =
			"tls-client, reality-client (required): the name asked for (SNI) and verified; absent: "
			"the target's."},
	{"credentials[].insecure", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_NEW_SESSIONS, IN(config_credential, insecure),
		.sentence =
			"tls-client: true takes any server's certificate: whoever is in the middle reads all."},
	{"credentials[].private_key", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), .flags = SCHEMA_PRIVATE, IN(config_credential, private_key),
		.sentence =
			"reality (required): the server's X25519 key, 32 bytes in base64url, or file:PATH under "
			"management.key_dir."},
	{"credentials[].previous_private_key", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), .flags = SCHEMA_PRIVATE, IN(config_credential, previous_private_key),
		.sentence = "reality: the key before, likewise: its clients come in too."},
	{"credentials[].target", .type = SCHEMA_TARGET, .effect = EFFECT_NEW_SESSIONS,
		IN(config_credential, target),
		.sentence = "reality (required): HOST:PORT of the site that everybody else sees."},
	{"credentials[].server_names", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 256), IN(config_credential, server_names),
		.sentence =
			"reality (required): names of the target that clients may ask for, compared byte for "
			"byte."},
	{"credentials[].short_ids", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 1024), .flags = SCHEMA_PRIVATE, IN(config_credential, short_ids),
		.sentence =
			"reality (required): who may come in: 0 to 16 hexadecimal digits each, an even number; \"\" "
			"lets in clients without one."},
	{"credentials[].min_client_version", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(5, 11), IN(config_credential, min_client_version),
		.sentence = "reality: the least version that clients may claim, as in 26.3.27."},
	{"credentials[].max_client_version", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(5, 11), IN(config_credential, max_client_version),
		.sentence = "reality: the greatest version that clients may claim."},
	{"credentials[].max_time_diff_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "120", .effect = EFFECT_NEW_SESSIONS, RANGE(0, 86400),
		IN(config_credential, max_time_diff_s),
		.sentence =
			"reality: how far a client's clock may be off; 0 for any time, which lets old hellos be "
			"replayed after a restart."},
	{"credentials[].key_shares", .type = SCHEMA_WORD, .words = "any|hybrid-first",
		.fallback = "any", .effect = EFFECT_NEW_SESSIONS, IN(config_credential, key_shares),
		.sentence =
			"reality: which hellos pass: with an X25519 share of any kind, or only those that begin "
			"with X25519MLKEM768, as Xray rules since 26.9.8."},
	{"credentials[].mldsa65_seed", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), .flags = SCHEMA_PRIVATE, IN(config_credential, mldsa65_seed),
		.sentence =
			"reality: 32 bytes in base64url, or file:PATH: signs with ML-DSA-65 too. Needs OpenSSL "
			"3.5."},
	{"credentials[].target_proxy_protocol", .type = SCHEMA_WORD, .words = "off|v1|v2",
		.fallback = "off", .effect = EFFECT_NEW_SESSIONS,
		IN(config_credential, target_proxy_protocol),
		.sentence =
			"reality: PROXY protocol header that the target gets first, with the client's address."},
	{"credentials[].limit_fallback_upload", .type = SCHEMA_GROUP, .effect = EFFECT_NEW_SESSIONS,
		IN(config_credential, limit_fallback_upload),
		.sentence = "reality: bounds what a client that is not ours sends to the target."},
	{"credentials[].limit_fallback_upload.after_bytes", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, after_bytes),
		.sentence = "Bytes that pass before the bound."},
	{"credentials[].limit_fallback_upload.bytes_per_s", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, bytes_per_s),
		.sentence = "Bytes a second behind those; 0 for no bound."},
	{"credentials[].limit_fallback_upload.burst_bytes", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, burst_bytes),
		.sentence = "Bytes that may come at once behind those; 0 for those of a second."},
	{"credentials[].limit_fallback_download", .type = SCHEMA_GROUP,
		.effect = EFFECT_NEW_SESSIONS, IN(config_credential, limit_fallback_download),
		.sentence = "reality: bounds what a client that is not ours gets from the target."},
	{"credentials[].limit_fallback_download.after_bytes", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, after_bytes),
		.sentence = "Bytes that pass before the bound."},
	{"credentials[].limit_fallback_download.bytes_per_s", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, bytes_per_s),
		.sentence = "Bytes a second behind those; 0 for no bound."},
	{"credentials[].limit_fallback_download.burst_bytes", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, burst_bytes),
		.sentence = "Bytes that may come at once behind those; 0 for those of a second."},
	{"credentials[].public_key", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), IN(config_credential, public_key),
		.sentence =
			"reality-client (required): the server's X25519 key, 32 bytes in base64url; who has it and a "
			"short id gets in, so keep it."},
	{"credentials[].short_id", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, 16), .flags = SCHEMA_PRIVATE, IN(config_credential, short_id),
		.sentence =
			"reality-client: one of the server's, 0 to 16 hexadecimal digits, an even number."},
	{"credentials[].fingerprint", .type = SCHEMA_WORD, .words = "chrome|firefox",
		.fallback = "chrome", .effect = EFFECT_NEW_SESSIONS,
		IN(config_credential, fingerprint),
		.sentence = "reality-client: whose hello ours looks like."},
	{"credentials[].mldsa65_verify", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 2604), IN(config_credential, mldsa65_verify),
		.sentence =
			"reality-client: the server's ML-DSA-65 key, 1,952 bytes in base64url, or file:PATH; absent: "
			"not asked for. Needs OpenSSL 3.5."},

	{"ports", .type = SCHEMA_GROUPS, .effect = EFFECT_RESTART, RANGE(0, MAX_PORTS),
		IN(config, ports), .size = sizeof(struct config_port),
		.sentence = "The interfaces that carry traffic. Adding one is live."},
	{"ports[].name", .type = SCHEMA_NAME, .effect = EFFECT_RESTART, RANGE(1, 32),
		.flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY, IN(config_port, name),
		.sentence = "Name of the port."},
	{"ports[].device", .type = SCHEMA_STRING, .effect = EFFECT_RESTART, RANGE(1, 255),
		.flags = SCHEMA_REQUIRED, IN(config_port, device),
		.sentence = "A PCI address, af_packet:IF, tap:IF, af_xdp:IF, memif:SOCKET, "
			    "pcap:IN[,OUT], null, ring, or vdev:ARGS for any other DPDK device."},
	{"ports[].address", .type = SCHEMA_PREFIXES, .effect = EFFECT_RESTART, RANGE(0, 256),
		IN(config_port, address),
		.sentence = "Own addresses, each with the length of its network."},
	{"ports[].gateway", .type = SCHEMA_ADDRESSES, .effect = EFFECT_RESTART, RANGE(0, 2),
		IN(config_port, gateway),
		.sentence = "Default gateways on this port, at most one of each family in all."},
	{"ports[].mtu", .type = SCHEMA_INTEGER, .unit = UNIT_BYTES, .fallback = "1500",
		.effect = EFFECT_RESTART, RANGE(1280, 9600), IN(config_port, mtu),
		.sentence = "Largest IP datagram sent."},
	{"ports[].queues", .type = SCHEMA_INTEGER, .fallback = "1", .effect = EFFECT_RESTART,
		RANGE(1, MAX_QUEUES), IN(config_port, queues),
		.sentence = "Receive queues; more than one spreads a port over workers."},
	{"ports[].emulate", .type = SCHEMA_GROUP, .effect = EFFECT_LIVE, IN(config_port, emulate),
		.sentence =
			"A link that all frames pass on their way out of the port, whatever queue they use; "
			"for both directions both ports have one."},
	{"ports[].emulate.rate_bps", .type = SCHEMA_RATE, .unit = UNIT_BITS_PER_SECOND,
		.fallback = "0", .effect = EFFECT_LIVE, RANGE(0, 1000000),
		IN(config_emulate, rate_bps),
		.sentence =
			"Bits a second, Ethernet headers included, preamble and checksum not; 0 "
			"for no limit."},
	{"ports[].emulate.queue_bytes", .type = SCHEMA_INTEGER, .unit = UNIT_BYTES,
		.fallback = "1048576", .effect = EFFECT_LIVE, RANGE(0, 1u << 30),
		IN(config_emulate, queue_bytes),
		.sentence =
			"Bytes that may wait for the rate, the newest are dropped beyond; 0 for as "
			"many as memory holds."},
	{"ports[].emulate.mark_bytes", .type = SCHEMA_INTEGER, .unit = UNIT_BYTES, .fallback = "0",
		.effect = EFFECT_LIVE, RANGE(0, 1u << 30), IN(config_emulate, mark_bytes),
		.sentence =
			"Bytes waiting from which ECN-capable packets are marked (RFC 3168); 0 for "
			"never."},
	{"ports[].emulate.delay_us", .type = SCHEMA_INTEGER, .unit = UNIT_MICROSECONDS,
		.fallback = "0", .effect = EFFECT_LIVE, RANGE(0, 60000000),
		IN(config_emulate, delay_us), .sentence = "Time on the way."},
	{"ports[].emulate.jitter_us", .type = SCHEMA_INTEGER, .unit = UNIT_MICROSECONDS,
		.fallback = "0", .effect = EFFECT_LIVE, RANGE(0, 60000000),
		IN(config_emulate, jitter_us),
		.sentence = "How much the delay varies; frames keep their order."},
	{"ports[].emulate.jitter_kind", .type = SCHEMA_WORD, .words = "uniform|normal",
		.fallback = "uniform", .effect = EFFECT_LIVE, IN(config_emulate, jitter_kind),
		.sentence =
			"uniform: up to jitter_us more or less; normal: jitter_us is the standard "
			"deviation."},
	{"ports[].emulate.loss", .type = SCHEMA_SHARE, .unit = UNIT_SHARE, .fallback = "0",
		.effect = EFFECT_LIVE, IN(config_emulate, loss),
		.sentence = "Share of frames that is lost."},
	{"ports[].emulate.loss_burst", .type = SCHEMA_INTEGER, .fallback = "1",
		.effect = EFFECT_LIVE, RANGE(1, 100000), IN(config_emulate, loss_burst),
		.sentence = "Mean number of frames lost in a row, the share remaining the same."},
	{"ports[].emulate.reorder", .type = SCHEMA_SHARE, .unit = UNIT_SHARE, .fallback = "0",
		.effect = EFFECT_LIVE, IN(config_emulate, reorder),
		.sentence = "Share of frames that takes only a random part of delay_us, and so "
			    "overtakes."},
	{"ports[].emulate.duplicate", .type = SCHEMA_SHARE, .unit = UNIT_SHARE, .fallback = "0",
		.effect = EFFECT_LIVE, IN(config_emulate, duplicate),
		.sentence = "Share of frames that arrives twice."},
	{"ports[].emulate.corrupt", .type = SCHEMA_SHARE, .unit = UNIT_SHARE, .fallback = "0",
		.effect = EFFECT_LIVE, IN(config_emulate, corrupt),
		.sentence = "Share of IP packets that arrives with one bit flipped."},
	{"ports[].emulate.seed", .type = SCHEMA_INTEGER, .fallback = "1", .effect = EFFECT_LIVE,
		RANGE(0, UINT32_MAX), IN(config_emulate, seed),
		.sentence =
			"Where chance begins: the same frames at the same times fare the same."},
	{"ports[].vlans", .type = SCHEMA_GROUPS, .effect = EFFECT_RESTART, RANGE(0, 1000),
		IN(config_port, vlans), .size = sizeof(struct config_vlan),
		.sentence = "Tagged networks on the port."},
	{"ports[].vlans[].id", .type = SCHEMA_INTEGER, .effect = EFFECT_RESTART, RANGE(1, 4094),
		.flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY, IN(config_vlan, id),
		.sentence = "VLAN id."},
	{"ports[].vlans[].address", .type = SCHEMA_PREFIXES, .effect = EFFECT_RESTART,
		RANGE(1, 256), .flags = SCHEMA_REQUIRED, IN(config_vlan, address),
		.sentence = "Own addresses in the VLAN."},
	{"ports[].vlans[].gateway", .type = SCHEMA_ADDRESSES, .effect = EFFECT_RESTART, RANGE(0, 2),
		IN(config_vlan, gateway), .sentence = "Default gateways in the VLAN."},

	{"routes", .type = SCHEMA_GROUPS, .effect = EFFECT_NEW_SESSIONS, RANGE(0, 2000),
		IN(config, routes), .size = sizeof(struct config_route),
		.sentence = "Networks behind other gateways than the default one."},
	{"routes[].to", .type = SCHEMA_PREFIX, .effect = EFFECT_NEW_SESSIONS,
		.flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY, IN(config_route, to),
		.sentence = "The network."},
	{"routes[].via", .type = SCHEMA_ADDRESS, .effect = EFFECT_NEW_SESSIONS,
		.flags = SCHEMA_REQUIRED, IN(config_route, via),
		.sentence = "Its gateway, in a network of a port."},

	{"upstreams", .type = SCHEMA_GROUPS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, MAX_UPSTREAMS / 2), IN(config, upstreams),
		.size = sizeof(struct config_upstream), .sentence = "Where traffic goes."},
	{"upstreams[].name", .type = SCHEMA_NAME, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, NAME_BYTES - 1), .flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY,
		IN(config_upstream, name), .sentence = "Name of the upstream."},
	{"upstreams[].targets", .type = SCHEMA_TARGETS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 4096), .flags = SCHEMA_REQUIRED, IN(config_upstream, targets),
		.sentence =
			"HOST:PORT each, with weight=N (1 to 256) and drained behind it if wanted; "
			"HOST is an address ([ADDR6]) or a name."},
	{"upstreams[].balance", .type = SCHEMA_WORD,
		.words = "round-robin|least-connections|source-hash|maglev",
		.fallback = "round-robin", .effect = EFFECT_NEW_SESSIONS,
		IN(config_upstream, balance),
		.sentence =
			"How a new session finds its target. Each worker counts on its own: round-robin "
			"and least-connections are even a worker."},
	{"upstreams[].proxy_protocol", .type = SCHEMA_WORD, .words = "off|v1|v2", .fallback = "off",
		.effect = EFFECT_NEW_SESSIONS, IN(config_upstream, proxy_protocol),
		.sentence =
			"PROXY protocol header that targets get first, with the client's address; of "
			"listeners in mode terminate."},
	{"upstreams[].congestion", .type = SCHEMA_WORD, .words = "cubic|rate", .fallback = "cubic",
		.effect = EFFECT_NEW_SESSIONS, IN(config_upstream, congestion),
		.sentence = "Congestion control toward targets, of listeners in mode terminate."},
	{"upstreams[].tcp_profile", .type = SCHEMA_WORD, .words = TCP_PROFILE_WORDS,
		.fallback = "default", .effect = EFFECT_NEW_SESSIONS,
		IN(config_upstream, tcp_profile),
		.sentence =
			"Whose SYN ours to targets looks like, of listeners in mode terminate: options "
			"and their order, window, hop limit, IPv4 identification."},
	{"upstreams[].keepalive_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS, .fallback = "0",
		.effect = EFFECT_NEW_SESSIONS, RANGE(0, 3 * 86400),
		IN(config_upstream, keepalive_s),
		.sentence =
			"A target that was silent for so long is probed, of listeners in mode terminate: "
			"nine times, as far apart but at most 75 s; 0 for never."},
	{"upstreams[].user_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "900", .effect = EFFECT_NEW_SESSIONS, RANGE(1, 86400),
		IN(config_upstream, user_timeout_s),
		.sentence =
			"A target that acknowledges nothing of what was sent for so long is given up, of "
			"listeners in mode terminate (RFC 5482); refused where one in mode direct uses it."},
	{"upstreams[].ecn", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_NEW_SESSIONS, IN(config_upstream, ecn),
		.sentence = "Whether targets are asked for ECN (RFC 3168), in mode terminate."},
	{"upstreams[].memory_bytes", .type = SCHEMA_INTEGER, MEMORY, .effect = EFFECT_NEW_SESSIONS,
		IN(config_upstream, memory_bytes), .sentence = "As of listeners, toward targets."},
	{"upstreams[].source", .type = SCHEMA_SOURCES, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, MAX_SOURCES), IN(config_upstream, source),
		.sentence =
			"Own addresses that targets see, or \"client\" to keep the client's, not with http; "
			"absent: those of the port toward the target."},
	{"upstreams[].transport", .type = SCHEMA_GROUP, .effect = EFFECT_NEW_SESSIONS,
		IN(config_upstream, transport), .sentence = "How bytes travel to the targets."},
	{"upstreams[].transport.outer", .type = SCHEMA_WORD, .words = "tcp|udp|!quic",
		.effect = EFFECT_NEW_SESSIONS, .flags = SCHEMA_DERIVED,
		.fallback = "the listener's protocol", IN(config_transport, outer),
		.sentence = "Protocol on the wire."},
	{"upstreams[].transport.security", .type = SCHEMA_WORD, .words = "raw|tls|reality|!noise",
		.fallback = "raw", .effect = EFFECT_NEW_SESSIONS, IN(config_transport, security),
		.sentence = "What protects the bytes."},
	{"upstreams[].transport.credentials", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 256), IN(config_transport, credentials),
		.sentence =
			"Names of credentials: raw takes none, tls one of kind tls-client or none, reality "
			"one of kind reality-client."},

	{"listeners", .type = SCHEMA_GROUPS, .effect = EFFECT_DRAIN, RANGE(0, MAX_LISTENERS / 2),
		IN(config, listeners), .size = sizeof(struct config_listener),
		.sentence = "Where traffic comes in."},
	{"listeners[].name", .type = SCHEMA_NAME, .effect = EFFECT_DRAIN, RANGE(1, NAME_BYTES - 1),
		.flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY, IN(config_listener, name),
		.sentence = "Name of the listener."},
	{"listeners[].protocol", .type = SCHEMA_WORD, .words = "tcp|udp|http",
		.effect = EFFECT_DRAIN, .flags = SCHEMA_REQUIRED, IN(config_listener, protocol),
		.sentence =
			"What clients speak; http is read request by request and routed (http), in mode terminate."},
	{"listeners[].listen", .type = SCHEMA_LISTEN, .effect = EFFECT_NEW_SESSIONS,
		.flags = SCHEMA_REQUIRED, IN(config_listener, listen),
		.sentence =
			"ADDR:PORT, [ADDR6]:PORT or *:PORT for all own addresses; PORT may be a range "
			"FIRST-LAST; ADDR is an own address."},
	{"listeners[].upstream", .type = SCHEMA_NAME, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, NAME_BYTES - 1), IN(config_listener, upstream),
		.sentence =
			"Name of the upstream that serves it; with http, requests that no route covers, and "
			"absent none does."},
	{"listeners[].mode", .type = SCHEMA_WORD, .words = "direct|terminate", .fallback = "direct",
		.effect = EFFECT_NEW_SESSIONS, IN(config_listener, mode),
		.sentence =
			"direct rewrites packets and keeps the client's address family; terminate (tcp) ends "
			"both connections here, relays between them, and takes targets of any family."},
	{"listeners[].idle_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "7440 for tcp, 30 for udp, 300 for http", .effect = EFFECT_LIVE,
		RANGE(0, 30 * 86400), .flags = SCHEMA_DERIVED, IN(config_listener, idle_timeout_s),
		.sentence = "A session without packets for so long ends; 0 for never (RFC 5382)."},
	{"listeners[].connect_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "5", .effect = EFFECT_NEW_SESSIONS, RANGE(1, 60),
		IN(config_listener, connect_timeout_s),
		.sentence = "A session whose target does not answer for so long ends."},
	{"listeners[].close_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "30", .effect = EFFECT_LIVE, RANGE(1, 3600),
		IN(config_listener, close_timeout_s),
		.sentence =
			"In mode terminate: a session that both ends have closed is reset when nothing more "
			"of what is under way is acknowledged for so long; with http of WebSockets alone, "
			"other clients have 5 s after their last answer."},
	{"listeners[].keepalive_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS, .fallback = "0",
		.effect = EFFECT_NEW_SESSIONS, RANGE(0, 3 * 86400),
		IN(config_listener, keepalive_s),
		.sentence =
			"In mode terminate: a client that was silent for so long is probed, nine times, as "
			"far apart but at most 75 s, then given up; 0 for never."},
	{"listeners[].user_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "900", .effect = EFFECT_NEW_SESSIONS, RANGE(1, 86400),
		IN(config_listener, user_timeout_s),
		.sentence =
			"In mode terminate: a client that acknowledges nothing of what was sent for so long "
			"is given up (RFC 5482)."},
	{"listeners[].ecn", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_NEW_SESSIONS, IN(config_listener, ecn),
		.sentence = "Whether clients may have ECN (RFC 3168), in mode terminate."},
	{"listeners[].memory_bytes", .type = SCHEMA_INTEGER, MEMORY, .effect = EFFECT_NEW_SESSIONS,
		IN(config_listener, memory_bytes),
		.sentence =
			"In mode terminate: buffer bytes of a connection at most, each way (window scale: by tcp_profile, else by this)."},
	{"listeners[].max_sessions", .type = SCHEMA_INTEGER, .fallback = "0",
		.effect = EFFECT_NEW_SESSIONS, RANGE(0, 1u << 27),
		IN(config_listener, max_sessions),
		.sentence =
			"Sessions at once; 0 for no limit of its own. Each of N workers keeps to an Nth, "
			"rounded up: at most N - 1 more in all, and a full worker refuses while others have room."},
	{"listeners[].proxy_protocol", .type = SCHEMA_WORD, .words = "off|required",
		.fallback = "off", .effect = EFFECT_NEW_SESSIONS,
		IN(config_listener, proxy_protocol),
		.sentence =
			"required (mode terminate): every client begins with a PROXY protocol header, "
			"version 1 or 2, which is taken off; one without is reset."},
	{"listeners[].congestion", .type = SCHEMA_WORD, .words = "cubic|rate", .fallback = "cubic",
		.effect = EFFECT_NEW_SESSIONS, IN(config_listener, congestion),
		.sentence =
			"Congestion control toward clients in mode terminate; rate paces by the "
			"measured rate and bears loss."},
	{"listeners[].tcp_profile", .type = SCHEMA_WORD, .words = TCP_PROFILE_WORDS,
		.fallback = "default", .effect = EFFECT_NEW_SESSIONS,
		IN(config_listener, tcp_profile),
		.sentence =
			"Whose SYN-ACK ours to clients looks like, in mode terminate: options and their "
			"order, window, hop limit, IPv4 identification."},
	{"listeners[].transparent", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_NEW_SESSIONS, IN(config_listener, transparent),
		.sentence =
			"true (mode terminate): segments leave as they came, each at once and with its "
			"PSH, FIN and RST pass as they are, and the client's SYN has the target's answer."},
	{"listeners[].transport", .type = SCHEMA_GROUP, .effect = EFFECT_NEW_SESSIONS,
		IN(config_listener, transport), .sentence = "How bytes travel from the clients."},
	{"listeners[].transport.outer", .type = SCHEMA_WORD, .words = "tcp|udp|!quic",
		.effect = EFFECT_NEW_SESSIONS, .flags = SCHEMA_DERIVED,
		.fallback = "the listener's protocol", IN(config_transport, outer),
		.sentence = "Protocol on the wire."},
	{"listeners[].transport.security", .type = SCHEMA_WORD, .words = "raw|tls|reality|!noise",
		.fallback = "raw", .effect = EFFECT_NEW_SESSIONS, IN(config_transport, security),
		.sentence = "What protects the bytes."},
	{"listeners[].transport.credentials", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 256), IN(config_transport, credentials),
		.sentence =
			"Names of credentials: tls takes one or more of kind tls, chosen by the name that "
			"a client asks for, exact before wildcard; the first serves all others; reality "
			"takes one of kind reality."},
	{"listeners[].http", .type = SCHEMA_GROUP, .effect = EFFECT_LIVE, IN(config_listener, http),
		.sentence = "Of protocol http: where requests go, and their limits."},
	{"listeners[].http.routes", .type = SCHEMA_GROUPS, .effect = EFFECT_LIVE, RANGE(0, 1024),
		IN(config_http, routes), .size = sizeof(struct config_http_route),
		.sentence =
			"Requests by host and path: an exact host before a wildcard before any host, then the "
			"longest path."},
	{"listeners[].http.routes[].host", .type = SCHEMA_STRING, .effect = EFFECT_LIVE,
		RANGE(1, 253), IN(config_http_route, host),
		.sentence =
			"Host name or address, or *.DOMAIN for all names below it; absent: any."},
	{"listeners[].http.routes[].path", .type = SCHEMA_STRING, .fallback = "/",
		.effect = EFFECT_LIVE, RANGE(1, 255), IN(config_http_route, path),
		.sentence =
			"The path and all below it: /api covers /api and /api/x, not /apix. Not "
			"percent-encoded."},
	{"listeners[].http.routes[].upstream", .type = SCHEMA_NAME, .effect = EFFECT_LIVE,
		RANGE(1, NAME_BYTES - 1), IN(config_http_route, upstream),
		.sentence = "Name of the upstream that serves it."},
	{"listeners[].http.routes[].redirect", .type = SCHEMA_STRING, .effect = EFFECT_LIVE,
		RANGE(1, 255), IN(config_http_route, redirect),
		.sentence =
			"In place of upstream: where clients are sent, http://..., https://... or /PATH; "
			"\"https\" or \"https:PORT\" for the same host over TLS."},
	{"listeners[].http.routes[].status", .type = SCHEMA_WORD, .words = "301|302|303|307|308",
		.fallback = "302", .effect = EFFECT_LIVE, IN(config_http_route, status),
		.sentence = "Of a redirection."},
	{"listeners[].http.routes[].strip_prefix", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_LIVE, IN(config_http_route, strip_prefix),
		.sentence = "Whether the route's path is taken off before the request goes on."},
	{"listeners[].http.routes[].keep_path", .type = SCHEMA_BOOLEAN, .fallback = "true",
		.effect = EFFECT_LIVE, IN(config_http_route, keep_path),
		.sentence = "Whether a redirection goes on with the request's path."},
	{"listeners[].http.routes[].keep_query", .type = SCHEMA_BOOLEAN, .fallback = "true",
		.effect = EFFECT_LIVE, IN(config_http_route, keep_query),
		.sentence = "Whether a redirection goes on with the request's query."},
	{"listeners[].http.head_bytes", .type = SCHEMA_INTEGER, .unit = UNIT_BYTES,
		.fallback = "8192", .effect = EFFECT_LIVE, RANGE(256, 16384),
		IN(config_http, head_bytes),
		.sentence =
			"First line and fields of a request at most; more is answered with 431."},
	{"listeners[].http.head_fields", .type = SCHEMA_INTEGER, .fallback = "100",
		.effect = EFFECT_LIVE, RANGE(8, 128), IN(config_http, head_fields),
		.sentence = "Fields of a request at most."},
	{"listeners[].http.http2_streams", .type = SCHEMA_INTEGER, .fallback = "100",
		.effect = EFFECT_LIVE, RANGE(1, 1000), IN(config_http, http2_streams),
		.sentence =
			"Requests of one connection of HTTP/2 at once; more are refused. For new "
			"connections, as the next two."},
	{"listeners[].http.http2_idle_frames", .type = SCHEMA_INTEGER, .fallback = "500",
		.effect = EFFECT_LIVE, RANGE(10, 100000), IN(config_http, http2_idle_frames),
		.sentence =
			"Frames a second that carry nothing of a request, of one connection, and twice "
			"as many at once; then it ends."},
	{"listeners[].http.http2_resets", .type = SCHEMA_INTEGER, .fallback = "50",
		.effect = EFFECT_LIVE, RANGE(1, 100000), IN(config_http, http2_resets),
		.sentence =
			"Requests a second that one connection of HTTP/2 may begin and reset, and four "
			"times as many at once; then it ends."},
	{"listeners[].http.head_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "10", .effect = EFFECT_LIVE, RANGE(1, 3600),
		IN(config_http, head_timeout_s),
		.sentence = "How long the head of a request may take; then 408."},
	{"listeners[].http.keepalive_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "75", .effect = EFFECT_LIVE, RANGE(1, 86400),
		IN(config_http, keepalive_timeout_s),
		.sentence = "How long a client may be silent between requests."},
	{"listeners[].http.response_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "60", .effect = EFFECT_LIVE, RANGE(1, 86400),
		IN(config_http, response_timeout_s),
		.sentence = "How long a target may take to answer a whole request; then 504."},
	{"listeners[].http.requests_per_source", .type = SCHEMA_INTEGER, .fallback = "0",
		.effect = EFFECT_LIVE, RANGE(0, 1000000), IN(config_http, requests_per_source),
		.sentence =
			"Requests a second of one address (IPv6: /56) on each worker, then 429; 0 for no "
			"limit."},
	{"listeners[].http.access_log", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_LIVE, IN(config_http, access_log),
		.sentence = "Whether each request is logged."},
};
const uint32_t schema_key_count = nx_array_size(schema_keys);

const struct schema_key *schema_find(const char *path)
{
	for (uint32_t i = 0; i < schema_key_count; i++)
		if (strcmp(schema_keys[i].path, path) == 0)
			return &schema_keys[i];
	return NULL;
}

const struct schema_key *schema_child(const char *parent, uint32_t *index, const char **name)
{
	size_t length = strlen(parent);

	for (; *index < schema_key_count; (*index)++) {
		const char *path = schema_keys[*index].path;

		if (strncmp(path, parent, length) != 0)
			continue;
		if (length > 0 && path[length] != '.')
			continue;
		*name = path + length + (length > 0);
		if (!strchr(*name, '.') && !strchr(*name, '['))
			return &schema_keys[(*index)++];
	}
	return NULL;
}

const struct schema_key *schema_child_named(const char *parent, const char *name)
{
	const struct schema_key *key;
	const char *last;
	uint32_t index = 0;

	while ((key = schema_child(parent, &index, &last)))
		if (strcmp(last, name) == 0)
			return key;
	return NULL;
}

// Levenshtein distance of two short names, 99 where one is too long to be a key.
static unsigned name_distance(const char *a, const char *b)
{
	enum {
		LONGEST = 40
	};
	unsigned row[LONGEST + 1];
	size_t n = strlen(b);

	if (strlen(a) > LONGEST || n > LONGEST)
		return 99;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned replace = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = u32_min(replace, u32_min(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

const char *schema_nearest(const char *parent, const char *name)
{
	const char *best = NULL;
	const char *last;
	unsigned nearest = (unsigned)strlen(name) / 3 + 2;
	uint32_t index = 0;

	while (schema_child(parent, &index, &last)) {
		unsigned distance = name_distance(name, last);

		// "idle_timeout" for "idle_timeout_s": the unit is what people leave out.
		if (strlen(name) > 2 && strncmp(last, name, strlen(name)) == 0)
			distance = 1;
		if (distance < nearest) {
			nearest = distance;
			best = last;
		}
	}
	return best;
}

const char *schema_type_name(enum schema_type type)
{
	static const char *const names[SCHEMA_TYPE_COUNT] = {"group { }", "list of groups ( { } )",
		"integer", "rate", "share", "word", "true or false", "string", "name",
		"absolute path", "list of CPUs in a string", "ADDR:PORT", "ADDR:PORT",
		"list of ADDR/LENGTH", "list of addresses", "ADDR/LENGTH", "address",
		"list of HOST:PORT", "list of addresses, or \"client\"",
		"list of servers, or \"system\"", "list of strings", "HOST:PORT"};

	return names[type];
}

const char *schema_unit_name(enum schema_unit unit)
{
	static const char *const names[] = {"", "s", "MiB", "bytes", "us", "bit/s", ""};

	return names[unit];
}

const char *schema_effect_name(enum schema_effect effect)
{
	static const char *const names[] = {"none", "new-sessions", "live", "drain", "restart"};

	return names[effect];
}
