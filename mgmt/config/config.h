// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A configuration as plain structs, defaults filled in, every reference resolved. Made by
// config_parse, immutable afterwards, one owner, any thread that the owner chooses. Strings and
// arrays live as long as the configuration.

#include "config/text/text.h"
#include "core/snapshot.h"
#include "pipeline/node.h"

struct config_cpus {
	uint32_t count;
	int16_t items[MAX_WORKERS]; // CPU numbers in the order given; one may stand more than once
};

struct config_prefixes {
	uint32_t count;
	struct ip_prefix *items; // host bits kept
};

struct config_addresses {
	uint32_t count;
	struct ip_address *items;
};

struct config_endpoint {
	bool any;                  // "*": every address of both families
	struct ip_address address; // unspecified with any
	uint16_t port_first;       // host order; 0: none given
	uint16_t port_last;
};

struct config_strings {
	uint32_t count;
	const char **items;
};

struct config_list {
	uint32_t count;
	void *items;
};

enum hugepages_mode {
	HUGEPAGES_AUTO = 0,
	HUGEPAGES_ON,
	HUGEPAGES_OFF
};
enum log_level {
	LOG_LEVEL_ERROR = 0,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_format {
	LOG_FORMAT_TEXT = 0,
	LOG_FORMAT_JSON
};

struct config_workers {
	const struct text_node *node;
	struct config_cpus cpus;
	uint32_t idle; // enum idle_mode
	uint32_t burst;
	uint32_t memory_mb;
	uint32_t hugepages; // enum hugepages_mode
	uint32_t sessions;  // 0: from memory_mb
	uint32_t drain_s;
};

struct config_slowpath {
	const struct text_node *node;
	struct config_cpus cpus; // none: not pinned
	uint32_t threads;
	uint32_t handshakes; // in flight, of each thread
	uint32_t source_handshakes;
	uint32_t source_rate; // a second
	uint32_t handshake_timeout_s;
};

struct config_management {
	const struct text_node *node;
	const char *socket;
	const char *group;
	const char *read_group;         // "" = none
	struct config_endpoint metrics; // port_first 0 = off
	const char *key_dir;
};

struct config_log {
	const struct text_node *node;
	uint32_t level;    // enum log_level
	uint32_t format;   // enum log_format
	uint32_t sessions; // enum session_log_level
};

struct config_resolvers {
	bool system; // those of /etc/resolv.conf
	uint32_t count;
	struct config_endpoint *items;
};

struct config_vlan {
	const struct text_node *node;
	uint32_t id;
	struct config_prefixes address;
	struct config_addresses gateway;
};

// What leaves the port passes a link like this (shape/link.h). All zero: nothing is emulated.
struct config_emulate {
	const struct text_node *node;
	uint64_t rate_bps;
	uint32_t queue_bytes;
	uint32_t mark_bytes;
	uint32_t delay_us;
	uint32_t jitter_us;
	uint32_t jitter_kind; // enum shape_jitter
	uint32_t loss;        // shares: of SHAPE_WHOLE
	uint32_t loss_burst;
	uint32_t reorder;
	uint32_t duplicate;
	uint32_t corrupt;
	uint32_t seed;
};

struct config_port {
	const struct text_node *node;
	const char *name;
	const char *device;
	struct config_prefixes address;
	struct config_addresses gateway;
	uint32_t mtu;
	uint32_t queues;
	struct config_list vlans; // struct config_vlan
	struct config_emulate emulate;
};

struct config_route {
	const struct text_node *node;
	struct ip_prefix to; // masked
	struct ip_address via;
};

struct config_target {
	const char *text;          // as configured
	const char *key;           // "HOST:PORT": what identifies it within its upstream
	const char *host;          // name or address without brackets
	bool is_name;              // address is to be resolved
	struct ip_address address; // unspecified for names
	uint16_t port;             // host order
	uint16_t weight;           // 1 to 256
	bool drained;              // "drained" in the text: no new sessions
};

struct config_targets {
	uint32_t count;
	struct config_target *items;
};

struct config_sources {
	bool client; // keep the client's address
	uint32_t count;
	struct ip_address *items;
};

struct config_transport {
	const struct text_node *node;
	uint32_t outer;    // enum transport_outer
	uint32_t security; // enum transport_security
	struct config_strings credentials;
};

enum transport_outer {
	OUTER_TCP = 0,
	OUTER_UDP,
	OUTER_QUIC,
	OUTER_UNSET
};
enum transport_security {
	SECURITY_RAW = 0,
	SECURITY_TLS,
	SECURITY_REALITY,
	SECURITY_NOISE
};

enum credential_kind {
	CREDENTIAL_TLS = 0, // a server's
	CREDENTIAL_TLS_CLIENT,
	CREDENTIAL_REALITY, // a server's
	CREDENTIAL_REALITY_CLIENT
};

enum tls_version_word {
	TLS_VERSION_WORD_1_2 = 0,
	TLS_VERSION_WORD_1_3
};

enum client_certificate_word {
	CLIENT_CERTIFICATE_OFF = 0,
	CLIENT_CERTIFICATE_OPTIONAL,
	CLIENT_CERTIFICATE_REQUIRED
};

enum key_shares_word {
	KEY_SHARES_ANY = 0,
	KEY_SHARES_HYBRID_FIRST
};

enum fingerprint_word {
	FINGERPRINT_CHROME = 0,
	FINGERPRINT_FIREFOX
};

struct config_limit {
	const struct text_node *node;
	uint32_t after_bytes;
	uint32_t bytes_per_s; // 0: no bound
	uint32_t burst_bytes; // 0: those of a second
};

// Strings are "" and lists empty where the text has none, and where the kind has no such key.
// "file:PATH" is for config_file_path; what a text may hold is for config/key_text.h to read.
struct config_credential {
	const struct text_node *node;
	const char *name;
	uint32_t kind; // enum credential_kind

