// SPDX-License-Identifier: BSD-3-Clause
#include "reality/probe.h"

#include <openssl/x509v3.h>

#include "reality/flight.h"
#include "reality/proof.h"

enum {
	ALERT_LENGTH = ALERT_BYTES + FLIGHT_LENGTH_MIN, // a record that holds an alert is no data
	// Our messages with SHA-384, without the certificate itself.
	MESSAGES_BYTES = 6 + 13 + 72 + 52,
};

// The record whose header or body comes next.
struct walk {
	uint8_t header[RECORD_HEADER_BYTES];
	uint32_t have; // of the header
	uint32_t left; // of the body
	uint16_t length;
};

struct reality_probe {
	struct tls13_config tls;
	struct tls13_events events;
	struct tls13_stream *stream;
	struct walk walk;
	struct reality_shape shape;
	char *name;
	bool heard, complete, finished, crowded;
};

int reality_probe_create(const struct reality_probe_config *config, struct reality_probe **out)
{
	static const char *const protocols[] = {"h2", "http/1.1"};
	struct tls13_start start = {.name = config->name};
	struct reality_probe *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	p->tls = (struct tls13_config){.library = config->library,
		.random = config->random,
		.browser = config->browser,
		// Whose certificate it is does not change its length.
		.insecure = true};
	p->tls.alpn = config->alpn == REALITY_ALPN_H2 ? protocols : protocols + 1;
	p->tls.alpn_count = config->alpn == REALITY_ALPN_H2      ? 2
			    : config->alpn == REALITY_ALPN_OTHER ? 1
								 : 0;
	start.events = &p->events;
	p->name = strdup(config->name);
	rc = p->name != NULL ? tls13_stream_create(&p->tls, true, &start, &p->stream) : -ENOMEM;
	if (rc != 0) {
		free(p->name);
		free(p);
		return rc;
	}
	*out = p;
	return 0;
}

void reality_probe_destroy(struct reality_probe *p)
{
	if (p == NULL)
		return;
	tls13_stream_destroy(p->stream);
	free(p->name);
	free(p);
}

enum tls13_verdict reality_probe_begin(struct reality_probe *p, int64_t now_ms)
{
	return tls13_stream_begin(p->stream, now_ms);
}

static void note(struct reality_probe *p, const struct walk *w)
{
	uint16_t length = w->length;
	struct reality_shape *s = &p->shape;
	uint16_t *list = p->complete ? s->after : s->flight;
	uint8_t *count = p->complete ? &s->after_count : &s->flight_count;

	// What is not sealed says nothing of what is: an alert in the clear, or what is none of
	// TLS 1.3.
	if (w->header[0] != RECORD_APPLICATION_DATA ||
		be16_to_host(be16_load(w->header + 1)) != VERSION_1_2)
		return;
	if (p->complete && length == ALERT_LENGTH)
		return;
	if (*count == REALITY_SHAPE_RECORDS_MAX) {
		p->crowded = true;
		return;
	}
	list[(*count)++] = length;
	s->early += p->complete && !p->finished;
}

static void walk(struct reality_probe *p, struct cursor c)
{
	struct walk *w = &p->walk;
	size_t n;

	while (cursor_left(&c) != 0) {
		if (w->left != 0) {
			n = w->left < cursor_left(&c) ? w->left : cursor_left(&c);
			c.p += n;
			w->left -= (uint32_t)n;
			if (w->left == 0)
				note(p, w);
			continue;
		}
		w->header[w->have++] = *c.p++;
		if (w->have < RECORD_HEADER_BYTES)
			continue;
		w->have = 0;
		w->length = be16_to_host(be16_load(w->header + 3));
		w->left = w->length;
		// Those behind the handshake are not opened. What none can be is not the target's,
		// and nothing behind it is known.
		p->crowded |= w->header[0] == RECORD_APPLICATION_DATA &&
			      (w->length < FLIGHT_LENGTH_MIN || w->length > RECORD_CIPHER_MAX);
	}
}

enum tls13_verdict reality_probe_input(
	struct reality_probe *p, const uint8_t *bytes, size_t length, int64_t now_ms)
{
	enum tls13_verdict v;
	size_t taken;

	p->heard |= length != 0;
	if (p->complete) {
		walk(p, cursor_over(bytes, length));
		return TLS13_OK;
	}
	v = tls13_stream_input(p->stream, bytes, length, now_ms, &taken);
	walk(p, cursor_over(bytes, taken));
	p->complete = tls13_stream_is_complete(p->stream);
	walk(p, cursor_over(bytes + taken, length - taken));
	return v;
}

bool reality_probe_is_complete(const struct reality_probe *p)
{
	return p->complete;
}

void reality_probe_finish(struct reality_probe *p)
{
	p->finished = true;
}

size_t reality_probe_output(const struct reality_probe *p, const uint8_t **bytes)
{
	return p->complete && !p->finished ? 0 : tls13_stream_output(p->stream, bytes);
}

void reality_probe_sent(struct reality_probe *p, size_t n)
{
	tls13_stream_sent(p->stream, n);
}

// Whoever signed it.
static bool is_certificate_for(const struct tls13_summary *summary, const char *host)
{
	return summary->chain_count > 0 &&
	       X509_check_host(summary->chain[0], host, 0, 0, NULL) == 1;
}

enum reality_fitness reality_probe_judge(const struct reality_probe *p, bool with_mldsa)
{
	size_t need = MESSAGES_BYTES, room = 0;
	struct tls13_summary summary;

	need += with_mldsa ? REALITY_CERTIFICATE_MLDSA_BYTES : REALITY_CERTIFICATE_BYTES;
	if (!p->heard)
		return REALITY_UNFIT_SILENT;
	tls13_summary(tls13_stream_engine(p->stream), &summary);
	if (summary.retried)
		return REALITY_UNFIT_RETRY;
	if (!p->complete)
		return REALITY_UNFIT_INCOMPLETE;
	if (p->crowded)
		return REALITY_UNFIT_RECORDS;
	for (uint32_t i = 0; i < p->shape.flight_count; i++)
		room += (size_t)p->shape.flight[i] - FLIGHT_LENGTH_MIN;
	if (room < need)
		return REALITY_UNFIT_SHORT;
	return is_certificate_for(&summary, p->name) ? REALITY_FIT : REALITY_UNFIT_NAME;
}

void reality_probe_shape(const struct reality_probe *p, struct reality_shape *out)
{
	*out = p->shape;
}
