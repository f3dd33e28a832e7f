// SPDX-License-Identifier: BSD-3-Clause
#include "reality/probe_engine.h"

#include <string.h>

#include "reality/probe.h"
#include "tls13/browser.h"

struct handshake {
	struct reality_profile *profile;
	uint32_t place;
	struct reality_probe *probe;
	size_t received;
	bool finished; // what the target sends from now on comes behind our Finished
	bool unheard;  // a silence that was of no use, and is to be answered all the same
	bool over;
};

// Hellos of the class.
static const struct tls13_browser *const browsers[REALITY_HELLO_CLASSES] = {
	[REALITY_HELLO_CHROME] = &tls13_browser_chrome,
	[REALITY_HELLO_FIREFOX] = &tls13_browser_firefox,
	[REALITY_HELLO_PLAIN] = &tls13_browser_plain,
	[REALITY_HELLO_UNSTAPLED] = &tls13_browser_unstapled,
};

static int create(void *profile, const struct slow_open *open, void **out)
{
	struct reality_profile *p = profile;
	struct reality_probe_config config = {.library = p->library, .random = p->config.random};
	struct handshake *h;
	uint8_t kind;
	int status;

	if (open->place >= reality_shapes_places(p->shapes))
		return -EINVAL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	config.name = reality_shapes_place(p->shapes, open->place, &kind);
	config.browser = browsers[kind / REALITY_ALPN_CLASSES];
	config.alpn = (enum reality_alpn_class)(kind % REALITY_ALPN_CLASSES);
	status = reality_probe_create(&config, &h->probe);
	if (status) {
		free(h);
		return status;
	}
	h->profile = p;
	h->place = open->place;
	*out = h;
	return 0;
}

static void destroy(void *handshake)
{
	struct handshake *h = handshake;

	reality_probe_destroy(h->probe);
	free(h);
}

static void begin(void *handshake, int64_t now_ms)
{
	struct handshake *h = handshake;

	h->over = reality_probe_begin(h->probe, now_ms) != TLS13_OK;
}

static void input(void *handshake, enum slow_stream stream, const uint8_t *bytes, size_t length,
	int64_t now_ms)
{
	struct handshake *h = handshake;

	if (h->over || stream != SLOW_TARGET)
		return;
	h->received += length;
	h->over = reality_probe_input(h->probe, bytes, length, now_ms) != TLS13_OK;
}

static void end(void *handshake, enum slow_stream stream)
{
	struct handshake *h = handshake;

	h->over = true;
}

// What came until now came without our Finished; what comes from then on, behind it.
static void silence(void *handshake)
{
	struct handshake *h = handshake;

	h->unheard = !reality_probe_is_complete(h->probe);
	if (h->unheard)
		return;
	h->over |= h->finished;
	h->finished = true;
	reality_probe_finish(h->probe);
}

static enum reality_fitness judge(const struct handshake *h)
{
	bool with_mldsa = h->profile->credential->mldsa_key != NULL;
	enum reality_fitness fitness = reality_probe_judge(h->probe, with_mldsa);

	if (h->finished || (fitness != REALITY_FIT && fitness != REALITY_UNFIT_INCOMPLETE))
		return fitness;
	return h->received >= SLOW_STREAM_BYTES ? REALITY_UNFIT_LONG : REALITY_UNFIT_INCOMPLETE;
}

static enum handshake_step next(void *handshake, struct slow_message *out)
{
	struct handshake *h = handshake;
	struct reality_shape shape;
	const uint8_t *bytes;
	size_t n = reality_probe_output(h->probe, &bytes);

	if (n > 0) {
		n = n < sizeof(out->data) ? n : sizeof(out->data);
		out->kind = SLOW_SEND;
		out->length = (uint16_t)n;
		memcpy(out->data, bytes, n);
		reality_probe_sent(h->probe, n);
		return HANDSHAKE_ACTS;
	}
	if (!h->over && !h->unheard)
		return HANDSHAKE_WAITS;
	if (!h->over) {
		h->unheard = false;
		out->kind = SLOW_SEND;
		return HANDSHAKE_ACTS;
	}
	reality_probe_shape(h->probe, &shape);
	reality_shapes_note(h->profile->shapes, h->place, judge(h), &shape);
	out->kind = SLOW_FAILED;
	out->failure = SLOW_FAILURE_HANDSHAKE;
	return HANDSHAKE_OVER;
}

static void profile_destroy(void *profile)
{
	reality_profile_destroy(profile);
}

const struct handshake_kind reality_probe_kind = {
	.create = create,
	.destroy = destroy,
	.begin = begin,
	.input = input,
	.end = end,
	.silence = silence,
	.next = next,
	.profile_destroy = profile_destroy,
};