	// tls; of tls-client certificate, key, alpn and min_version.
	const char *certificate; // "file:PATH", as is key
	const char *key;
	struct config_strings names; // none: those of the certificate
	struct config_strings alpn;
	uint32_t min_version; // enum tls_version_word
	const char *ocsp;     // "file:PATH"
	const char *client_ca;
	uint32_t client_certificate; // enum client_certificate_word

	// tls-client; of reality-client server_name and roots.
	const char *roots;       // "system" or "file:PATH"
	const char *server_name; // "": the target's
	uint32_t insecure;       // 0 or 1

	// reality
	const char *private_key; // text of a key, or "file:PATH"
	const char *previous_private_key;
	struct config_target target;
	struct config_strings server_names;
	struct config_strings short_ids; // texts
	const char *min_client_version;  // "": none
	const char *max_client_version;
	uint32_t max_time_diff_s;       // 0: the clock does not count
	uint32_t key_shares;            // enum key_shares_word
	const char *mldsa65_seed;       // text of a key, "file:PATH" or ""
	uint32_t target_proxy_protocol; // version, 0 = none
	struct config_limit limit_fallback_upload;
	struct config_limit limit_fallback_download;

	// reality-client
	const char *public_key;
	const char *short_id;
	uint32_t fingerprint;       // enum fingerprint_word
	const char *mldsa65_verify; // text of a key, "file:PATH" or ""
};

struct config_upstream {
	const struct text_node *node;
	const char *name;
	struct config_targets targets;
	uint32_t balance; // enum balance_rule
	struct config_sources source;
	uint32_t proxy_protocol; // version, 0 = none
	uint32_t congestion;     // enum tcp_congestion
	uint32_t tcp_profile;    // enum tcp_look
	uint32_t keepalive_s;    // 0 = none
	uint32_t user_timeout_s;
	uint32_t ecn; // 0 or 1
	uint32_t memory_bytes;
	uint32_t idle_connections; // for anybody of protocol http, a worker
	struct config_transport transport;
};

enum config_protocol {
	PROTOCOL_TCP = 0,
	PROTOCOL_UDP,
	PROTOCOL_HTTP
};

// Where requests of one host and path go: to an upstream or elsewhere.
struct config_http_route {
	const struct text_node *node;
	const char *host; // "" = any, "*.DOMAIN"
	const char *path;
	const char *upstream;    // "" = none
	uint32_t upstream_index; // into config.upstreams, with upstream
	const char *redirect;    // "" = none
	uint32_t status;         // index into 301, 302, 303, 307, 308
	uint32_t strip_prefix;
	uint32_t keep_path;
	uint32_t keep_query;
};

struct config_http {
	const struct text_node *node;
	struct config_list routes; // struct config_http_route
	uint32_t head_bytes;
	uint32_t head_fields;
	uint32_t http2_streams;
	uint32_t http2_idle_frames;
	uint32_t http2_resets;
	uint32_t head_timeout_s;
	uint32_t keepalive_timeout_s;
	uint32_t response_timeout_s;
	uint32_t requests_per_source; // a second, 0 = unlimited
	uint32_t access_log;
};

struct config_listener {
	const struct text_node *node;
	const char *name;
	uint32_t protocol; // enum config_protocol
	struct config_endpoint listen;
	const char *upstream;       // "" = none: http with routes
	uint32_t upstream_index;    // into config.upstreams, with upstream
	uint32_t mode;              // enum listener_mode
	uint32_t idle_timeout_s;    // 0 = never
	uint32_t connect_timeout_s; // until the target answers
	uint32_t close_timeout_s;   // until what is under way when both have closed is acknowledged
	uint32_t keepalive_s;       // 0 = none
	uint32_t user_timeout_s;
	uint32_t ecn; // 0 or 1
	uint32_t memory_bytes;
	uint32_t max_sessions;   // 0 = unlimited
	uint32_t proxy_protocol; // 1: clients send a header
	uint32_t congestion;     // enum tcp_congestion
	uint32_t tcp_profile;    // enum tcp_look
	uint32_t transparent;    // 0 or 1
	struct config_transport transport;
	struct config_http http;
};

struct config {
	struct arena arena;
	const struct text_node *root;
	struct config_workers workers;
	struct config_slowpath slowpath;
	struct config_management management;
	struct config_log log;
	struct config_resolvers resolvers;
	struct config_list ports;       // struct config_port
	struct config_list routes;      // struct config_route
	struct config_list credentials; // struct config_credential
	struct config_list upstreams;   // struct config_upstream
	struct config_list listeners;   // struct config_listener
};

static inline const struct config_port *config_ports(const struct config *c)
{
	return c->ports.items;
}

static inline const struct config_route *config_routes(const struct config *c)
{
	return c->routes.items;
}

static inline const struct config_credential *config_credentials(const struct config *c)
{
	return c->credentials.items;
}

// The credential of a name, NULL when there is none.
const struct config_credential *config_credential_find(const struct config *c, const char *name);
// The path in a value "file:PATH"; NULL where it is none.
const char *config_file_path(const char *value);
const char *credential_kind_name(uint32_t kind); // as configured

static inline const struct config_upstream *config_upstreams(const struct config *c)
{
	return c->upstreams.items;
}

static inline const struct config_listener *config_listeners(const struct config *c)
{
	return c->listeners.items;
}

static inline const struct config_vlan *config_vlans(const struct config_port *port)
{
	return port->vlans.items;
}

static inline const struct config_http_route *config_http_routes(const struct config_http *http)
{
	return http->routes.items;
}

// The upstreams that a listener uses, one after the other: *cursor starts at 0. Indices into
// config.upstreams; UINT32_MAX at the end.
uint32_t config_listener_upstream(const struct config_listener *listener, uint32_t *cursor);

// IPPROTO_TCP or IPPROTO_UDP: what stands on the wire (QUIC shares UDP's ports).
uint8_t config_listener_wire_protocol(const struct config_listener *listener);

// Judges a device text: port_device_check (io/port.h) in the daemon; NULL judges nothing.
typedef int config_device_check_fn(const char *device, char *error, size_t error_size);

// Text to configuration: reads, checks every key against the schema, then everything that the text
// alone tells (config/validate.h). Warnings may stand in faults when 0 is returned. -EINVAL: errors
// are in faults; -ENOMEM. An empty text is a valid configuration that serves nothing.
[[nodiscard]] int config_parse(const char *text, size_t length, const struct text_source *source,
	config_device_check_fn *device_check, struct config_faults *faults, struct config **out);

// NULL is allowed.
void config_destroy(struct config *config);
