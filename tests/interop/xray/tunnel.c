// SPDX-License-Identifier: BSD-3-Clause
#include "tunnel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HELD_MAX = 1 << 20,
	PIECE = 16000,
};

bool write_all(int fd, const uint8_t *bytes, size_t length)
{
	while (length != 0) {
		ssize_t n = write(fd, bytes, length);

		if (n <= 0)
			return false;
		bytes += n;
		length -= (size_t)n;
	}
	return true;
}

bool tunnel_init(struct tunnel *t, const struct tls13_library *library,
	const struct tls13_secret *in, uint64_t in_sequence, const struct tls13_secret *out,
	uint64_t out_sequence)
{
	*t = (struct tunnel){.held = writer_with(HELD_MAX)};
	if (!record_key_set(library, false, in, &t->open) ||
		!record_key_set(library, true, out, &t->seal))
		return false;
	t->open.sequence = in_sequence;
	t->seal.sequence = out_sequence;
	return true;
}

void tunnel_hold(struct tunnel *t, const uint8_t *bytes, size_t length)
{
	writer_bytes(&t->held, bytes, length);
}

static bool seal(struct tunnel *t, uint8_t type, const uint8_t *bytes, size_t length)
{
	struct writer w = writer_with(RECORD_HEADER_BYTES + RECORD_CIPHER_MAX);
	bool ok = record_seal(&t->seal, &w, type, bytes, length, 0) &&
		  write_all(t->wire, w.base, w.used);

	writer_clear(&w);
	return ok;
}

// The next whole record: 1 for one, 0 for none, -1 for one that does not open, 2 for an alert.
static int open_one(struct tunnel *t)
{
	uint8_t *p = t->held.base, type;
	size_t n, whole;

	if (t->held.used < RECORD_HEADER_BYTES)
		return 0;
	n = be16_to_host(be16_load(p + 3));
	whole = RECORD_HEADER_BYTES + n;
	if (t->held.used < whole)
		return 0;
	if (p[0] != RECORD_APPLICATION_DATA ||
		record_open(&t->open, p, p + RECORD_HEADER_BYTES, &n, &type) != TLS13_OK)
		return -1;
	if (type == RECORD_APPLICATION_DATA && !write_all(t->plain_out, p + RECORD_HEADER_BYTES, n))
		return 2;
	memmove(p, p + whole, t->held.used - whole);
	t->held.used -= whole;
	return type == RECORD_ALERT ? 2 : 1;
}

static int open_all(struct tunnel *t)
{
	int rc;

	do {
		rc = open_one(t);
	} while (rc == 1);
	return rc;
}

static bool take_plain(struct tunnel *t)
{
	static const uint8_t close_notify[] = {1, 0};
	uint8_t bytes[PIECE];
	ssize_t n = read(t->plain_in, bytes, sizeof(bytes));

	if (n > 0)
		return seal(t, RECORD_APPLICATION_DATA, bytes, (size_t)n);
	t->plain_ended = true;
	return seal(t, RECORD_ALERT, close_notify, sizeof(close_notify)) &&
	       shutdown(t->wire, SHUT_WR) == 0;
}

int tunnel_run(struct tunnel *t)
{
	uint8_t bytes[65536];
	int rc = open_all(t);

	while (rc == 0) {
		struct pollfd fds[] = {{.fd = t->wire, .events = POLLIN},
			{.fd = t->plain_ended ? -1 : t->plain_in, .events = POLLIN}};
		ssize_t n;

		if (poll(fds, 2, -1) < 0)
			break;
		if (fds[1].revents != 0 && !take_plain(t))
			break;
		if (fds[0].revents == 0)
			continue;
		n = read(t->wire, bytes, sizeof(bytes));
		if (n <= 0)
			break;
		tunnel_hold(t, bytes, (size_t)n);
		rc = open_all(t);
	}
	writer_clear(&t->held);
	record_key_clear(&t->open);
	record_key_clear(&t->seal);
	return rc == -1 ? -1 : 0;
}
